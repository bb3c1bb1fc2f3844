"""What analysts ask: filters out of an address, the record in numbers, experiments, and what the archive counts of the log."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from journeys import archived

from baton.app.archive.archivist import Archivist
from baton.app.archive.question import answered
from baton.app.views import analysis as view
from baton.app.views.comparison import experiments
from baton.app.workspace import existing
from baton.backends.state.sql import open_sqlite
from baton.delivery.reading import Arm, Interval, Question, Reading
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.evaluation.metric import auc, brier
from baton.kernel.errors import InvalidInput, NotFound
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import State
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.monitoring.traffic import ERRORS, P99, traffic
from baton.registry.version import ModelVersion

NOON = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS: list[dict[str, Any]] = archived.payments()
MARCH, APRIL = "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"


def served(count: int = 100) -> list[Day]:
    """Days up to NOON: the newest ten are not judged yet."""
    return [
        Day(
            f"{day:%Y-%m-%d}", "judged", day, 24, 100, (1 if place < 50 else 2,), {}, {}, 0.2 if place < 50 else 0.4,
            0 if place >= count - 10 else 90, None if place >= count - 10 else 0.1, None if place >= count - 10 else 0.15,
        )
        for place in range(count)
        for day in [NOON - (count - place) * DAY]
    ]  # fmt: skip


THERE = view.Known(served(), (1, 2), ("country", "amount", *view.OWN), "country", NOON.date())


def asked(**told: str) -> view.Asked:
    return view.asked({name.rstrip("_"): value for name, value in told.items()}, THERE)


def test_nothing_asked_is_the_last_ninety_days() -> None:
    found = asked()
    assert (found.since, found.until, found.days, found.period) == (date(2023, 12, 2), date(2024, 3, 1), 90, "90")
    assert not found.cut and found.compared and not found.problems
    assert [value for value in found.query().values() if value] == []
    assert found.plain() == {"since": "2023-12-02T00:00:00Z", "end": "2024-03-01T00:00:00Z", "version": 0}


def test_an_address_says_what_was_asked_and_can_be_asked_again() -> None:
    found = asked(from_="2024-01-01", to="2024-01-31", version="2", column="country", value="de", part="day")
    assert (found.since, found.until, found.period, found.part) == (date(2024, 1, 1), date(2024, 2, 1), "own", "day")
    assert found.cut and found.plain()["value"] == "de"
    again = view.asked({name: str(value) for name, value in found.query().items() if value}, THERE)
    assert again == found


def test_the_dates_of_a_length_do_not_make_it_another_one() -> None:
    assert asked(period="30", from_="2024-01-31", to="2024-02-29").period == "30"
    assert asked(period="30", from_="2024-01-30", to="2024-02-29").period == "own"
    everything = asked(period="all")
    assert everything.since == THERE.days[0].day.date() and not everything.compared


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"from": "2024-02-01", "to": "2024-01-01"}, "exchange them"),
        ({"from": "2024-13-01"}, "write it as"),
        ({"from": "0001-01-01"}, "write it as"),
        ({"to": "9999-12-31"}, "write it as"),
        ({"version": "7"}, "those that have are 1, 2"),
        ({"version": "1" * 40}, "has answered nothing"),
        ({"column": "contry"}, "did you mean 'country'?"),
        ({"column": "'; drop table"}, "choose one of the list"),
        ({"value": "de"}, "of no column"),
        ({"period": "7"}, "one of 90, 30, 365, all"),
        ({"part": "hour"}, "one of week, day, month"),
    ],
)
def test_what_contradicts_itself_is_said_with_what_to_change(told: dict[str, str], words: str) -> None:
    (problem,) = view.asked(told, THERE).problems
    assert words in problem


def test_days_together_weigh_by_what_they_hold() -> None:
    days = view.within(THERE.days, date(2024, 1, 1), date(2024, 3, 1))
    flows = traffic(days, [(ERRORS, 3.0, NOON), (P99, 8.0, NOON), (P99, 4.0, NOON - DAY)])
    found = view.measured(days, flows)
    assert (found.predictions, found.labelled, found.errors, found.p99) == (6000, 50 * 90, 3, 8.0)
    assert found.score == pytest.approx((10 * 0.2 + 50 * 0.4) / 60) and found.brier == pytest.approx(0.15)
    assert view.measured([], []) == view.Measured(0, 0, None, None, None, None)


def test_the_course_begins_weeks_on_mondays() -> None:
    weeks = view.course(THERE.days, "week")
    assert all(start.weekday() == 0 for start, _ in weeks) and sum(each.predictions for _, each in weeks) == 100 * 100
    assert [start for start, _ in view.course(THERE.days, "month")][-1] == date(2024, 2, 1)
    assert len(view.course(THERE.days, "day")) == 100


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A comparison that has ended, a bandit that runs, days and months."""
    state = open_sqlite(tmp_path / "state.db", create=True)
    draft, act = Draft(state), Act(SYSTEM, "", NOON)
    for day in served(20):
        draft.record(act, day, "judged", "labels")
    for month in ("2024-01", "2024-02"):
        draft.record(act, Month(month, "closed", month, 10, 9, 0.7, 0.1, 0.2, 5.0, 0.6, 0.2), "closed", "labels")
    draft.record(
        act, ModelVersion("version-1", 1, "live", "linear", NOON, NOON, {}, importance={"country": 1.0}), "registered", "x"
    )
    harm = Question("the arm is worse", 3.0, 40.0, ((100, 1.0), (200, 3.0)))
    reading = Reading(
        "better", harm, harm, (Arm("live", 80, 8), Arm("better", 20, 3)), Interval(0.05, -0.1, 0.2, 0.95), "open", "Not decided"
    )
    begin = NOON - 9 * DAY
    draft.record(
        act,
        Release("release-a", 2, "b" * 64, "ended", begin, NOON, variant="better", group="comparison-a"),
        "ended",
        "its time is over",
    )
    draft.record(
        act, Weighing("comparison-a", "hold", 0, "arm", 0, NOON, 100, 90, (reading,), "its time is over"), "weighed", "over"
    )
    arm = Release("release-b", 3, "c" * 64, "arm", begin, NOON, share=0.3, variant="bold", group="comparison-b")
    told = {name: {"weight": weight, "answers": 40, "rewards": 30} for name, weight in (("live", 0.7), ("bold", 0.3))}
    draft.record(act, arm, "reweighed", "bold answers for 30 %", arms=told)
    draft.commit({}, expect={})
    return state


def test_what_there_is_to_choose_from_comes_from_the_record(state: State) -> None:
    found = view.known(state, None, NOON)
    assert (len(found.days), found.versions, found.columns, found.last) == (
        20,
        (1,),
        ("country", "variant", "release"),
        NOON.date(),
    )
    assert view.known(state, None, NOON + timedelta(hours=1)).last == NOON.date() + DAY
    assert [each.month for each in view.months(state, date(2024, 1, 31), date(2024, 2, 1))] == ["2024-01"]


def test_experiments_on_record(state: State) -> None:
    found, total = experiments(state, state, None)
    told = {each.group: each for each in found}
    assert total == 2
    compared, bandit = told["comparison-a"], told["comparison-b"]
    assert (compared.kind, compared.status, compared.reason) == ("A/B comparison", "ended", "its time is over")
    assert compared.look is not None and compared.look.readings[0].arms[1] == Arm("better", 20, 3)
    assert (bandit.kind, bandit.status, bandit.earned) == ("bandit", "running", (("bold", 0.3, 40, 30), ("live", 0.7, 40, 30)))


@pytest.fixture(scope="module")
def archivist(tmp_path_factory: pytest.TempPathFactory) -> Archivist:
    project = archived.project(tmp_path_factory.mktemp("analysed"))
    return Archivist(project, existing(project / ".baton"))


@pytest.fixture
def ask(archivist: Archivist) -> Any:
    return lambda name, **plain: msgspec.json.decode(
        msgspec.json.encode(answered(archivist, name, {"since": MARCH, "end": APRIL, **plain}))
    )


def held(told: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Numbers against the rows that they are of."""
    known = [row for row in rows if row["told"]]
    scores, truth = np.array([row["score"] for row in known]), np.array([row["fraud"] for row in known], dtype=float)
    assert (told["predictions"], told["labelled"]) == (len(rows), len(known))
    assert told["score"] == pytest.approx(np.mean([row["score"] for row in rows])) and told["observed"] == pytest.approx(
        truth.mean()
    )
    assert told["auc"] == pytest.approx(auc(truth, scores)) and told["brier"] == pytest.approx(brier(truth, scores))


def test_numbers_agree_with_the_rows_in_both_times(ask: Any) -> None:
    march, april = ROWS[: 24 * 31], ROWS[24 * 31 : 24 * 61]
    told = ask("analysed", since=APRIL, end="2026-05-01T00:00:00Z", part="month")
    held(told["now"], april)
    held(told["before"], march[24:])  # thirty days, as long as April
    assert [each["start"] for each in told["course"]] == ["2026-04-01"] and [each["month"] for each in told["months"]] == [
        "2026-04"
    ]
    assert told["versions"] == [{"version": 2, "predictions": 720}] and told["segments"] == []
    assert told["above"] == sum(row["score"] >= told["threshold"] for row in april) and told["above"] + told["below"] == 720


def test_a_course_by_week_and_a_segment(ask: Any) -> None:
    told = ask("analysed", column="country", value="de", compared=False)
    german = [row for row in ROWS[: 24 * 31] if row["country"] == "de" and row["payment"] != "p9"]
    held(told["now"], german)
    assert told["before"] is None and [each["start"] for each in told["course"]][:2] == ["2026-02-23", "2026-03-02"]
    held(told["course"][1], [row for row in german if 1 <= (row["at"] - archived.BEGIN).days < 8])
    assert told["versions"] == ask("analysed", column="country", value="de", version=2)["versions"]
    assert ask("analysed", version=1)["now"]["predictions"] == 0  # only the frozen model's rows bear it


def test_segments_are_named_as_they_are_asked_for(ask: Any) -> None:
    by_country = ask("analysed", by="country")["segments"]
    assert sorted(each["value"] for each in by_country) == ["(missing)", "de", "fr", "it"]
    by_amount = ask("analysed", by="amount")
    assert sum(each["predictions"] for each in by_amount["segments"]) == 744 and by_amount["others"] is None
    for each in [*by_country, *by_amount["segments"]]:
        column = "country" if each in by_country else "amount"
        assert ask("analysed", column=column, value=each["value"])["now"] == {
            name: told for name, told in each.items() if name != "value"
        }
    assert ask("analysed", since="2030-01-01", end="2030-02-01", by="amount")["segments"] == []


def test_many_values_are_counted_together(ask: Any) -> None:
    told = ask("analysed", by="payment")
    assert len(told["segments"]) == 10 and told["other_values"] == 734 and told["others"]["predictions"] == 734


@pytest.mark.parametrize(
    ("plain", "error", "words"),
    [
        ({"column": "contry", "value": "de"}, NotFound, "no column"),
        ({"by": "x; drop"}, NotFound, "no column"),
        ({"column": "country", "value": "' OR 1=1 --"}, NotFound, "no prediction has"),
        ({"column": "amount", "value": "dear"}, InvalidInput, "no number"),
        ({"column": "amount", "value": "1e999"}, InvalidInput, "no number"),
        ({"column": "amount", "value": ".."}, InvalidInput, "has a bound"),
        ({"part": "hour"}, InvalidInput, "no part of time"),
        ({"since": APRIL, "end": MARCH}, InvalidInput, "is empty"),
    ],
)
def test_what_cannot_be_asked_of_the_log(ask: Any, plain: dict[str, str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask("analysed", **plain)


def test_labels_count_as_far_as_they_were_known(ask: Any) -> None:
    told = ask("analysed", until="2026-03-11T00:00:00Z", compared=False)
    known = [row for row in ROWS[: 24 * 8 + 1] if row["told"]]
    assert (told["now"]["predictions"], told["now"]["labelled"]) == (24 * 10 + 1, len(known))


def test_rows_with_their_labels_ordered_and_turned_over(ask: Any) -> None:
    first = ask("logged", columns=["payment", "score", "label"], order=("score", "up"), limit=3)
    lowest = min(row["score"] for row in ROWS[: 24 * 31])
    assert first["total"] == 744 and first["rows"][0][1] == lowest and [each["name"] for each in first["columns"]][2] == "label"
    second = ask("logged", columns=["payment", "score", "label"], order=("score", "up"), limit=3, after=3)
    assert not {row[0] for row in first["rows"]} & {row[0] for row in second["rows"]}
    untold = ask("logged", columns=["label"], order=("label", "down"), limit=200, after=700)["rows"]
    assert untold[-1] == [None] and len(untold) == 44 and len(ask("logged", limit=10_000)["rows"]) == 200
    assert "label_known_at" in first["all"] and ask("logged", after=10**7)["rows"] == []


@pytest.mark.parametrize(("plain", "error"), [({"columns": ["nope"]}, NotFound), ({"order": ("score", "sideways")}, InvalidInput), ({"order": ('s"; drop', "up")}, NotFound)])  # fmt: skip
def test_only_known_columns_and_orders(ask: Any, plain: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask("logged", **plain)


def test_all_rows_as_a_file(archivist: Archivist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"since": MARCH, "end": APRIL, "column": "country", "value": "de", "columns": ["payment", "label"], "form": "csv"}
    told = answered(archivist, "download_logged", plain, str(tmp_path / "rows"))
    with (tmp_path / "rows").open() as lines:
        rows = list(csv.DictReader(lines))
    assert told["name"] == "predictions.csv" and {*rows[0]} == {"payment", "label"}
    assert len(rows) == len([row for row in ROWS[: 24 * 31] if row["country"] == "de" and row["payment"] != "p9"])
    monkeypatch.setattr("baton.app.archive.analysis.MOST_TAKEN", 10)
    with pytest.raises(InvalidInput, match="a file holds 10"):
        answered(archivist, "download_logged", plain, str(tmp_path / "more"))


def test_a_dashboard_is_set_as_paper_and_as_a_picture(archivist: Archivist, tmp_path: Path) -> None:
    pytest.importorskip("typst")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="5" height="5"/></svg>'
    data = {
        "title": "Analysis #sys",
        "project": "fraud",
        "at": "2026-04-01T00:00:00Z",
        "pictures": [{"svg": svg}],
        "figures": [{"title": "AUC", "value": "0.7"}],
    }
    for form, begin in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        told = answered(archivist, "dashboard", {"data": data, "form": form}, str(tmp_path / form))
        assert (tmp_path / form).read_bytes().startswith(begin) and told["name"] == f"analysis.{form}"
    for plain in ({"data": {"title": "x"}}, {"data": data, "form": "exe"}):
        with pytest.raises(InvalidInput):
            answered(archivist, "dashboard", plain, str(tmp_path / "no"))
