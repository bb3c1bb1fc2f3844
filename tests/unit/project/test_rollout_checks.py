"""Rollout policies that contradict themselves, or ask what no server can do, are refused with file and line."""

from pathlib import Path

import pytest

from baton.kernel.errors import InvalidProject
from baton.project.loader import load

BASE = """project: shop
problem: {question: Will it sell?}
people: [{name: ann, roles: [product-manager]}]
sources:
  orders: {path: orders.csv, key: [id], known_at: at}
entity: {source: orders, key: id}
label: {source: orders, column: sold, equals: 1}
replay: {start: 2023-01-01, live: 2023-02-01, until: 2023-06-01}
rollout:
"""
LINE = BASE.count("\n") + 1


def mistakes(folder: Path, *rollout: str, base: str = BASE) -> list[tuple[int, str]]:
    (folder / "orders.csv").write_text("id,at,sold\n")
    (folder / "features.py").write_text("")
    (folder / "baton.yaml").write_text(base + "\n".join(f"  {line}" for line in rollout) + "\n")
    try:
        load(folder)
    except InvalidProject as error:
        return [(each.line - LINE, each.what) for each in error.mistakes]
    return []


GOOD = (
    ("strategy: all-at-once",),
    ("strategy: blue-green", "keep: 3d"),
    ("strategy: champion-challenger", "baseline: false"),
    ("steps: [{kind: shadow}, {kind: canary, share: 0.01}, {kind: canary, share: 0.05}, {kind: canary, share: 0.5}]",),
    ("guard: {errors: true, slow: [50ms, 200ms], alpha: 0.05}", "fallback: previous"),
    ("fallback: {answer: 0.2}", "where: {carrier: [AA]}"),
    (
        "strategy: champion-challenger",
        "ab: {variants: {bold: {version: 2, share: 0.3}, calm: {version: 3, share: 0.3}}, lasts: 7d}",
    ),
    ("steps: [{kind: shadow}]", "bandit: {variants: {bold: 2, calm: 3}, floor: 0.1}"),
    ("latest: 5d", "overdue: hold"),
)
BAD = {
    "steps of no steps": (("strategy: blue-green", "steps: [{kind: shadow}]"), 1, "has no steps"),
    "no steps": (("steps: []",), 0, "by steps has none"),
    "a stand-in of too much": (("fallback: {answer: 7}",), 0, "rollout.fallback.answer is 7"),
    "a stand-in of nothing": (("fallback: {}",), 0, "'answer' is missing in rollout.fallback"),
    "a stand-in of no sort": (("fallback: next",), 0, "rollout.fallback is 'next'"),
    "keep of nothing": (("keep: 3d",), 0, "steps keeps none"),
    "two who stand in": (("strategy: blue-green", "fallback: previous"), 1, "stand in already"),
    "overdue for ever": (("strategy: champion-challenger", "latest: 3d"), 1, "nothing is ever overdue"),
    "margin of better": (("strategy: champion-challenger", "margin: 0.1"), 1, "has no margin"),
    "held beyond its end": (("latest: 1d",), 0, "would be overdue"),
    "nobody to compare": (("steps: [{kind: canary, share: 1}]",), 0, "leaves nobody"),
    "falling": (("steps: [{kind: canary, share: 0.5}, {kind: canary, share: 0.2}]",), 0, "falls from 0.5 to 0.2"),
    "segment of nobody": (("strategy: all-at-once", "where: {carrier: [AA]}"), 1, "there is none"),
    "segment of nothing": (("where: {carrier: []}",), 0, "no value of carrier"),
    "slow in a segment": (("where: {carrier: [AA]}", "guard: {slow: [50ms]}"), 1, "latency is watched without 'where' only"),
    "slow without a canary": (("strategy: all-at-once", "guard: {slow: [50ms]}"), 1, "only a canary is watched"),
    "slow without errors": (("guard: {errors: false, slow: [50ms]}",), 0, "errors whenever it watches"),
    "slow falling": (("guard: {slow: [200ms, 50ms]}",), 0, "do not ascend"),
    "slow too often": (("guard: {slow: [1ms, 2ms, 3ms, 4ms, 5ms, 6ms]}",), 0, "too many"),
    "drawn anew": (("ab: {variants: {bold: {version: 2, share: 0.3}}}",), 0, "draw their units anew"),
    "both at once": (("steps: [{kind: shadow}]", "ab: {variants: {b: {version: 2, share: 0.3}}}", "bandit: {variants: {c: 3}}"), 2, "at once"),
    "a taken name": (("steps: [{kind: shadow}]", "ab: {variants: {canary: {version: 2, share: 0.3}}}"), 1, "means something already"),
    "one version twice": (("steps: [{kind: shadow}]", "bandit: {variants: {b: 2, c: 2}}"), 1, "more than once"),
    "too large a share": (("steps: [{kind: shadow}]", "ab: {variants: {b: {version: 2, share: 0.6}, c: {version: 3, share: 0.1}}}"), 1, "cannot be given"),
    "nobody live": (("steps: [{kind: shadow}]", "ab: {variants: {b: {version: 2, share: 0.5}, c: {version: 3, share: 0.5}}}"), 1, "leave nobody"),
    "too high a floor": (("steps: [{kind: shadow}]", "bandit: {variants: {b: 2, c: 3}, floor: 0.4}"), 1, "cannot have 40% each"),
    "a bandit is no strategy": (("strategy: bandit",), 0, "rollout.strategy is 'bandit'"),
    "no latency": (("guard: {slow: [50]}",), 0, "not a latency"),
}  # fmt: skip


@pytest.mark.parametrize("rollout", GOOD)
def test_what_fits_together_is_taken(tmp_path: Path, rollout: tuple[str, ...]) -> None:
    assert mistakes(tmp_path, *rollout) == []


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    rollout, line, words = BAD[name]
    found = mistakes(tmp_path, *rollout)
    assert [(at, words in what) for at, what in found if words in what] == [(line, True)], found


@pytest.mark.parametrize("fallback", ["{answer: 7}", "{}", "next", "{answer: 0.1, more: 2}"])
def test_one_wrong_stand_in_is_one_mistake(tmp_path: Path, fallback: str) -> None:
    assert len(mistakes(tmp_path, f"fallback: {fallback}")) == 1


def test_faults_lie_in_the_replay_and_break_what_is_there(tmp_path: Path) -> None:
    late = BASE.replace("until: 2023-06-01", "until: 2023-06-01, faults: [{at: 2024-01-01, break: candidate}]")
    assert ["outside the replay" in what for _, what in mistakes(tmp_path, "baseline: true", base=late)] == [True]
    none = BASE.replace("until: 2023-06-01", "until: 2023-06-01, faults: [{at: 2023-03-01, break: canary}]")
    assert ["no canary" in what for _, what in mistakes(tmp_path, "strategy: all-at-once", base=none)] == [True]
    assert mistakes(tmp_path, "baseline: true", base=none) == []
