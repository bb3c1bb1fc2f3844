"""Questions to the archive, answered in this process, held against the rows themselves."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from journeys import archived

from baton.app.archive.archivist import Archivist, Period
from baton.app.archive.lane import ANSWER, ERROR, Reply
from baton.app.archive.quality import joined, measured
from baton.app.archive.question import EXPORTS, QUESTIONS, answered
from baton.app.archive.shelf import MOST_ANSWERS, Shelf
from baton.app.bootstrap import open_query
from baton.app.lifecycle import judging
from baton.app.workspace import existing
from baton.backends.tables.delta import DeltaTables
from baton.kernel.errors import BatonError, InvalidInput, InvalidProject, NotFound, Unavailable

ROWS = archived.payments()


@pytest.fixture(scope="module")
def archivist(tmp_path_factory: pytest.TempPathFactory) -> Archivist:
    project = archived.project(tmp_path_factory.mktemp("archived"))
    return Archivist(project, existing(project / ".baton"))


@pytest.fixture
def ask(archivist: Archivist) -> Any:
    return lambda name, **plain: msgspec.json.decode(msgspec.json.encode(answered(archivist, name, plain)))


def column(told: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told["columns"] if each["name"] == name)
    return found


def test_every_question_says_what_it_means() -> None:
    assert [name for name, question in {**QUESTIONS, **EXPORTS}.items() if not (question.__doc__ or "").strip()] == []


def test_tables_with_rows_columns_and_versions(ask: Any) -> None:
    told = {each["name"]: each for each in ask("tables")["tables"]}
    assert {name: (each["rows"], each["version"], each["clock"]) for name, each in told.items()} == {
        "labels": (sum(bool(row["told"]) for row in ROWS), 1, "known_at"),
        "payments": (len(ROWS), 1, None),
        "predictions": (2 * len(ROWS), 1, "decided_at"),
        "quarantine": (3, 0, "known_at"),
    }
    assert told["labels"]["columns"][1] == {"name": "label", "type": "TINYINT"} and told["labels"]["bytes"] > 1000
    then = {each["name"]: each for each in ask("tables", until="2026-03-11T23:30:00Z")["tables"]}
    assert then["predictions"]["rows"] == 2 * 24 * 11 and then["payments"]["rows"] == len(ROWS)
    assert then["predictions"]["versions"] == 0 and then["predictions"]["known"] == "2026-03-11T23:00:00Z"
    assert then["quarantine"]["rows"] == 2  # the third row has no instant: it was always known


def test_a_table_into_which_nothing_was_written_hides_no_other(tmp_path: Path) -> None:
    project = archived.project(tmp_path)
    DeltaTable.create(str(project / ".baton" / "tables" / "meant"), schema=pa.schema([("a", pa.int64())]))
    mine = Archivist(project, existing(project / ".baton"))
    assert [each["name"] for each in answered(mine, "tables", {})["tables"]] == [
        "labels",
        "payments",
        "predictions",
        "quarantine",
    ]
    with pytest.raises(NotFound, match="'meant' has no rows yet"):
        answered(mine, "rows", {"table": "meant"})


def test_a_profile_agrees_with_the_rows(ask: Any) -> None:
    told = ask("profile", table="predictions", until="2026-03-31T23:30:00Z")
    amounts = np.array([row["amount"] for row in ROWS[: 24 * 31] for _ in range(2) if row["payment"] != "p7"], dtype=np.float64)
    amount = column(told, "amount")
    assert (told["rows"], told["sampled"], amount["nulls"]) == (2 * 24 * 31, 2 * 24 * 31, 2)
    assert (amount["min"], amount["max"]) == (amounts.min(), amounts.max()) and math.isclose(
        amount["mean"], amounts.mean(), rel_tol=1e-9
    )
    assert math.isclose(amount["quantiles"]["p50"], np.quantile(amounts, 0.5))
    assert sum(amount["histogram"]["counts"]) == len(amounts) and len(amount["histogram"]["edges"]) == 21
    assert column(told, "variant")["top"] == [{"value": "live", "count": 744}, {"value": "shadow", "count": 744}]
    assert column(told, "country")["nulls"] == 2 and column(told, "prediction_id")["top"] == []
    assert column(told, "decided_at")["histogram"]["edges"][0] == "2026-03-01T00:00:00Z"
    assert column(told, "model_version")["histogram"] == {"edges": [0.5, 1.5, 2.5], "counts": [744, 744]}


def test_a_sample_is_told_and_always_the_same(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.app.archive.profile.SAMPLE", 300)
    told = ask("profile", table="predictions")
    assert told["rows"] == 2976 and 200 < told["sampled"] < 400
    assert told == ask("profile", table="predictions")
    assert sum(column(told, "score")["histogram"]["counts"]) == told["sampled"] and column(told, "country")["nulls"] == 2


def test_an_empty_period_has_a_profile_and_a_histogram(ask: Any) -> None:
    told = ask("profile", table="predictions", since="2030-01-01")
    assert told["rows"] == 0 and column(told, "amount")["histogram"] is None and column(told, "amount")["min"] is None
    nothing = ask("histogram", table="predictions", column="amount", since="2030-01-01")
    assert nothing["edges"] == [] and nothing["counts"]["rows"] == 0


def test_two_periods_share_their_bins(ask: Any) -> None:
    march, april = ("2026-03-01", "2026-04-01"), ("2026-04-01", "2026-05-01")
    told = ask("two_histograms", table="predictions", column="amount", reference=march, present=april, bins=10)
    assert len(told["edges"]) == 11 and told["shape"] == "number"
    for side, count in ((told["reference"], 2 * 744), (told["present"], 2 * 720)):
        assert sum(side["counts"]) + side["under"] + side["over"] + side["missing"] == side["rows"] == count
    assert told["reference"]["missing"] == 2
    given = ask("histogram", table="predictions", column="amount", edges=[0, 100, 1000], where=[["variant", "=", "live"]])
    low = sum(row["amount"] < 100 for row in ROWS if row["payment"] != "p7")  # type: ignore[operator]
    assert given["counts"]["counts"][0] == low and given["counts"]["under"] == 0
    kinds = ask("two_histograms", table="predictions", column="country", reference=march, present=april)
    assert sorted(kinds["labels"]) == ["de", "fr", "it"] and kinds["shape"] == "category" and kinds["reference"]["missing"] == 2
    assert sum(kinds["present"]["counts"]) == 2 * 720
    when = ask("histogram", table="predictions", column="decided_at", bins=2)
    assert (
        when["edges"][0] == "2026-03-01T00:00:00Z"
        and sum(when["counts"]["counts"]) + when["counts"]["under"] + when["counts"]["over"] == 2976
    )


@pytest.mark.parametrize("edges", [[1], [2, 1], [1, 1], list(range(200))])
def test_edges_rise(ask: Any, edges: list[float]) -> None:
    with pytest.raises(InvalidInput, match="no edges"):
        ask("histogram", table="predictions", column="amount", edges=edges)


def test_rows_are_found_ordered_and_turned_over(ask: Any) -> None:
    where = [
        ["variant", "=", "live"],
        ["amount", ">=", 100],
        ["country", "in", ["de", "fr"]],
        ["decided_at", "<", "2026-03-15T00:00:00Z"],
    ]
    told = ask(
        "rows", table="predictions", where=where, order=[["amount", "up"]], limit=5, columns=["payment", "amount", "country"]
    )
    expected = sorted(
        (row["amount"], row["payment"])
        for row in ROWS[: 24 * 14]
        if row["amount"] >= 100 and row["country"] in ("de", "fr") and row["payment"] not in ("p7", "p9")  # type: ignore[operator]
    )
    assert told["total"] == len(expected) and [(row[1], row[0]) for row in told["rows"]] == expected[:5]
    more = ask(
        "rows", table="predictions", where=where, order=[["amount", "up"]], limit=5, after=5, columns=["payment", "amount"]
    )
    assert [(row[1], row[0]) for row in more["rows"]] == expected[5:10]
    newest = ask("rows", table="predictions", until="2026-03-02T00:00:00Z", limit=1)
    assert newest["rows"][0][2] == "2026-03-02T00:00:00Z" and newest["total"] == 50


@pytest.mark.parametrize(
    ("where", "count"),
    [
        (["payment", "contains", "P100"], 11),
        (["payment", "starts", "p148"], 9),
        (["amount", "empty", None], 1),
        (["amount", "given", None], 1487),
        (["payment", "=", "p1' OR '1'='1"], 0),
        (["payment", "contains", "%"], 0),
        (["score", "!=", 2], 1488),
    ],
    ids=str,
)
def test_a_test_of_a_column(ask: Any, where: list[Any], count: int) -> None:
    assert ask("rows", table="predictions", where=[where, ["variant", "=", "live"]])["total"] == count


@pytest.mark.parametrize(
    ("plain", "kind", "words"),
    [
        ({"table": "prediction"}, NotFound, "did you mean 'predictions'"),
        ({"table": "../labels"}, NotFound, "there is no table"),
        ({"table": 'x" UNION SELECT 1 --'}, NotFound, "known:"),
        ({"table": "labels", "where": [["lable", "=", 1]]}, NotFound, "did you mean 'label'"),
        ({"table": "labels", "where": [['label" = 1 OR "label', "=", 1]]}, NotFound, "no column"),
        ({"table": "labels", "where": [["label", "= 1 OR 1=1 --", 1]]}, InvalidInput, "no comparison"),
        ({"table": "labels", "where": [["label", "=", "x"]]}, InvalidInput, "Could not convert"),
        ({"table": "labels", "where": [["label", "=", None]]}, InvalidInput, "one value"),
        ({"table": "labels", "where": [["label", "in", []]]}, InvalidInput, "1 to 1000"),
        ({"table": "labels", "order": [["label", "sideways"]]}, InvalidInput, "up or down"),
        ({"table": "labels", "columns": ["a; DROP TABLE labels"]}, NotFound, "no column"),
        ({"table": "labels", "until": "yesterday"}, InvalidInput, "no instant"),
        ({"table": "labels", "limit": "many"}, InvalidInput, "does not take that"),
        ({"tabel": "labels"}, InvalidInput, "does not take that"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_in_words(ask: Any, plain: dict[str, Any], kind: type[BatonError], words: str) -> None:
    with pytest.raises(kind) as caught:
        ask("rows", **plain)
    assert words in str(caught.value)


def test_an_unknown_question(ask: Any) -> None:
    with pytest.raises(NotFound, match="did you mean 'profile'"):
        ask("profil")


def test_sql_is_answered_cut_and_timed(ask: Any) -> None:
    told = ask("sql", text="SELECT payment, label FROM labels ORDER BY payment", limit=2)
    assert told["columns"] == [{"name": "payment", "type": "string"}, {"name": "label", "type": "int8"}]
    assert told["truncated"] and len(told["rows"]) == 2 and told["seconds"] > 0
    assert ask("sql", text="SELECT count(*) FROM labels")["rows"][0][0] > 1000
    assert "labels" in str(ask("sql", text="SHOW TABLES")["rows"])
    with pytest.raises(NotFound, match="did you mean 'labels'"):
        ask("sql", text="SELECT * FROM label")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT content FROM read_text('/etc/passwd')",
        "COPY labels TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "SELECT 1; SELECT 2",
        "INSTALL httpfs",
        "SET memory_limit = '8GB'",
        "DELETE FROM labels",
        "SELECT * FROM labels) UNION SELECT * FROM (SELECT * FROM read_text('/etc/hostname')",
    ],
)
def test_sql_does_nothing_else(ask: Any, text: str) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        ask("sql", text=text)


@pytest.mark.parametrize("month", ["2026-03", "2026-04"])
def test_quality_is_that_of_the_month_on_record(archivist: Archivist, ask: Any, month: str) -> None:
    house = SimpleNamespace(definition=archivist.definition, tables=archivist.tables, query=open_query(), alias=None)
    judged = judging._judge(SimpleNamespace(house=house), month, closed=True)  # type: ignore[arg-type]
    assert judged is not None
    end = "2026-04-01" if month == "2026-03" else "2026-05-01"
    told = ask("judged_slices", column="country", since=f"{month}-01", end=end)["all"]
    assert (told["predictions"], told["labelled"]) == (judged.predictions, judged.labelled) and judged.labelled > 500
    assert (told["auc"], told["brier"], told["observed"], told["money"]) == (
        judged.auc,
        judged.brier,
        judged.late_rate,
        judged.value,
    )
    _, known = joined(archivist, "", Period(f"{month}-01", end), 0, frozen=True)
    frozen = measured(archivist, known.scores, known.labels)
    assert (frozen["brier"], frozen["money"]) == (judged.frozen_brier, judged.frozen_value)


def test_quality_by_value_and_as_it_was_known(archivist: Archivist, ask: Any) -> None:
    both = {"since": "2026-03-01", "end": "2026-05-02"}
    told = ask("judged_slices", column="country", **both)
    assert {each["value"] for each in told["slices"]} == {"de", "fr", "it", None} and told["others"] == 0
    assert sum(each["predictions"] for each in told["slices"]) == told["all"]["predictions"] == len(ROWS)
    ours = [row for row in ROWS if row["country"] == "de" and row["told"] and row["payment"] != "p9"]
    assert next(each for each in told["slices"] if each["value"] == "de")["labelled"] == len(ours)
    tenths = ask("judged_slices", column="amount", **both)["slices"]
    assert len(tenths) == 11 and {each["predictions"] for each in tenths if each["value"] is not None} <= {147, 148, 149, 150}
    then = ask("judged_slices", column="country", **both, until="2026-03-10T00:00:00Z")["all"]
    assert then["predictions"] == 24 * 9 + 1 and then["labelled"] == sum(bool(row["told"]) for row in ROWS[: 24 * 7 + 1])
    _, nothing = joined(archivist, "", Period(), 9)
    assert measured(archivist, nothing.scores, nothing.labels) == {
        "predictions": 0, "labelled": 0, "mean_score": None, "observed": None, "brier": None, "auc": None, "money": None,
    }  # fmt: skip


def test_calibration_counts_every_labelled_prediction_once(ask: Any) -> None:
    told = ask("calibration", version=2)
    assert len(told["bins"]) == 10 and sum(each["count"] for each in told["bins"]) == told["labelled"]
    rows = [row for row in ROWS if row["told"] and 0.5 <= row["score"] < 0.6]  # type: ignore[operator]
    part = told["bins"][5]
    assert part["count"] == len(rows) and math.isclose(part["observed"], sum(int(str(row["fraud"])) for row in rows) / len(rows))
    assert part["from"] < part["observed"] < part["to"] and 0.5 <= part["score"] < 0.6
    assert abs(told["error"]) < 0.05


def test_versions_and_what_differs_between_them(ask: Any) -> None:
    told = ask("versions", table="labels")
    assert [(each["version"], each["added"], each["rows"]) for each in told["versions"]][1:] == [(0, 669, 669)] and told[
        "total"
    ] == 2
    assert told["versions"][1]["known"] == "2026-04-02T22:00:00Z" or told["versions"][1]["known"] == "2026-04-02T23:00:00Z"
    assert ask("versions", table="labels", until="2026-04-10")["total"] == 1
    between = ask("difference", table="labels", first=0, second=1)
    assert between["added"] == told["versions"][0]["added"] and between["removed"] == 0
    assert between["columns"] == {"added": [], "removed": [], "retyped": []}
    assert ask("difference", table="labels", first=1, second=0)["removed"] == between["added"]
    with pytest.raises(NotFound, match="versions 0 to 1"):
        ask("difference", table="labels", first=0, second=7)


def test_a_column_that_came_later_is_told(tmp_path: Path) -> None:
    project = archived.project(tmp_path)
    tables = DeltaTables(project / ".baton" / "tables")
    tables.append("payments", pa.table({"payment": ["p9999"], "amount": [1.0], "country": ["de"], "channel": ["web"]}), step=99)
    archivist = Archivist(project, existing(project / ".baton"))
    assert answered(archivist, "versions", {"table": "payments", "limit": 1})["versions"][0]["columns"]["added"] == ["channel"]
    assert answered(archivist, "difference", {"table": "payments", "first": 2, "second": 0})["columns"]["removed"] == ["channel"]
    assert column(answered(archivist, "profile", {"table": "payments"}), "channel")["nulls"] == len(ROWS)


def test_rejected_rows_and_their_rules(ask: Any) -> None:
    told = ask("quarantine")
    assert told["total"] == 3 and told["rows"][0] == {
        "source": "payments",
        "key": "x2",
        "known_at": "2026-04-10T00:00:00Z",
        "rule": "amount minimum",
        "reason": "amount is -2, at least 0",
        "row": {"amount": -2},
    }
    assert [(each["source"], each["rule"], each["rows"]) for each in told["rules"]] == [
        ("payments", "amount minimum", 2),
        ("planes", "required", 1),
    ]
    assert ask("quarantine", source="payments", until="2026-03-02")["total"] == 1
    assert ask("quarantine", source="nobody' OR 1=1 --") == {"rows": [], "rules": [], "total": 0}


def test_a_project_in_pieces_is_told_with_its_mistakes(tmp_path: Path) -> None:
    project = archived.project(tmp_path)
    (project / "baton.yaml").write_text("project: [")
    with pytest.raises(InvalidProject):
        answered(Archivist(project, existing(project / ".baton")), "rows", {"table": "payments"})


def test_files_hold_all_rows(archivist: Archivist, tmp_path: Path) -> None:
    import pyarrow.parquet

    path = tmp_path / "out"
    path.touch()
    told = answered(archivist, "download_rows", {"table": "predictions", "where": [["variant", "=", "live"]]}, str(path))
    assert told == {"media": "text/csv; charset=utf-8", "name": "predictions.csv"} and len(path.read_text().splitlines()) == 1489
    answered(archivist, "download", {"text": "SELECT * FROM labels", "form": "parquet"}, str(path))
    assert pyarrow.parquet.read_table(path).num_rows == 1339
    with pytest.raises(InvalidInput, match="no form of a file"):
        answered(archivist, "download", {"text": "SELECT 1", "form": "xlsx"}, str(path))
    with pytest.raises(InvalidInput, match="csv cannot hold"):
        answered(archivist, "download", {"text": "SELECT [1, 2] AS both"}, str(path))


def test_a_shelf_keeps_what_was_used_last(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, tmp_path / "tables")
    for number in range(MOST_ANSWERS + 5):
        shelf.get(b"0")
        shelf.put(str(number).encode(), Reply(ANSWER, b"1"))
    assert shelf.get(b"0") is not None and shelf.get(b"1") is None and shelf.get(b"68") is not None
    shelf.put(b"long", Reply(ANSWER, b"1" * (8 << 20)))
    assert shelf.get(b"long") is None and shelf.get(b"68") is None  # it does not fit, and took all others with it
    assert shelf._bytes == 0


def test_an_error_comes_back_as_the_one_it_was() -> None:
    told = {"code": "not-found", "what": "there is none", "where": "here", "why": "so", "fix": "look"}
    with pytest.raises(NotFound) as caught:
        Reply(ERROR, msgspec.json.encode(told)).value()
    assert (caught.value.what, caught.value.where, caught.value.why, caught.value.fix) == ("there is none", "here", "so", "look")
    with pytest.raises(Unavailable) as again:
        Reply(ERROR, msgspec.json.encode({**told, "code": "unavailable"})).value()
    assert again.value.retryable
    mistakes = [{"file": "baton.yaml", "line": 3, "what": "no such key", "fix": "remove it"}]
    with pytest.raises(InvalidProject, match=r"baton\.yaml:3: no such key"):
        Reply(ERROR, msgspec.json.encode({"code": "invalid-project", "mistakes": mistakes})).value()
