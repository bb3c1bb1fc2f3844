"""Read-only SQL: answers over the named tables, and no way past them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from baton.backends.engines.sql import query
from baton.kernel.errors import InvalidInput, NotFound, Unavailable


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [3], "y": ["z"]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"secret": [42]}), tmp_path / "secret.parquet")
    return {"t": (str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet"))}


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT sum(x) AS s FROM t", [{"s": 6}]),
        ("FROM t WHERE y IS NOT NULL; ", [{"x": 3, "y": "z"}]),
        ("WITH u AS (SELECT x FROM t) SELECT count(*) AS n FROM u -- of all\n", [{"n": 3}]),
        ("SELECT x FROM t ORDER BY x DESC LIMIT 1", [{"x": 3}]),
        ("SELECT TIMESTAMPTZ '2023-01-01T00:00:00Z' = make_timestamptz(1672531200000000) AS same", [{"same": True}]),
    ],
)
def test_queries_are_answered(tables: dict[str, tuple[str, ...]], sql: str, answer: list[object]) -> None:
    assert query(sql, tables).to_pylist() == answer


def test_the_number_of_rows_is_bounded(tables: dict[str, tuple[str, ...]]) -> None:
    assert query("FROM t", tables, max_rows=2).num_rows == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_parquet('{dir}/secret.parquet')",
        "SELECT * FROM '{dir}/secret.parquet'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('{dir}/*')",
        "COPY (SELECT 1) TO '{dir}/out.csv'",
        "COPY t TO '{dir}/a.parquet' (use_tmp_file false)",
        "WITH w AS (COPY (SELECT 9 AS x) TO '{dir}/a.parquet' (FORMAT parquet, use_tmp_file false)) SELECT 1",
        "WITH w AS (COPY (SELECT 9 AS x) TO '{dir}/a.parquet' (FORMAT parquet, use_tmp_file false)) SELECT * FROM w",
        "SELECT 1) UNION ALL (SELECT 2",
        "SELECT 1) LIMIT 1; COPY (SELECT 1) TO '{dir}/out.csv'; SELECT * FROM (SELECT 1",
        "SELECT 1; SELECT 2",
        "CREATE TABLE u AS SELECT 1",
        "DROP VIEW t",
        "INSERT INTO t VALUES (1)",
        "ATTACH '{dir}/x.db' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "EXPORT DATABASE '{dir}/dump'",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT nothing FROM t",
        "",
        "SELEKT 1",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{dir}/out.csv''')",
    ],
)
def test_nothing_else_is_read_or_written(tables: dict[str, tuple[str, ...]], tmp_path: Path, sql: str) -> None:
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(InvalidInput):
        query(sql.format(dir=tmp_path), tables)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_variables_of_the_program_are_not_tables(tables: dict[str, tuple[str, ...]]) -> None:
    hidden = pa.table({"x": [1]})
    with pytest.raises(NotFound):
        query("SELECT * FROM hidden", tables)
    assert hidden.num_rows == 1


@pytest.mark.parametrize("sql", ["SELECT * FROM other", "WITH a AS (SELECT * FROM main.other) SELECT * FROM t, a"])
def test_a_table_that_is_not_there_is_named(tables: dict[str, tuple[str, ...]], sql: str) -> None:
    with pytest.raises(NotFound) as caught:
        query(sql, tables)
    assert caught.value.where == "other"
    assert "SHOW TABLES" in caught.value.fix


def test_a_query_that_runs_too_long_is_stopped(tables: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Unavailable, match="took too long"):
        query("SELECT count(*) FROM range(10000000000) a, range(1000000) b WHERE a.range % 7 = b.range % 11", tables, seconds=0.2)


def test_a_query_that_needs_too_much_memory_is_stopped(tables: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Unavailable, match="too much memory"):
        query("SELECT list(range) FROM range(20000000)", tables, memory_limit="40MB")


def test_views_have_names_of_tables(tables: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(InvalidInput, match="no name of a table"):
        query("SELECT 1", {'x" AS SELECT 1; --': tables["t"]})


def test_a_table_without_files_is_left_out() -> None:
    assert query("SELECT 1 AS x", {"t": ()}).to_pylist() == [{"x": 1}]
