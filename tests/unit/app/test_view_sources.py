"""Where sources stand, out of the facts of their landings; and what comes from what."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baton.app.declared import load_rules
from baton.app.views import lineage as tree
from baton.app.views import sources as view
from baton.backends.state.sql import open_sqlite
from baton.data.standing import SourceState
from baton.kernel.errors import NotFound
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import State
from baton.project.definition import Source
from baton.project.template import create
from baton.registry.version import ModelVersion

NOON = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return open_sqlite(tmp_path / "state.db", create=True)


def land(state: State, days: int, name: str = "visits", broken: tuple[int, ...] = ()) -> None:
    """Ten rows a day, one of them rejected."""
    for day in range(days):
        at, draft = NOON + day * DAY, Draft(state)
        reasons = ("rowCount is 10 of 10 rows and must be at least 20",) if day in broken else ()
        known = SourceState(name, "broken" if reasons else "kept", 9 * (day + 1), day + 1, at, day, f"{day:064}", reasons)
        draft.record(Act(SYSTEM, "data-engineer", at), known, "landed", "9 rows landed, 1 in quarantine", left=10)
        draft.commit({}, expect={})


def test_rows_by_landing_and_the_usual_distance(state: State) -> None:
    land(state, 5, broken=(2,))
    (found,), total = view.sources(state, state, None, NOON + 4 * DAY)
    assert (found.name, found.rows, found.rejected, found.share, total) == ("visits", 45, 5, 0.1, 1)
    assert (found.every, found.due, found.late, found.declared) == (DAY, NOON + 5 * DAY, False, False)
    assert found.course == (9.0,) * 5


def test_late_once_twice_the_usual_distance_is_over(state: State) -> None:
    land(state, 5)
    late = view.source(state, state, None, "visits", NOON + 6 * DAY + timedelta(hours=1))
    assert late is not None and late.late
    assert view.source(state, state, None, "nothing", NOON) is None


def test_landings_page_by_page_and_as_of_an_instant(state: State) -> None:
    land(state, 7, broken=(5,))
    newest, more = view.landings(state, "visits", limit=3)
    assert [each.status for each in newest] == ["kept", "broken", "kept"] and more
    assert [(each.landed, each.rejected, each.left) for each in newest] == [(9, 1, 10)] * 3
    assert view.broken_by(newest[1].reasons, "rowCount").endswith("at least 20") and not view.broken_by(
        newest[0].reasons, "rowCount"
    )
    rest, more = view.landings(state, "visits", limit=10, before=newest[-1].seq)
    assert len(rest) == 4 and not more and rest[-1].landed == 9
    then, _ = view.landings(state, "visits", NOON + DAY)
    assert len(then) == 2


def test_a_declared_source_waits_for_its_first_landing(state: State, tmp_path: Path) -> None:
    create("made", tmp_path / "made")
    definition = load_rules(tmp_path / "made").definition
    (found,), _ = view.sources(state, state, definition, NOON)
    assert (found.status, found.landed_at, found.share, found.once) == (view.WAITING, None, None, True)


def test_a_promise_in_words_or_why_it_cannot_be_read(tmp_path: Path) -> None:
    create("made", tmp_path / "made")
    declared = load_rules(tmp_path / "made").definition.sources["biopsies"]
    told = view.promise(tmp_path / "made", "biopsies", declared)
    says = {(each.column, each.says, each.strict) for each in told.demands}
    assert {
        ("mean_smoothness", "is at most 1", True),
        ("", "rows of a landing: above 0", False),
        ("sample", "is unique", True),
    } <= says
    lost = view.promise(tmp_path, "biopsies", declared)
    assert lost.mistakes and not lost.demands
    bare = view.promise(tmp_path, "x", Source(path=Path("x.csv"), key=("id",)))
    assert [each.says for each in bare.demands] == ["is never missing"] and not bare.file


def version(state: State, number: int, **importance: float) -> None:
    draft = Draft(state)
    made = ModelVersion(
        f"version-{number}", number, "live", "linear", NOON, NOON, {}, lineage={"training": {"tables": ["labels", "visits"], "rows": 1234}}, importance=importance
    )  # fmt: skip
    draft.record(Act(SYSTEM, "", NOON), made, "registered", "made")
    draft.commit({}, expect={})


def plan(count: int) -> dict[str, Any]:
    one = {"form": "entity", "sources": ["visits"], "key": [], "window": "", "aggregate": ""}
    return {"features": [{**one, "name": f"f{at}", "columns": [f"visits.f{at}"]} for at in range(count)]}


def test_a_feature_comes_from_columns_and_goes_into_versions(state: State) -> None:
    land(state, 1)
    version(state, 1, f0=0.75, f1=0.25)
    found = tree.lineage(state, "feature:f0", plan(2))
    assert {(each.source, each.target, each.told) for each in found.arrows} == {
        ("source:visits", "feature:f0", "f0"), ("feature:f0", "training:1", "75.0%"), ("training:1", "version:1", ""),
    }  # fmt: skip
    assert found.middle.middle and [each.id for each in found.points if each.middle] == ["feature:f0"]


def test_without_a_plan_sources_lead_to_training_sets(state: State) -> None:
    land(state, 1)
    version(state, 1, f0=1.0)
    found = {each.id for each in tree.lineage(state, "source:visits").points}
    assert found == {"source:visits", "training:1", "version:1"}


def test_a_neighbourhood_is_bounded_and_says_what_it_hides(state: State) -> None:
    land(state, 1)
    found = tree.lineage(state, "features:visits", plan(200))
    assert len(found.points) <= tree.MOST and found.hidden == 200 - (tree.MOST - 2)


@pytest.mark.parametrize("of", ["", "version:", "version:1", "version:١", "nothing:1", "source:visits", "feature:f0"])
def test_what_is_not_on_record_is_not_found(state: State, of: str) -> None:
    with pytest.raises(NotFound, match="nothing on record"):
        tree.lineage(state, of)
