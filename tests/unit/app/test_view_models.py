"""Versions as they are told: the list, the training's answer, differences, voices, what it was made of, the card."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from baton.app.lifecycle.turn import Turn
from baton.app.views import models as view
from baton.app.views.card import Subject, card_of, markdown
from baton.app.views.ingredients import ingredients
from baton.app.views.voices import gate, voices
from baton.backends.artifacts.files import FileArtifacts
from baton.backends.state.sql import open_sqlite
from baton.delivery.release import Release
from baton.kernel.clock import iso
from baton.kernel.errors import Corrupt, NotFound
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act, Record
from baton.ledger.ports import State
from baton.registry.version import ModelVersion
from baton.team.handoff import Check, Handoff
from baton.team.person import Person
from baton.team.team import Team

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SLICES = [
    {"feature": "carrier", "value": "UA", "rows": 100, "auc": 0.6, "brier": 0.20},
    {"feature": "carrier", "value": "AA", "rows": 300, "auc": 0.7, "brier": 0.10},
]
ANSWER = {
    "chosen": {"number": 1, "learner": "linear", "params": {"c": 1.0}, "loss": 0.4, "rounds": 1},
    "trials": [
        {"number": 0, "learner": "lightgbm", "loss": None},
        {"number": 1, "learner": "linear", "loss": 0.4},
        {"number": 2, "learner": "linear", "loss": 0.5},
    ],
    "quality": {"auc": 0.7, "brier": 0.15},
    "slices": SLICES,
    "comparison": None,
    "rows": {"train": 1000, "validation": 100, "holdout": 400},
    "manifest": {"training_set": "a" * 64, "tables": ["labels", "landings"], "seed": 7, "rows": 1500},
    "signature": {"features": [{"name": "carrier", "kind": "category", "categories": ["AA", "UA"]}]},
    "scores": {"mean": 0.3},
}


def version(number: int, **told: object) -> ModelVersion:
    made = ModelVersion(
        f"version-{number}", number, "retired", "linear", BEGIN + number * DAY, BEGIN, {"auc": 0.7 + number / 100, "brier": 0.2 - number / 100},
        bundle="b" * 64, turn=f"turn-{number}", importance={"carrier": 0.75, "dest": 0.25},
        lineage={"training": ANSWER["manifest"], "people": {"train": "ann"}, "features": "e" * 64},
    )  # fmt: skip
    return replace(made, **told)  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = open_sqlite(tmp_path / "state.db", create=True)
    yield found
    found.close()


def put(state: State, *records: Record, verb: str = "registered", day: float = 0, **told: object) -> None:
    draft = Draft(state)
    for record in records:
        draft.record(Act(SYSTEM, "", BEGIN + day * DAY), record, verb, "for a reason", **told)
    draft.commit({}, expect={})


def test_a_list_of_many_is_bounded_and_compares_with_the_one_before(state: State) -> None:
    put(state, *(version(number) for number in range(1, 61)))
    rows, after = view.listed(state, state, None, limit=25)
    assert [row.version.version for row in rows[:2]] == [60, 59] and len(rows) == 25 and after == "version-36"
    assert rows[0].live == () and rows[0].share == 0
    rows, after = view.listed(state, state, None, before="version-11", limit=25)
    assert len(rows) == 10 and after == ""
    assert state.counts(ModelVersion) == {"retired": 60}


def test_when_it_served_and_what_it_answers_now(state: State) -> None:
    put(state, version(1), version(2, status="live"))
    old = Release("release-1", 1, "b", "live", BEGIN, BEGIN, share=1.0, live_at=BEGIN)
    put(state, old, verb="started")
    put(state, replace(old, status="retired", share=0.0), verb="retired", day=5)
    put(
        state,
        Release("release-2", 2, "b", "live", BEGIN, BEGIN + 5 * DAY, share=1.0, live_at=BEGIN + 5 * DAY),
        verb="promoted",
        day=5,
    )
    put(state, Release("release-3", 3, "b", "canary", BEGIN, BEGIN + 6 * DAY, share=0.2), verb="started", day=6)
    (second, first), _ = view.listed(state, state, None)
    assert first.live == ((BEGIN, BEGIN + 5 * DAY),) and first.share == 0
    assert second.live == ((BEGIN + 5 * DAY, None),) and second.share == pytest.approx(0.8)
    ((only, *_), _) = view.listed(state.as_of(BEGIN + 4 * DAY), state, BEGIN + 4 * DAY)
    assert only.live == ()


def test_the_training_s_answer_is_read_or_its_loss_is_told(state: State, tmp_path: Path) -> None:
    artifacts = FileArtifacts(tmp_path / "artifacts", create=True)
    digest = artifacts.put(msgspec.json.encode(ANSWER))
    put(state, Turn("turn-1", 1, "done", "first", BEGIN, BEGIN, candidate=digest))
    made, why = view.made_of(state, artifacts, version(1))
    assert made is not None and not why
    assert [each.number for each in made.ranked] == [1, 2, 0]
    lost, why = view.made_of(state, artifacts, version(1, lineage={"candidate": "c" * 64}))
    assert lost is None and "no artifact" in why
    assert view.made_of(state, artifacts, version(9, turn="")) == (None, "its training is not on record")
    with pytest.raises(Corrupt):
        view.answer_of(artifacts, artifacts.put(b"no json"))


def test_a_version_that_is_not_there_says_which_is_newest(state: State) -> None:
    put(state, version(3))
    with pytest.raises(NotFound, match="version 8"):
        view.found(state, 8)


def test_differences_of_metrics_slices_settings_and_importance() -> None:
    auc, brier = view.metrics({"auc": 0.7, "brier": 0.2}, {"auc": 0.8, "brier": 0.3})
    assert [auc.change, brier.change] == pytest.approx([0.1, 0.1])
    assert view.metrics({"auc": None}, {"auc": 0.8})[0].change is None
    made = msgspec.convert(ANSWER, view.Made)
    other = msgspec.convert({**ANSWER, "slices": [{**SLICES[0], "brier": 0.15}, {**SLICES[1], "brier": 0.11}]}, view.Made)
    ranked = view.slices(made, other)
    assert [(each.name, each.rows) for each in ranked] == [("carrier UA", 100), ("carrier AA", 300)]
    assert [each.change for each in view.slices(made, None)] == [None, None]
    assert ("learner", "linear", None) in view.settings(made, None)
    assert view.importance(version(1), version(2, importance={"hour": 0.9}))[0].name == "hour"


def test_the_worst_slices_are_above_the_whole() -> None:
    made = msgspec.convert(ANSWER, view.Made)
    assert view.worst(made.slices, 0.15) == {("carrier", "UA")}
    assert view.worst((), None) == frozenset()


def test_voices_and_the_gate(state: State) -> None:
    checks = (Check("gate", True, "auc 0.71, wanted at least 0.65"),)
    given = Handoff(
        "handoff-1", "accepted", "candidate", "turn-1", "validated model", "evaluate", "register", "ann", "ben", "ben", "policy", DAY,
        BEGIN, BEGIN, BEGIN + DAY, {}, checks, {}, answered_by="policy", answered_at=BEGIN,
    )  # fmt: skip
    waits = replace(given, id="handoff-2", edge="bundle", status="offered", answered_by="", answered_at=None, since=BEGIN + DAY)
    put(state, version(1), given, waits)
    told = voices(state, state, version(1), None)
    assert [(each.who, each.verb) for each in told] == [("policy", "accepted"), ("ben", "has not answered")]
    assert "wanted at least 0.65" in told[0].words
    assert gate(state, version(1)) == given and gate(state, version(2)) is None


def test_what_a_version_was_made_of_is_named_with_what_finds_it(state: State) -> None:
    found = version(1)
    put(state, found)
    told = ingredients(state, found)
    kinds = [each.kind for each in told.parts]
    assert [each.label for each in told.parts][:2] == ["labels", "landings"] and {"features", "training", "bundle"} <= set(kinds)
    assert "candidate" not in kinds, "what is not on record is not told"
    assert all(each.ref for each in told.parts) and told.people == {"train": "ann"}


def test_the_card_says_what_is_known_and_markdown_takes_no_markup() -> None:
    people = (Person("ann", "active", 0, ("data-scientist",)),)
    subject = Subject(version(1, learner="<b>|linear|"), msgspec.convert(ANSWER, view.Made), None, Team(people), BEGIN)
    card = card_of(subject)
    told = {section.heading: section for section in card.sections}
    assert told["Slices"].rows[0][0] == "carrier UA (worst)"
    assert ("carrier", "one of 2 values", "75.0%") in told["Features"].rows
    assert ("train", "ann", "ann") in told["Who answers for it"].rows
    bare = markdown(card_of(replace(subject, made=None)))
    assert "\\<b\\>\\|linear\\|" in bare and "cannot be read any more" in bare and "## Slices" not in bare


def test_the_card_says_how_the_hold_out_was_cut() -> None:
    def told(cutoff: datetime) -> str:
        made = msgspec.convert({**ANSWER, "manifest": {"cutoff": iso(cutoff)}}, view.Made)
        return markdown(card_of(Subject(version(1), made, None, Team(()), BEGIN)))

    assert "The hold-out is the latest stretch of labels" in told(BEGIN + DAY)
    assert "The hold-out is 27% of the rows, the last in the order of their keys" in told(BEGIN), "a table without time"


def test_the_gate_s_comparison_is_told_with_the_champion_of_the_day(state: State) -> None:
    paired = {
        "rows": 400, "days": 7, "champion_brier": 0.2, "challenger_brier": 0.19, "champion_auc": 0.7, "challenger_auc": None,
        "difference": -0.01, "low": -0.02, "high": -0.001, "margin": 0.01, "answer": "superior",
    }  # fmt: skip
    given = Handoff(
        "handoff-1", "accepted", "candidate", "turn-2", "validated model", "evaluate", "register", "ann", "ben", "ben", "policy", DAY,
        BEGIN, BEGIN, BEGIN + DAY, {"comparison": paired},
    )  # fmt: skip
    found = view.against(given)
    assert found is not None and (found.answer, found.low, found.high) == ("superior", -0.02, -0.001)
    assert view.against(None) is None and view.against(replace(given, evidence={"comparison": None})) is None
    put(state, version(1), version(2))
    old = Release("release-1", 1, "b", "live", BEGIN, BEGIN, share=1.0, live_at=BEGIN)
    put(state, old, verb="started")
    assert view.champion(state, state, version(2), None) == 1 and view.champion(state, state, version(1), None) is None
    put(state, replace(old, status="rolled-back", share=0.0), verb="rolled-back", day=1)
    assert view.champion(state, state, version(2), None) is None, "it answered no more when the second was trained"
