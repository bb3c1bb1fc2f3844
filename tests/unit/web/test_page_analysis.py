"""The analyst's corner: filters that stay in the address, numbers beside the time before, rows, SQL, experiments, all shown as text."""

import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient
from unit.web.scene import MARKUP, NOON

from baton.app.archive.archive import Archive, Download
from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.delivery.reading import Arm, Interval, Question, Reading
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.kernel.errors import InvalidInput
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.web.page import Look

Open = Callable[..., TestClient]
Asked = list[tuple[str, dict[str, Any]]]
DAY = timedelta(days=1)
PAST = "2024-02-10T00:00:00Z"


def numbers(predictions: int = 900) -> dict[str, Any]:
    return {"predictions": predictions, "labelled": 800, "score": 0.31, "observed": 0.3, "brier": 0.09, "auc": 0.91, "mean_score": 0.3, "money": 4500.0}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the archive was asked; it answers with markup where there are texts."""
    seen: Asked = []
    course = [{"start": f"2024-0{month}-01", **numbers()} for month in (1, 2)]
    answers: dict[str, Any] = {
        "analysed": {"now": numbers(), "before": numbers(600), "course": course, "months": [{"month": "2024-01", **numbers()}],
                     "segments": [{"value": MARKUP, **numbers()}, {"value": "1..2", **numbers()}], "others": numbers(5), "other_values": 7,
                     "versions": [{"version": 1, "predictions": 300}, {"version": 2, "predictions": 600}], "above": 100, "below": 800, "threshold": 0.5},
        "logged": {"columns": [{"name": "sample", "type": "VARCHAR"}, {"name": "score", "type": "DOUBLE"}], "rows": [[MARKUP, 0.123456789], [None, None]],
                   "total": 120, "after": 0, "all": ["sample", "score", "label"]},
        "tables": {"tables": [{"name": "labels", "rows": 5, "columns": [{"name": MARKUP, "type": "VARCHAR"}], "clock": "known_at"}]},
        "sql": {"columns": [{"name": MARKUP, "type": "string"}, {"name": "count", "type": "int64"}], "rows": [["a", 1], [MARKUP, 2]], "truncated": True, "seconds": 0.02},
    }  # fmt: skip

    def ask(_: Archive, question: str, /, **plain: Any) -> Any:
        seen.append((question, plain))
        if plain.get("text", "") == "selec":
            raise InvalidInput("the query cannot be answered", why=f"Parser Error: syntax error {MARKUP}", fix="see the tables")
        return answers[question]

    def export(_: Archive, question: str, /, **plain: Any) -> Download:
        seen.append((question, plain))
        return Download(io.BytesIO(b"the file"), 8, "text/csv", "rows.csv")

    monkeypatch.setattr(Archive, "ask", ask)
    monkeypatch.setattr(Archive, "export", export)
    return seen


def shown(page: str) -> str:
    assert "<script>alert" not in page
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_dashboard_comes_from_the_record_and_asks_no_table(scene: Path, console: Open, asked: Asked) -> None:
    page = console(scene, "ann").get("/analysis")
    text = shown(page.text)
    assert page.status_code == 200 and not asked
    assert (
        "Predictions 40,780" in text
        and "Brier score 0.1100" in text
        and "p99, median day" in text
        and "before: nothing known" in text
    )
    assert 'data-lazy="/analysis/card/auc"' in page.text and 'data-lazy="/analysis/parts"' in page.text
    assert "AUC by month" in text and 'data-save-picture="brier"' in page.text


def test_filters_stay_in_every_address(scene: Path, console: Open, asked: Asked) -> None:
    query = {"from": "2024-01-01", "to": "2024-02-01", "version": "2", "column": "mean_radius", "value": "1..2", "part": "day"}
    page = console(scene).get("/analysis?" + urlencode(query)).text
    kept = urlencode(query).replace("&", "&amp;")
    assert (
        f'data-lazy="/analysis/figures?{kept}"' in page
        and f'href="/analysis.pdf?{kept}"' in page
        and f'href="/analysis/rows?{kept}"' in page
    )
    assert 'value="1..2"' in page and "<option selected>mean_radius</option>" in page and not asked


def test_a_part_of_the_predictions_is_counted_out_of_the_tables(scene: Path, console: Open, asked: Asked) -> None:
    page = console(scene).get("/analysis/figures?version=2&column=mean_radius&value=1..2&period=30")
    text = shown(page.text)
    (question, plain) = asked[0]
    assert question == "analysed" and (plain["version"], plain["column"], plain["value"], plain["part"]) == (
        2,
        "mean_radius",
        "1..2",
        "week",
    )
    assert (plain["since"], plain["end"], plain["until"], plain["compared"]) == (
        "2024-01-31T00:00:00Z",
        "2024-03-01T00:00:00Z",
        "",
        True,
    )
    assert "Predictions 900 before: 600" in text and "AUC 0.910" in text and "of all traffic" in text and "7 other values" in text
    assert "Decisions at the threshold of 0.5" in text


def test_a_segment_is_chosen_by_its_bar(scene: Path, console: Open, asked: Asked) -> None:
    page = console(scene).get("/analysis/parts?column=mean_area").text
    assert asked[0][1]["by"] == "mean_area" and "column" not in asked[0][1]
    assert "/analysis?column=mean_area&amp;value=1..2" in page and "Predictions by mean_area" in shown(page)
    assert "AUC by" not in shown(page) and "/analysis?column=mean_area&amp;version=1" not in page.replace(
        "version=1&amp;column=mean_area", ""
    )


@pytest.mark.parametrize(
    ("name", "words"), [("auc", "AUC 0.910 before: 0.910"), ("value", "Value"), ("observed", "Came true 30.0 %")]
)
def test_a_number_that_only_the_tables_know(scene: Path, console: Open, asked: Asked, name: str, words: str) -> None:
    client = console(scene)
    assert words in shown(client.get(f"/analysis/card/{name}").text)
    assert client.get("/analysis/card/other").status_code == 422


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2024-02-01&to=2024-01-01", "exchange them"),
        ("version=99", "those that have are 1, 2"),
        ("column=mean_radios", "did you mean"),
        (urlencode({"column": MARKUP}), "has no column"),
        (urlencode({"value": "🛫"}), "of no column"),
        ("period=" + "9" * 300, "is no period"),
    ],
)
def test_contradicting_filters_are_answered_beside_them(scene: Path, console: Open, asked: Asked, query: str, words: str) -> None:
    client = console(scene)
    page = client.get(f"/analysis?{query}")
    assert page.status_code == 200 and words in shown(page.text) and 'role="alert"' in page.text and not asked
    assert client.get(f"/analysis/figures?{query}").status_code == 422


def test_the_past_is_asked_for_as_it_was_known(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    page = client.get(f"/analysis?at={PAST}").text
    assert "2023-11-12 to 2024-02-09" in shown(page) and "/analysis/parts?at=2024-02-10" in page
    client.get(f"/analysis/parts?at={PAST}")
    assert asked[0][1]["until"] == PAST and asked[0][1]["end"] == PAST


def test_rows_are_listed_sorted_and_turned_over(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    page = client.get("/analysis/rows?show=sample&show=score&sort=score&way=up&after=50").text
    assert "/analysis/rows/table?after=50&amp;show=sample%2Cscore&amp;sort=score&amp;way=up" in page and not asked
    page = client.get("/analysis/rows/table?show=sample,score&sort=score&way=up&after=50").text
    _, plain = asked[0]
    assert (plain["columns"], plain["order"], plain["after"], plain["limit"]) == (["sample", "score"], ["score", "up"], 50, 50)
    text = shown(page)
    assert "120 rows" in text and "51 – 100 of 120" in text and "0.12346" in text and "Columns: 2 of 3" in text
    assert "after=100" in page and "/analysis/rows/file/parquet?show=sample%2Cscore" in page and 'aria-sort="ascending"' in page


@pytest.mark.parametrize("query", ["after=-1", "after=1e3", "after=" + "9" * 30, "way=sideways", "sort=%00", "version=x"])
def test_rows_refuse_what_is_no_page(scene: Path, console: Open, asked: Asked, query: str) -> None:
    assert console(scene).get(f"/analysis/rows/table?{query}").status_code == 422 and not asked


def test_rows_as_a_file(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    answer = client.get("/analysis/rows/file/csv?column=mean_radius&value=1..2&show=score")
    assert (
        answer.content == b"the file"
        and 'filename="made-predictions-2023-12-02-2024-02-29.csv"' in answer.headers["content-disposition"]
    )
    assert asked[0][0] == "download_logged" and (asked[0][1]["form"], asked[0][1]["columns"]) == ("csv", ["score"])
    assert client.get("/analysis/rows/file/exe").status_code == 422


def test_sql_has_an_address_an_answer_and_a_picture(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    query = urlencode({"q": "SELECT 1\nAS a"})
    page = client.get(f"/analysis/sql?{query}").text
    assert "\nSELECT 1\nAS a</textarea>" in page and "/analysis/sql/result?q=SELECT+1%0AAS+a" in page and not asked
    page = client.get(f"/analysis/sql/result?{query}").text
    text = shown(page)
    assert asked[0] == ("sql", {"text": "SELECT 1\nAS a", "limit": 1000})
    assert "2 rows of more" in text and "The answer is cut" in text and "int64" in text and 'data-save-picture="answer"' in page
    assert "/analysis/sql/file/csv?q=" in page


TEXT, COUNT, MEAN, AT = ("variant", "string"), ("model_version", "int64"), ("score", "double"), ("day", "timestamp[us, tz=UTC]")


@pytest.mark.parametrize(
    ("columns", "rows", "told"),
    [
        ([TEXT, COUNT, ("n", "int64"), MEAN], [["live", 1, 90, 0.2], ["live", 2, 80, 0.3]], "score by variant, model_version"),
        ([TEXT, ("n", "int64"), MEAN], [["live", 90, 0.2], ["canary", 80, 0.3]], "score by variant"),
        ([("carrier", "string"), TEXT, MEAN], [["UA", "live", 0.2], ["UA", "canary", 0.3]], "score by carrier, variant"),
        ([AT, COUNT, MEAN], [["2023-05-01T00:00:00Z", 1, 0.2], ["2023-05-02T00:00:00Z", 1, 0.3]], "score over day"),
        ([AT, MEAN], [["2023-05-01T00:00:00Z", 0.2], ["2023-05-01T00:00:00Z", 0.3]], ""),
        ([TEXT, MEAN], [["live", 0.2], ["live", 0.3]], ""),
        ([TEXT, AT, MEAN], [["a", "2023-05-01T00:00:00Z", 0.2], ["b", "2023-05-02T00:00:00Z", 0.3]], ""),
        ([MEAN, COUNT], [[0.2, 1], [0.3, 2]], ""),
    ],
)
def test_an_answer_is_drawn_only_where_it_makes_a_picture(
    scene: Path, console: Open, monkeypatch: pytest.MonkeyPatch, columns: list[tuple[str, str]], rows: list[list[Any]], told: str
) -> None:
    found = {
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rows": rows,
        "truncated": False,
        "seconds": 0.01,
    }
    monkeypatch.setattr(Archive, "ask", lambda *_, **__: found)
    page = console(scene).get("/analysis/sql/result?q=select").text
    assert ('data-save-picture="answer"' in page) == bool(told)
    assert f'<span class="note">{told}</span>' in page if told else "pic-" not in page
    assert ' class="fill s2"' not in page  # one column on the axis


def test_what_the_engine_says_against_a_query_is_shown(scene: Path, console: Open, asked: Asked) -> None:
    answer = console(scene).get("/analysis/sql/result?q=selec")
    assert answer.status_code == 422 and "Parser Error: syntax error" in shown(answer.text)


def test_a_query_that_is_too_long_is_kept_and_not_asked(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    page = client.get("/analysis/sql?q=" + "x" * 4001)
    assert page.status_code == 200 and "has 4,001 signs" in shown(page.text) and "/analysis/sql/result" not in page.text
    assert client.get("/analysis/sql/result?q=" + "x" * 4001).status_code == 400
    assert client.get("/analysis/sql/file/csv?q=" + "x" * 4001).status_code == 422
    hostile = client.get("/analysis/sql?" + urlencode({"q": "</textarea>" + MARKUP}))
    assert "&lt;/textarea&gt;" in hostile.text and "<script>alert" not in hostile.text and not asked


def test_sql_reads_the_present_only(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    page = client.get(f"/analysis/sql?q=select+1&at={PAST}").text
    assert "SQL reads the tables as they are now" in shown(page) and "/analysis/sql/result" not in page
    assert client.get(f"/analysis/sql/result?q=select+1&at={PAST}").status_code == 400 and not asked


def test_sql_begins_with_examples_and_the_tables(scene: Path, console: Open, asked: Asked) -> None:
    client = console(scene)
    assert "Furthest from the truth" in shown(client.get("/analysis/sql").text)
    text = shown(client.get("/analysis/sql/tables").text)
    assert "labels 5 rows" in text and "known by" in text


def test_without_an_experiment_one_is_told_how_to_declare_one(scene: Path, console: Open) -> None:
    text = shown(console(scene).get("/analysis/experiments").text)
    assert "No experiment is on record" in text and "rollout:" in text and "baton experiment" in text


def test_experiments_tell_their_evidence(own_scene: Path, console: Open) -> None:
    workspace = existing(own_scene / ".baton")
    state = open_sqlite(workspace.state)
    draft, act = Draft(state), Act(SYSTEM, "", NOON)
    harm = Question("the arm is worse", 3.0, 40.0, ((100, 1.0), (200, 3.0)))
    split = Reading("split", harm, None, (Arm("live", 80, 0), Arm(MARKUP, 20, 0)), None, "void", f"The split is broken {MARKUP}")
    reading = Reading(
        MARKUP, harm, harm, (Arm("live", 80, 8), Arm(MARKUP, 20, 3)), Interval(0.05, -0.1, 0.2, 0.95), "void", "Void"
    )
    arm = Release("release-arm", 2, "b" * 64, "arm", NOON - DAY, NOON, share=0.2, variant=MARKUP, group="comparison-a")
    draft.record(act, arm, "started", "answers beside live")
    look = Weighing("comparison-a", "hold", 0, "arm", 0, NOON, 100, 90, (split, reading), f"not decided yet {MARKUP}")
    draft.record(act, look, "weighed", "hold")
    bandit = Release("release-bandit", 3, "c" * 64, "arm", NOON, NOON, share=0.3, variant="bold", group="comparison-b")
    told = {name: {"weight": weight, "answers": 40, "rewards": 30} for name, weight in (("live", 0.7), ("bold", 0.3))}
    draft.record(act, bandit, "reweighed", "bold answers for 30 %", arms=told)
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()
    text = shown(console(own_scene, "ann").get("/analysis/experiments").text)
    assert (
        "A/B comparison" in text
        and "mismatch" in text
        and "not decided yet" in text
        and "+0.0500, from -0.1000 to +0.2000" in text
    )
    assert "Bandit, bold" in text and "75.0 %" in text and "2 of 2 experiments" in text


@pytest.mark.parametrize("form", ["pdf", "png"])
def test_the_page_is_saved_with_its_filters(scene: Path, console: Open, asked: Asked, form: str) -> None:
    answer = console(scene, "ann").get(f"/analysis.{form}?column=mean_radius&value=1..2")
    assert answer.status_code == 200 and f"-analysis-2023-12-02-2024-02-29.{form}" in answer.headers["content-disposition"]
    question, plain = asked[-1]
    assert question == "dashboard" and plain["form"] == form and plain["data"]["title"] == "Analysis, mean_radius 1..2"
    assert len(plain["data"]["figures"]) == 9 and len(plain["data"]["pictures"]) == 7 and "--ink" in plain["style"]
    assert all(each["svg"].startswith("<svg") for each in plain["data"]["pictures"])
    assert console(scene).get(f"/analysis.{form}?version=99").status_code == 422


def test_value_says_until_when_labels_are_counted(scene: Path, console: Open, asked: Asked) -> None:
    assert "labelled until 10 Feb 2024; before: " in shown(console(scene, "ann").get(f"/analysis/card/value?at={PAST}").text)


def test_the_report_has_the_shape_that_documents_take(scene: Path, console: Open, asked: Asked) -> None:
    import msgspec

    from baton.app.archive.document import KINDS

    assert console(scene, "ann").get(f"/product/report.pdf?at={PAST}").status_code == 200
    told: Any = msgspec.convert(asked[-1][1]["data"], KINDS["report"])
    assert (told.title.startswith("made: what the model is worth") and told.value is None) or told.value.columns[0] == "Month"


def test_a_folder_without_a_project_says_how_to_begin(
    scene: Path, console: Open, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Look, "definition", None)
    client = console(scene)
    assert "baton new" in shown(client.get("/analysis").text) and "baton new" in shown(client.get("/analysis/rows").text)
    assert client.get("/analysis.pdf").status_code == 404 and not asked
