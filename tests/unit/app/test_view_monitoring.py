"""Monitoring in plain values, and the archive's questions about single predictions, held against the rows themselves."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from journeys import archived

from baton.app.archive.archivist import Archivist
from baton.app.archive.question import answered
from baton.app.views import monitoring as view
from baton.app.workspace import existing
from baton.backends.tables.delta import DeltaTables
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound
from baton.monitoring.day import Day
from baton.monitoring.detector import calibration_evidence, novelty_evidence
from baton.monitoring.month import Month
from baton.monitoring.traffic import Traffic
from baton.project.definition import Criterion

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = archived.payments()
SPAN = {"since": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
MINE = [row for row in ROWS if row["at"] < datetime(2026, 4, 1, tzinfo=UTC)]  # type: ignore[operator]


def day(count: int, **changed: Any) -> Day:
    at = BEGIN + count * timedelta(days=1)
    made = Day(f"{at:%Y-%m-%d}", "judged", at, 10, 100, (1,), {"x": 0.1 * count, "y": 0.0}, {"x": 0.5, "y": 0.1 * count})
    return replace(made, **changed)


def month(name: str, **changed: Any) -> Month:
    return replace(Month(name, "closed", name, 100, 95, 0.8, 0.1, 0.2, 500.0, 0.75, 0.12, 300.0), **changed)


def test_a_stretch_is_the_last_days_there_are() -> None:
    known = [day(count) for count in range(40)]
    assert view.stretch(known, 30) == view.Stretch(day(10).day, day(40).day)
    assert view.stretch(known, 0).since == BEGIN and view.stretch(known, 365).since == BEGIN
    empty = view.stretch([], 30)
    assert empty.since == empty.until and BEGIN not in empty


def test_features_come_the_worst_first_with_gaps_where_nothing_was_measured() -> None:
    known = [day(0), day(1, outside={}), day(2)]
    first, second = view.courses(known, "outside")
    assert (first.name, first.values, first.worst, first.worst_day, first.last) == (
        "x",
        (0.0, None, 0.2),
        0.2,
        date(2024, 1, 3),
        0.2,
    )
    assert second.name == "y" and [each.name for each in view.courses(known, "drift", watched=("y",))] == ["y"]


def test_what_a_month_misses_is_told_in_words() -> None:
    success = (Criterion(metric="auc", at_least=0.85), Criterion(metric="brier", at_most=0.2))
    definition: Any = SimpleNamespace(problem=SimpleNamespace(success=success))
    assert view.missed(month("2024-01"), definition) == ("auc 0.800, promised at least 0.85",)
    assert view.missed(month("2024-01", auc=None), definition) == view.missed(month("2024-01"), None) == ()


def test_months_have_their_days() -> None:
    assert view.bounds_of("2023-12") == view.Stretch(datetime(2023, 12, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError):
        view.bounds_of("2023-13")


def traffic(errors: list[int], requests: int = 1000) -> list[Traffic]:
    return [Traffic(f"2024-01-{at + 1:02d}", (1,), requests, each, 1.0, 2.0) for at, each in enumerate(errors)]


def test_an_error_budget_is_what_the_promise_allows_in_thirty_days() -> None:
    budget = view.budget(traffic([0] * 20 + [2] * 10))
    assert (budget.asked, budget.failed, round(budget.allowed, 6)) == (30_000, 20, 30.0)
    assert budget.left == pytest.approx(1 / 3)
    assert budget.burn[-1][0] == "2024-01-30" and budget.burn[-1][1] == pytest.approx(2.0)
    assert budget.gone_on == date(2024, 2, 4), "ten are left, at two a day"
    assert view.budget(traffic([0] * 30)).gone_on is None
    assert view.budget(traffic([60] + [0] * 9)).gone_on == date(2024, 1, 10), "it is spent already"
    assert view.budget([]).left is None


def test_without_retraining_better_is_positive() -> None:
    rows = view.without([month("2024-01"), month("2024-02", value=None), month("2024-03", frozen_brier=None, frozen_value=None)])
    assert [each.month.month for each in rows] == ["2024-01", "2024-02"]
    assert [rows[0].brier, rows[0].auc, rows[0].value] == pytest.approx([0.02, 0.05, 200.0])
    assert view.gained(rows) == 200.0 and view.gained(rows[1:]) is None


@pytest.fixture(scope="module")
def archivist(tmp_path_factory: pytest.TempPathFactory) -> Archivist:
    project = archived.project(tmp_path_factory.mktemp("monitored"))
    return Archivist(project, existing(project / ".baton"))


@pytest.fixture
def ask(archivist: Archivist) -> Any:
    return lambda name, **plain: msgspec.json.decode(msgspec.json.encode(answered(archivist, name, plain)))


def test_rows_are_the_answered_ones_with_their_truth(ask: Any) -> None:
    told = ask("judged_rows", **SPAN, feature="amount", beyond=[50.0, 150.0], order="high", limit=200)
    wanted = [row for row in MINE if row["payment"] != "p7" and not 50 <= row["amount"] <= 150]  # type: ignore[operator]
    assert told["total"] == len(wanted) == len(told["rows"])
    values = [row["value"] for row in told["rows"]]
    assert values == sorted(values, reverse=True) and all(not 50 <= value <= 150 for value in values)
    truth = {row["payment"]: row["fraud"] if row["told"] else None for row in ROWS}
    assert all(row["label"] == truth[row["entity"]] and row["variant"] == "live" for row in told["rows"])


def test_rows_are_paged_ordered_by_loss_and_cut_by_value(ask: Any) -> None:
    pages = [ask("judged_rows", **SPAN, order="loss", limit=20, after=after)["rows"] for after in (0, 20)]
    losses = [(row["score"] - row["label"]) ** 2 for page in pages for row in page]
    assert losses == sorted(losses, reverse=True) and len({row["entity"] for page in pages for row in page}) == 40
    german = ask("judged_rows", **SPAN, column="country", value="de")["total"]
    assert german == sum(row["country"] == "de" and row["payment"] != "p9" for row in MINE)
    assert ask("judged_rows", **SPAN, column="country", value="")["rows"][0]["entity"] == "p9"
    assert [row["entity"] for row in ask("judged_rows", **SPAN, feature="amount", missing=True)["rows"]] == ["p7"]
    early = ask("judged_rows", **SPAN, until="2026-03-02T00:00:00Z")
    assert {row["label"] for row in early["rows"]} == {None}, "no label had arrived then"
    with pytest.raises(InvalidInput):
        ask("judged_rows", **SPAN, order="sideways")


def test_a_row_has_what_the_model_saw_and_what_came_of_it(ask: Any) -> None:
    told = ask("judged_row", entity="p25", at="2026-03-02T01:00:00Z")
    assert told["own"]["variant"] == "live" and told["features"] == {"amount": ROWS[25]["amount"], "country": ROWS[25]["country"]}
    assert told["label"] == ROWS[25]["fraud"] and told["known_at"] == "2026-03-04T01:00:00Z"
    assert {each["variant"] for each in told["all"]} == {"live", "shadow"}
    assert ask("judged_row", entity="p25", until="2026-03-03T00:00:00Z")["label"] is None
    for entity, at in (("nobody", ""), ("p25", "2026-03-02T02:00:00Z"), ("'; DROP TABLE predictions; --", "")):
        with pytest.raises(NotFound):
            ask("judged_row", entity=entity, at=at)


def test_of_one_that_was_scored_often_the_oldest_is_found_as_well(tmp_path: Path) -> None:
    """Forty predictions of one entity, each with the frozen model's beside it: the list shows twenty, an address any."""
    project = archived.project(tmp_path)
    often: list[dict[str, Any]] = [{**row, "payment": "often"} for row in archived.payments()[:40]]
    DeltaTables(project / ".baton" / "tables").append("predictions", archived.predictions(often), step=99)
    mine = Archivist(project, existing(project / ".baton"))
    for row in (often[0], often[20], often[39]):
        told = msgspec.json.decode(msgspec.json.encode(answered(mine, "judged_row", {"entity": "often", "at": iso(row["at"])})))
        same = [each["variant"] for each in told["all"] if each["decided_at"] == told["own"]["decided_at"]]
        assert told["own"]["score"] == row["score"] and same == ["live", "shadow"] and len(told["all"]) == 20
        moments = [each["decided_at"] for each in told["all"]]
        assert moments == sorted(moments, reverse=True)
    newest = answered(mine, "judged_row", {"entity": "often"})
    assert newest["own"]["decided_at"] == iso(often[39]["at"]) and newest["own"]["variant"] == "live"


def test_slices_say_which_are_worse_than_chance_explains(ask: Any) -> None:
    told = ask("judged_slices", column="country", **SPAN)
    assert {each["value"] for each in told["slices"]} == {"de", "fr", "it", None}
    for each in told["slices"]:
        mine = [row for row in MINE if row["told"] and (None if row["payment"] == "p9" else row["country"]) == each["value"]]
        assert each["labelled"] == len(mine)
        if len(mine) > 1:
            assert each["from"] < each["apart"] < each["to"] and each["worse"] == (each["from"] > 0)
    tenths = ask("judged_slices", column="amount", **SPAN)["slices"]
    assert len(tenths) == 11 and {each["value"] for each in tenths if "low" not in each} == {None}
    assert min(each["low"] for each in tenths if "low" in each) == min(row["amount"] for row in MINE if row["payment"] != "p7")  # type: ignore[type-var]


def sliced(value: str, labelled: int, brier: float | None, worse: bool) -> dict[str, Any]:
    return {"value": value, "labelled": labelled, "brier": brier, "worse": worse}


def test_slices_stand_by_what_they_add_to_the_miss() -> None:
    slices = [
        sliced("few", 10, 0.30, True),
        sliced("many", 400, 0.20, True),
        sliced("good", 590, 0.13, False),
        sliced("new", 0, None, False),
    ]
    whole = {"labelled": 1000, "brier": (3 + 80 + 76.7) / 1000}
    told = view.weighed(slices, whole, 0.146)
    assert told.missed and told.level == 0.146
    assert [each["value"] for each in told.rows] == ["many", "few", "good", "new"]
    shares = [each["share"] for each in told.rows]
    assert sum(shares[:3]) == pytest.approx(1) and shares[3] is None and shares[2] < 0
    assert shares[1] == pytest.approx(10 * (0.30 - 0.146) / (1000 * (whole["brier"] - 0.146)))


def test_where_the_promise_is_kept_slices_share_what_is_above_the_whole() -> None:
    slices = [sliced("few", 10, 0.30, True), sliced("many", 400, 0.20, True), sliced("good", 590, 0.13, False)]
    for promised in (0.2, None):
        told = view.weighed(slices, {"labelled": 1000, "brier": 0.1597}, promised)
        assert not told.missed and told.level == 0.1597
        shares = [each["share"] for each in told.rows]
        assert shares[0] > shares[1] > 0 and shares[0] + shares[1] == pytest.approx(1) and shares[2] is None
    (row,) = view.weighed(slices[:1], {"labelled": 0, "brier": None}, 0.1).rows
    assert row["share"] is None, "nothing is judged yet"


def test_outcomes_add_up(ask: Any) -> None:
    told = ask("outcomes", **SPAN)
    counts = {name: each["count"] for name, each in told["live"]["outcomes"].items()}
    known = [row for row in MINE if row["told"]]
    assert sum(counts.values()) == told["live"]["labelled"] == len(known)
    assert counts["true_positive"] + counts["false_negative"] == sum(row["fraud"] for row in known)  # type: ignore[misc]
    assert told["frozen"]["labelled"] == len(known)


def test_who_answered_is_counted_by_day(ask: Any) -> None:
    told = ask("answered_by_day", **SPAN)
    assert told["versions"] == [2] and len(told["days"]) == 31 and told["days"][0] == {"day": "2026-03-01", "counts": [24]}


def test_a_feature_without_a_kept_training_is_compared_with_first_days(ask: Any) -> None:
    before = ["2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"]
    told = ask("strayed", feature="amount", candidate="", since="2026-03-20T00:00:00Z", end="2026-03-21T00:00:00Z", before=before)
    assert told["low"] is None and sum(told["present"]) <= told["rows"] == 24 and len(told["edges"]) == len(told["present"]) + 1
    words = ask("strayed", feature="country", candidate="0" * 64, since=before[0], end=before[1], before=before)
    assert words["shape"] == "category" and words["reference"] == words["present"]


def test_a_training_that_is_kept_is_drawn_from_its_quantiles(ask: Any, archivist: Archivist) -> None:
    from baton.app.bootstrap import open_artifacts

    low, high = 40.0, 120.0
    kept = {
        "low": {"amount": low},
        "high": {"amount": high},
        "edges": {"amount": [60.0, 80.0, 100.0]},
        "shares": {"amount": [0.25] * 4},
    }
    digest = open_artifacts(archivist.workspace, create=True).put(msgspec.json.encode({"reference": kept}))
    told = ask("strayed", feature="amount", candidate=digest, **SPAN)
    amounts = np.array([row["amount"] for row in MINE if row["payment"] != "p7"], dtype=np.float64)
    assert (told["low"], told["high"], told["missing"]) == (low, high, 1)
    assert (told["below"], told["above"]) == (int((amounts < low).sum()), int((amounts > high).sum()))
    assert sum(told["reference"]) == pytest.approx(1.0) and sum(told["present"]) == len(amounts)
    middle = sum(share for share, edge in zip(told["reference"], told["edges"], strict=False) if 60 <= edge < 100)
    assert middle == pytest.approx(0.5, abs=0.08)


def test_evidence_is_what_the_loop_weighs(ask: Any, archivist: Archivist) -> None:
    errors = [0.02, None, 0.05, 0.05, None, 0.04]
    outside = [{"x": 0.1 * place, "y": 0.0} for place in range(6)]
    told, monitor = ask("weighed", errors=errors, outside=outside), archivist.definition.monitor
    known = np.array([each for each in errors if each is not None])
    off = calibration_evidence(known, monitor.calibration)
    new = novelty_evidence(np.array([[each["x"], each["y"]] for each in outside]), monitor.novelty)
    assert told["course"][-1] == {"calibration": off.value, "novelty": new.value, "together": (off.value + new.value) / 2}
    assert len(told["course"]) == 6 and told["streams"][0]["name"] == "x" and told["since_novelty"] == new.change_point
    with pytest.raises(InvalidInput):
        ask("weighed", errors=[0.0] * 401, outside=[{}] * 401)


def test_questions_refuse_what_is_not_there(ask: Any) -> None:
    for name, plain in (
        ("judged_slices", {"column": "nothing"}),
        ("judged_rows", {"feature": 'amount"; --'}),
        ("strayed", {"feature": "nothing", "candidate": ""}),
    ):
        with pytest.raises(NotFound):
            ask(name, **SPAN, **plain)


def test_no_predictions_no_answers(tmp_path: Path) -> None:
    project = archived.project(tmp_path)
    import shutil

    shutil.rmtree(project / ".baton" / "tables" / "predictions")
    empty = Archivist(project, existing(project / ".baton"))
    for name, plain in (("scored_on", {}), ("judged_row", {"entity": "p1"}), ("answered_by_day", SPAN)):
        with pytest.raises(NotFound):
            answered(empty, name, plain)
