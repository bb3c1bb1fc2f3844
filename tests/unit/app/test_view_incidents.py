"""Incidents in plain values: the list, why, on whom it waits, the timeline, the reach, the review."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.web.scene import MARKUP, NOON, furnish

from baton.app.bootstrap import read_state
from baton.app.declared import load_owned
from baton.app.lifecycle.people import recorded_team
from baton.app.views import incidents as view
from baton.app.views.review import review
from baton.app.views.timeline import Told, timeline
from baton.backends.state.sql import open_sqlite
from baton.incidents.incident import Incident
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.project.definition import Monitor
from baton.team.handoff import Check, Handoff

AT = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def incident(number: int, **changed: Any) -> Incident:
    at = AT + number * DAY
    made = Incident(
        f"incident-{number:012d}", "resolved", 3, "novelty", f"version {number % 3}", f"cause {number}", "ann", at, at
    )
    return replace(made, **changed)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("incidents") / "made")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("many")
    state = open_sqlite(folder / "state.db", create=True)
    draft = Draft(state)
    for number in range(60):
        status = "open" if number in (3, 7) else "mitigating" if number == 5 else "resolved"
        signal = "contract" if number % 10 == 0 else "novelty"
        draft.record(
            Act(SYSTEM, "", AT), incident(number, status=status, signal=signal, severity=2 if number < 5 else 3), "opened", ""
        )
    draft.commit({}, expect={})
    yield state
    state.close()


def test_open_ones_stand_first_then_the_newest(many: Any) -> None:
    told = view.listed(many, view.Wanted(), limit=5)
    assert [each.id[-2:] for each in told.rows] == ["07", "05", "03", "59", "58"]
    assert (told.total, told.status["resolved"], told.severity) == (60, 57, {"2": 5, "3": 55})
    following = view.listed(many, view.Wanted(), after=5, limit=5)
    assert not {each.id for each in told.rows} & {each.id for each in following.rows}


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        (view.Wanted(status="unresolved"), 3),
        (view.Wanted(status="mitigating"), 1),
        (view.Wanted(severity="2"), 5),
        (view.Wanted(signal="contract"), 6),
        (view.Wanted(subject="version 1"), 20),
        (view.Wanted(since=AT + 50 * DAY), 10),
        (view.Wanted(until=AT + 10 * DAY, signal="contract"), 1),
        (view.Wanted(subject="' OR 1"), 0),
    ],
)
def test_filters(many: Any, wanted: view.Wanted, total: int) -> None:
    assert view.listed(many, wanted).total == total


def test_why_is_said_in_plain_words_with_the_numbers() -> None:
    evidence = {"outside": {"radius": 0.4405}, "evidence": 2271.9, "level": 1825, "since": "2024-01-02"}
    words = view.why(incident(1, evidence=evidence), Monitor(novelty=0.1))
    assert words[1] == "radius: 44% of rows lay outside the range of its training (10% is tolerated)."
    assert "2,272" in words[2] and "5.0 years" in words[2]
    off = view.why(incident(1, signal="calibration", evidence={"error": -0.06, "since": "2024-01-02"}), None)
    assert "6.0 points too low" in off[0] and "too rarely" in off[0]
    assert view.why(incident(1, signal="contract", cause="nulls"), None) == ["Nulls."]
    assert "errors" in view.why(incident(1, signal="release", evidence={"because": ["errors"]}), None)[1]


def test_since_falls_back_on_the_opening() -> None:
    assert view.since_of(incident(1)) == AT + DAY
    assert view.since_of(incident(1, evidence={"since": "never"})) == AT + DAY


@pytest.mark.parametrize(
    ("subject", "number"), [("version 12", 12), ("version x", None), ("source a", None), ("version ²", None)]
)
def test_the_version_that_it_is_about(subject: str, number: int | None) -> None:
    assert view.number_of(incident(1, subject=subject)) == number


def handoff(**changed: Any) -> Handoff:
    made = Handoff(
        "handoff-1", "offered", "incident", "incident-1", "incident with evidence", "monitor", "incident", "cleo", "ann", "ann", "person",
        2 * DAY, NOON - DAY, NOON - DAY, NOON + DAY, {}, (Check("owner", True),),
    )  # fmt: skip
    return replace(made, **changed)


def test_the_clock_tells_on_whom_it_waits_and_who_is_next(scene: Path) -> None:
    with read_state(scene / ".baton") as (_, state):
        team = recorded_team(state, load_owned(scene).owned)
    told = view.clock(team, handoff(), NOON)
    assert (told.passed, told.able, told.open) == (0.5, ("ann",), True)
    assert told.following not in ("ann", "cleo")
    late = view.clock(team, handoff(), NOON + 9 * DAY)
    assert late.passed == 1.0
    answered = view.clock(team, handoff(status="accepted", answered_by="ann"), NOON)
    assert not answered.open and answered.able == ()


def test_the_way_the_reach_and_the_timeline_of_one_that_was_mended(scene: Path) -> None:
    with read_state(scene / ".baton") as (_, state):
        found = state.get(Incident, "incident-000000000001")
        assert found is not None
        way = view.done(state, found)
        assert way.release is not None and way.turn is not None and way.version is not None and way.version.version == 2
        told = timeline(state, found, way, (), None)
        assert [each.at for each in told] == sorted(each.at for each in told)
        assert told[0].what == "incident opened" and any(each.what == "incident resolved" for each in told)
        assert all(each.at >= found.opened_at for each in told)
        early = timeline(state, found, way, (), found.opened_at)
        assert len(early) <= len(told)
        touched = view.reach(state, found, None, NOON)
        assert touched.version is not None and touched.releases and touched.predictions > 0 and touched.stakeholders == ()
        assert [each.month.month for each in view_months(state, found)] == ["2024-01", "2024-02"]
        text = review(found, told, touched, way, view.why(found, None), NOON)
    assert text.startswith("# Review: scores are 4.0% points too high") and "<script>" not in text and "\\<script\\>" in text
    assert "| incident opened |" in text and "## What went well" in text and "Mended by version 2" in text


def view_months(state: Any, found: Incident) -> Any:
    from baton.app.views.monitoring import without

    return without(view.afterwards(state, found))


def test_a_line_of_the_review_stays_one_cell() -> None:
    told = [Told(AT, 1, "incident", "incident opened", "ann|ben", "r", f"two\nlines | {MARKUP}", "bad")]
    reach = view.Reach(None, (), 0, 0, "", (), (), (), ())
    text = review(incident(1), told, reach, view.Done(None, None, None, None), ["why"], AT)
    row = next(line for line in text.splitlines() if "incident opened" in line)
    assert row.replace("\\|", "").count("|") == 6
