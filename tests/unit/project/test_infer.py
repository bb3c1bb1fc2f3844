"""A project out of a person's own table: what is learnt from, what is true, and what is refused."""

import gzip
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.backends.engines.profile import profile, store
from baton.cli.main import door
from baton.data.contract import parse_contract
from baton.features.view import plan_from_source
from baton.kernel.errors import BatonError, Conflict, InvalidInput
from baton.project.columns import check_columns
from baton.project.definition import Definition
from baton.project.infer import infer
from baton.project.loader import load
from baton.project.table import safe_name
from baton.project.template import create_inferred
from baton.team.raci import effective

ROWS = 200


def table(path: Path, columns: dict[str, Callable[[int], object]], rows: int = ROWS) -> Path:
    lines = [",".join(columns), *(",".join(str(value(row)) for value in columns.values()) for row in range(rows))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def truth(row: int) -> int:
    return int(row % 4 == 0)


def noise(row: int) -> float:
    return round(random.Random(row).random() * 50, 3)


def project(path: Path, into: Path, label: str = "churn", **named: Any) -> tuple[Definition, list[str], str, Any]:
    """Infer, write, load and check; gives the definition, the features, their file and the stored table."""
    inferred = infer(profile(path, label), project="mine", label=label, **named)
    create_inferred(inferred, into, lambda plan, target: store(path, plan, target))
    loaded = load(into, lambda definition: effective(definition.raci))
    text = (into / "features.py").read_text(encoding="utf-8")
    stored = pq.read_table(into / inferred.data)
    source = loaded.definition.sources[inferred.source]
    contract = parse_contract((into / str(source.contract)).read_text(encoding="utf-8"), "contract")
    assert [column.name for column in contract.columns] == stored.column_names
    schema = {inferred.source: {field.name: str(field.type) for field in stored.schema}}
    assert check_columns(loaded.definition, schema, loaded.lines) == ()
    return loaded.definition, list(plan_from_source(text).names), text, stored


def test_a_plain_table(tmp_path: Path) -> None:
    path = table(
        tmp_path / "Customer Data.csv",
        {"id": lambda r: f"c{r}", "Monthly Fee": noise, "plan": lambda r: "abc"[r % 3], "churn": truth},
    )
    definition, features, _, stored = project(path, tmp_path / "out")
    assert definition.sources["customer_data"].key == ("id",)
    assert (definition.label.column, definition.label.equals) == ("churn", 1)
    assert (definition.recipe.holdout, definition.recipe.validation) == (0.2, 0.15)
    assert features == ["Monthly_Fee", "plan"]
    assert stored.num_rows == ROWS


OUTCOMES = [
    (lambda r: "Yes" if truth(r) else "No", 1),
    (lambda r: "true" if truth(r) else "false", 1),
    (lambda r: "gone" if truth(r) else "stays", "gone"),
    (lambda r: "churned" if not truth(r) else "active", "churned"),
    (lambda r: 2 if truth(r) else 1, 2),
    (lambda r: 1 if truth(r) else -1, 1),
    (lambda r: 0.5 if truth(r) else 0.25, 0.5),
]


@pytest.mark.parametrize(("label", "positive"), OUTCOMES)
def test_two_values_become_an_outcome(tmp_path: Path, label: Callable[[int], object], positive: object) -> None:
    path = table(tmp_path / "t.csv", {"id": str, "fee": noise, "churn": label})
    definition, _, _, stored = project(path, tmp_path / "out")
    equals = definition.label.equals
    assert equals == positive
    wanted = sum(value == positive for value in stored["churn"].to_pylist())
    assert wanted in (ROWS // 4, ROWS * 3 // 4)


def test_time_makes_the_holdout_a_stretch(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv",
        {"id": str, "fee": noise, "seen": lambda r: f"2023-{1 + r // 28 % 12:02d}-{1 + r % 28:02d}", "churn": truth},
    )
    definition, features, _, stored = project(path, tmp_path / "out", time="seen")
    assert definition.sources["t"].known_at == "seen"
    assert str(stored.schema.field("seen").type) == "timestamp[us, tz=UTC]"
    assert (definition.recipe.holdout, definition.recipe.validation) != (0.2, 0.15)
    assert features == ["fee"]


def test_a_short_time_falls_back_to_shares(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv", {"id": str, "fee": noise, "seen": lambda r: f"2023-01-01 10:{r % 60:02d}:00", "churn": truth}
    )
    definition, _, _, _ = project(path, tmp_path / "out", time="seen")
    assert definition.recipe.holdout == 0.2


def test_rows_are_numbered_when_nothing_is_unique(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"row": lambda r: r % 7, "fee": lambda r: noise(r % 150), "churn": truth})
    definition, features, _, stored = project(path, tmp_path / "out")
    assert definition.entity.key == "row_2"
    assert stored["row_2"].to_pylist()[:2] == ["r00000001", "r00000002"]
    assert len(set(stored["row_2"].to_pylist())) == ROWS
    assert features == ["row", "fee"]


def test_a_named_key_must_identify(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"id": lambda r: r // 2, "mail": lambda r: f"m{r}", "fee": noise, "churn": truth})
    definition, _, _, _ = project(path, tmp_path / "out", key="mail")
    assert definition.entity.key == "mail"
    with pytest.raises(InvalidInput, match="does not identify a row"):
        infer(profile(path, "churn"), project="mine", label="churn", key="id")


def test_copies_of_the_label_are_left_out(tmp_path: Path) -> None:
    copies: dict[str, Callable[[int], object]] = {
        "id": str,
        "fee": noise,
        "copy": lambda r: "left" if truth(r) else "here",
        "reason": lambda r: "price" if truth(r) else "",
        "score": lambda r: truth(r) * 100 + noise(r),
        "near": lambda r: truth(r) if r else 1 - truth(r),
        "churn": truth,
    }
    _, features, text, _ = project(table(tmp_path / "t.csv", copies, 1000), tmp_path / "out")
    assert features == ["fee"]
    for name in ("copy", "reason", "score", "near"):
        assert f"# left out: {name} - it tells the label almost by itself" in text


def test_what_cannot_be_learnt_from_is_left_out_with_its_reason(tmp_path: Path) -> None:
    columns: dict[str, Callable[[int], object]] = {
        "id": str,
        "fee": noise,
        "note": lambda r: f"some words about {r}",
        "city": lambda r: f"C{r % 120}",
        "same": lambda r: "x",
        "empty": lambda r: "",
        "born": lambda r: f"19{50 + r % 40}-01-01",
        "other_id": lambda r: 5 * r,
        "churn": truth,
    }
    _, features, text, _ = project(table(tmp_path / "t.csv", columns, 600), tmp_path / "out")
    assert features == ["fee"]
    assert [line.split(" - ")[0].removeprefix("# left out: ") for line in text.splitlines() if line.startswith("# left")] == [
        "note", "city", "same", "empty", "born", "other_id"
    ]  # fmt: skip


def test_numbers_with_blanks_are_numbers(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"id": str, "total": lambda r: "' '" if r % 50 == 0 else noise(r), "churn": truth})
    path.write_text(path.read_text(encoding="utf-8").replace("' '", '" "'), encoding="utf-8")
    _, features, _, stored = project(path, tmp_path / "out")
    assert features == ["total"]
    assert str(stored.schema.field("total").type) == "double"
    assert stored["total"].null_count == 4


def test_names_that_are_no_names(tmp_path: Path) -> None:
    columns: dict[str, Callable[[int], object]] = {
        "id": str, "a b": noise, "a-b": noise, "1st": noise, "true": noise, "äö": noise, '"q""x"': lambda r: r % 3, "churn?": truth
    }  # fmt: skip
    definition, features, _, _ = project(table(tmp_path / "t.csv", columns), tmp_path / "out", label="churn?")
    assert features == ["a_b", "a_b_2", "c_1st", "true", "c", "q_x"]
    assert definition.label.column == "churn"


def test_renamed_columns_are_listed_when_a_project_is_made(tmp_path: Path) -> None:
    columns: dict[str, Callable[[int], object]] = {
        "id": str,
        "Monthly Fee": noise,
        "plan": lambda r: "abc"[r % 3],
        "churn?": truth,
    }
    path = table(tmp_path / "t.csv", columns)
    call = ["new", "mine", "--from", str(path), "--label", "churn?", "--into", str(tmp_path / "out")]
    told = CliRunner().invoke(door, call, catch_exceptions=False).output
    assert told.splitlines()[-4:-1] == [
        "renamed, since names have letters, digits and '_', a letter first:",
        "  'Monthly Fee' is Monthly_Fee",
        "  'churn?' is churn",
    ]
    plain = CliRunner().invoke(door, ["new", "other", "--into", str(tmp_path / "other")], catch_exceptions=False).output
    assert "renamed," not in plain


def test_a_name_cannot_break_out_of_a_comment(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{r},{noise(r)},x,{truth(r)}\n" for r in range(ROWS))
    path.write_text('id,fee,"a\nraise SystemExit(1)\n",churn\n' + rows, encoding="utf-8")
    _, features, text, _ = project(path, tmp_path / "out")
    assert features == ["fee"]
    assert "\nraise" not in text


def test_parquet_is_read_too(tmp_path: Path) -> None:
    import pyarrow as pa

    columns = {
        "id": [f"c{r}" for r in range(ROWS)],
        "fee": [noise(r) for r in range(ROWS)],
        "tags": [["a"]] * ROWS,
        "churn": [bool(truth(r)) for r in range(ROWS)],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    definition, features, _, stored = project(tmp_path / "t.parquet", tmp_path / "out")
    assert features == ["fee"]
    assert (definition.label.equals, stored["churn"].to_pylist()[:2]) == (1, [1, 0])


def refusal(path: Path, label: str = "churn", **named: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        infer(profile(path, label), project="mine", label=label, **named)
    assert caught.value.fix
    return caught.value


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    good = table(tmp_path / "t.csv", {"id": str, "fee": noise, "churn": truth})
    assert refusal(good, "chrun").fix == "did you mean 'churn'?"
    assert refusal(good, time="fe").fix == "did you mean 'fee'?"
    assert refusal(good, time="fee").what == "column 'fee' is no time"
    assert refusal(good, key="idd").fix == "did you mean 'id'?"
    assert refusal(good, "fee").what == "the label has 200 different values, and a yes-or-no outcome has two"
    assert refusal(good, "fee").why.endswith(" and 188 more")


SHORT: list[tuple[dict[str, Callable[[int], object]], int, str]] = [
    ({"fee": noise, "churn": lambda r: 1}, ROWS, "the label is always the same"),
    ({"fee": noise, "churn": lambda r: ""}, ROWS, "too few rows to learn from"),
    ({"fee": noise, "churn": truth}, 50, "too few rows to learn from"),
    ({"fee": noise, "churn": lambda r: int(r < 5)}, ROWS, "too few rows of one outcome"),
    ({"same": lambda r: 1, "churn": truth}, ROWS, "no column is left to learn from"),
]


@pytest.mark.parametrize(("columns", "rows", "what"), SHORT, ids=[what for _, _, what in SHORT])
def test_too_little_to_learn_from(tmp_path: Path, columns: dict[str, Callable[[int], object]], rows: int, what: str) -> None:
    assert refusal(table(tmp_path / "t.csv", columns, rows)).what == what


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def unreadable(tmp_path: Path) -> Iterable[tuple[Path, str]]:
    yield tmp_path / "none.csv", "no file"
    yield written(tmp_path / "e.csv", b"a,churn\n1,0\n" * 9 + b"1,2,0\n"), "e.csv is ragged: line 19 has 3 columns, .* names 2"
    yield written(tmp_path / "f.tsv", b"a\tchurn\n1\t0\n7\n"), "f.tsv is ragged: line 3 has 1 column, .* names 2"
    yield written(tmp_path / "g.csv", b'a;churn\n"1\n1";0\n\n1;2;0\n'), "g.csv is ragged: line 5 has 3 columns, .* names 2"
    yield written(tmp_path / "h.csv.gz", gzip.compress(b"a,churn\n1,2,0\n")), "h.csv.gz is ragged: line 2 has 3 columns"
    yield written(tmp_path / "a.parquet", b"PAR1 no"), "cannot be read as a table"
    yield written(tmp_path / "b.csv", b"a,b\n1,\xff\xfe\n" * 5), "cannot be read as a table"
    yield written(tmp_path / "c.csv", b"a,b\n"), "has no rows"
    yield written(tmp_path / "d.xlsx", b"PK"), "neither CSV nor Parquet"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, what in unreadable(tmp_path):
        with pytest.raises(InvalidInput, match=what) as caught:
            profile(path, "churn")
        assert caught.value.fix
        assert "ragged" not in what or caught.value.where.rpartition(":")[0] == str(path)


def test_nothing_is_left_of_a_project_whose_table_could_not_be_stored(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"id": str, "fee": noise, "churn": truth})
    inferred = infer(profile(path, "churn"), project="mine", label="churn")

    def full(plan: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        create_inferred(inferred, tmp_path / "out", full)
    assert not (tmp_path / "out").exists()
    with pytest.raises(Conflict):
        create_inferred(inferred, tmp_path, full)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_file_is_a_project_or_a_refusal(tmp_path: Path, data: bytes) -> None:
    try:
        infer(profile(written(tmp_path / "x.csv", data), "a"), project="mine", label="a")
    except BatonError as error:
        str(error).encode()


@given(st.text(max_size=80))
def test_safe_names_are_names(name: str) -> None:
    safe = safe_name(name)
    assert safe.replace("_", "a").isalnum()
    assert safe.isascii()
    assert safe[0].isalpha()
    assert len(safe) <= 60
