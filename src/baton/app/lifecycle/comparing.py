"""Versions compared beside the live one, once a day: an A/B comparison is decided, a bandit is weighed anew.

Both are apart from releases: they begin when all the versions they name are packaged, and end when they are decided, over,
no longer declared, or when the live version changes under them. A bandit never promotes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from baton.app.lifecycle import evidence, releasing
from baton.app.lifecycle.evidence import Row, Scope
from baton.app.lifecycle.step import Step
from baton.delivery.bandit import Earned, shares, weights
from baton.delivery.comparison import Outcome, Tally, conclude, read_arms
from baton.delivery.reading import Reading
from baton.delivery.release import Release
from baton.delivery.rollout import Decision, Evidence, weighed
from baton.delivery.sequential import Counts
from baton.delivery.terms import by_name
from baton.delivery.trial import rounded
from baton.delivery.weighing import Weighing
from baton.kernel.clock import micros
from baton.kernel.digest import digest
from baton.kernel.ids import derived_id
from baton.project.definition import Bandit, Comparison
from baton.registry.version import ModelVersion

if TYPE_CHECKING:
    from baton.app.lifecycle.recent import Recent

ARM, LIVE = ("arm",), "live"


def advance(step: Step, recent: "Recent") -> None:
    """Begin, decide, weigh and end what is declared under rollout.ab and rollout.bandit."""
    policy = step.house.definition.rollout
    declared = policy.ab or policy.bandit
    group = group_of(declared) if declared is not None else ""
    arms, live = step.draft.all(Release, status=ARM), next(iter(step.draft.all(Release, status=("live",))), None)
    stale = [arm for arm in arms if arm.group != group]
    _end(step, stale, "no longer declared")
    arms = [arm for arm in arms if arm.group == group]
    if declared is None or live is None:
        return
    if not arms:
        _begin(step, declared, group, live)
    elif isinstance(declared, Bandit):
        _weigh(step, declared, arms, live, recent)
    elif (live.live_at or live.since) > arms[0].started_at:
        _end(step, arms, f"the live version changed to {live.version} while it ran")
    elif arms[0].started_at < step.now:
        _compare(step, declared, arms, live, recent)


def group_of(declared: Comparison | Bandit) -> str:
    """The id of a comparison: declared otherwise, it is another one."""
    return derived_id("comparison", digest(declared.model_dump(mode="json")))


def _begin(step: Step, declared: Comparison | Bandit, group: str, live: Release) -> None:
    """All arms at once, when every version is there to answer; a comparison that was decided does not begin again."""
    if any(each.group == group for each in step.draft.all(Release)):
        return
    found = {
        name: (step.draft.get(ModelVersion, f"version-{number}"), share) for name, (number, share) in _wanted(declared).items()
    }
    made = [_arm(group, name, version, share, live, step.now) for name, (version, share) in found.items()]
    for arm in made if None not in made else ():
        assert arm is not None
        words = f"{arm.variant}: version {arm.version} answers for {arm.share:.1%} beside live"
        step.draft.record(step.act("deploy"), arm, "started", words, share=arm.share)


def _arm(group: str, name: str, version: ModelVersion | None, share: float, live: Release, at: datetime) -> Release | None:
    """An arm; None while its version cannot answer, or is the live one itself."""
    if version is None or not version.bundle or version.status in ("rejected", "deleted") or version.version == live.version:
        return None
    id = derived_id("release", group, name)
    return Release(id, version.version, version.bundle, "arm", at, at, share=share, variant=name, group=group)


def _wanted(declared: Comparison | Bandit) -> dict[str, tuple[int, float]]:
    """Per name the version and the share to begin with."""
    if isinstance(declared, Comparison):
        return {name: (each.version, each.share) for name, each in declared.variants.items()}
    equal = 1 / (len(declared.variants) + 1)
    return {name: (version, equal) for name, version in declared.variants.items()}


def _compare(step: Step, declared: Comparison, arms: Sequence[Release], live: Release, recent: "Recent") -> None:
    policy = step.house.definition.rollout
    group = [each for each in step.draft.all(Release) if each.group == arms[0].group]
    rows = evidence.first_units(_rows(step, group[0].started_at))
    labels = recent.labels(group[0].started_at, {row.entity for row in rows})
    threshold = step.house.definition.problem.value.threshold
    known = step.draft.get(Weighing, arms[0].group)
    before = by_name(known.readings) if known is not None else {}
    tallies = {arm.variant: _tally(rows, labels, arm, live, threshold) for arm in group}
    whole = {_assigned(declared): tuple(sum(_is(row, each) for row in _undisturbed(rows, group)) for each in (live, *group))}
    readings = read_arms(tallies, whole, policy.guard.alpha, before)
    outcome = conclude(arms, readings, declared.lasts, step.now)
    _record(step, arms, tuple(rounded(each) for each in readings.values()), outcome, len(rows))
    _follow(step, arms, by_name(tuple(readings.values())), outcome)


def _record(step: Step, arms: Sequence[Release], readings: tuple[Reading, ...], outcome: Outcome, units: int) -> None:
    """The look at the whole comparison, under its own id."""
    words = outcome.over or (f"{outcome.winner} is proved better" if outcome.winner else "not decided yet")
    decision = Decision("advance" if outcome.winner else "hold", words, (outcome.winner,) if outcome.winner else outcome.harmful)
    whole = replace(arms[0], id=arms[0].group, version=0)
    look = weighed(whole, Evidence(readings, units, units), decision, step.now)
    step.draft.record(step.act("deploy"), look, "weighed", words)


def _follow(step: Step, arms: Sequence[Release], readings: Mapping[str, Reading], outcome: Outcome) -> None:
    for arm in arms:
        if arm.variant in outcome.harmful:
            releasing.end_arm(step, arm, "rolled-back", readings[arm.variant].sentence)
    left = [arm for arm in arms if arm.variant not in outcome.harmful]
    won = next((arm for arm in left if arm.variant == outcome.winner), None)
    if won is not None:
        if releasing.promote(step, won, readings[won.variant].sentence):
            _end(step, [arm for arm in left if arm is not won], f"{won.variant} was proved better")
    elif outcome.over:
        _end(step, left, outcome.over)


def _end(step: Step, arms: Sequence[Release], why: str) -> None:
    for arm in arms:
        releasing.end_arm(step, arm, "ended", why)


def _weigh(step: Step, declared: Bandit, arms: Sequence[Release], live: Release, recent: "Recent") -> None:
    """The shares that follow from what every arm earned so far."""
    rows = _rows(step, arms[0].started_at)
    labels = recent.labels(arms[0].started_at, {row.entity for row in rows})
    threshold = step.house.definition.problem.value.threshold
    earned = {
        _name(each): _earned(declared, [row for row in rows if _is(row, each)], labels, threshold) for each in (live, *arms)
    }
    seed = int(digest([arms[0].group, step.now.isoformat()])[:12], 16)
    weighed = weights(earned, declared.floor, seed)
    told = {name: {"weight": weighed[name], "answers": each.answers, "rewards": each.rewards} for name, each in earned.items()}
    for arm in arms:
        share = shares(weighed, LIVE)[arm.variant]
        if share != arm.share:
            words = f"{arm.variant} answers for {share:.1%}: {earned[arm.variant].rewards:,} rewards in {earned[arm.variant].answers:,} answers"
            step.draft.record(step.act("deploy"), replace(arm, share=share), "reweighed", words, arms=told)


def _earned(declared: Bandit, rows: Sequence[Row], labels: Mapping[str, int], threshold: float) -> Earned:
    known = [(row, bool(labels[row.entity])) for row in rows if row.entity in labels]
    return Earned(len(known), sum(_rewarded(declared, row.score >= threshold, label) for row, label in known))


def _rewarded(declared: Bandit, said: bool, label: bool) -> bool:
    """Whether an answer and what came of it are a reward."""
    if declared.reward == "right":
        return said == label
    return label == (declared.reward == "label")


def _tally(rows: Sequence[Row], labels: Mapping[str, int], arm: Release, live: Release, threshold: float) -> Tally:
    """Units of an arm and of live whose label arrived. Between those two the arm's share is what it has of both together."""
    known = [row for row in rows if row.entity in labels and (_is(row, arm) or _is(row, live))]
    wrong = [row for row in known if (row.score >= threshold) != bool(labels[row.entity])]
    return Tally(_counts(known, arm, live), _counts(wrong, arm, live))


def _counts(rows: Sequence[Row], arm: Release, live: Release) -> Counts:
    """Per share of the arm among those two, the arm's rows and live's. Live's own share grows when another arm goes."""
    found: dict[float, tuple[int, int]] = {}
    rest = next((row.odds for row in rows if _is(row, live)), 0.0)
    own = next((row.odds for row in rows if _is(row, arm)), arm.share)
    for row in rows:
        mine = _is(row, arm)
        rest = rest if mine else row.odds
        share = round(own / (own + rest), 9)
        before = found.get(share, (0, 0))
        found[share] = (before[0] + mine, before[1] + (not mine))
    return found


def _rows(step: Step, since: datetime) -> list[Row]:
    """Rows that live and the arms answered while units were drawn for them."""
    definition = step.house.definition
    scope = Scope(step.house.tables, definition.entity.key, {}, definition.problem.value.threshold)
    return [row for row in evidence.answered(scope, since, step.now) if row.odds < 1]


def _is(row: Row, release: Release) -> bool:
    return row.variant == _name(release) and row.version == release.version


def _name(release: Release) -> str:
    return release.variant or LIVE


def _undisturbed(rows: Sequence[Row], group: Sequence[Release]) -> list[Row]:
    """Rows from before the first arm went: the declared shares were in force then."""
    gone = min((micros(each.since) for each in group if each.status != "arm"), default=None)
    return [row for row in rows if gone is None or row.at < gone]


def _assigned(declared: Comparison) -> tuple[float, ...]:
    arms = [each.share for each in declared.variants.values()]
    return (1 - sum(arms), *arms)
