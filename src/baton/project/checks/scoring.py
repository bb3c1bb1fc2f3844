"""Batches that the loop is to score: when, which rows, into which table, and where to."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from baton.kernel.clock import duration_text
from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.checks.ground import Ground
from baton.project.definition import FILES, HOOKS
from baton.project.document import shown
from baton.project.tablename import RESERVED, RULE, SCORES, TABLE_NAME

DAY = timedelta(days=1)


def schedules(ground: Ground) -> Iterator[Mistake]:
    """A schedule counts whole days: the loop scores at its daily step."""
    for name, batch in ground.definition.scoring.items():
        if not batch.every or batch.every % DAY:
            what = f"scoring.{name} is due every {duration_text(batch.every)}, and the loop scores once a day"
            yield ground.lines.mistake(("scoring", name, "every"), what, "write whole days: 'every: 1d'")


def rows(ground: Ground) -> Iterator[Mistake]:
    """The rows come from one place: a declared source, or a query."""
    for name, batch in ground.definition.scoring.items():
        if (batch.source is None) == (batch.sql is None):
            what = (
                f"scoring.{name} has both 'from' and 'sql'"
                if batch.sql is not None
                else f"scoring.{name} does not say which rows"
            )
            yield ground.lines.mistake(("scoring", name), what, "write one of 'from: SOURCE' or 'sql: SELECT …'")
        elif batch.source is not None and batch.source not in ground.definition.sources:
            what = f"scoring.{name} scores '{batch.source}', which is no source"
            yield ground.lines.mistake(("scoring", name, "from"), what, did_you_mean(batch.source, ground.definition.sources))
        elif batch.sql is not None and not batch.sql.strip():
            yield ground.lines.mistake(("scoring", name, "sql"), f"the query of scoring.{name} is empty", "write a SELECT")


def alike(ground: Ground) -> Iterator[Mistake]:
    """Each batch asks something of its own: two that ask the same would be one run, and only one of them ever due."""
    asked: dict[tuple[str | None, str | None, str], str] = {}
    for name, batch in ground.definition.scoring.items():
        same = asked.setdefault((batch.source, batch.sql, batch.table), name)
        if same != name:
            what = f"scoring.{name} scores the same rows into the same table as scoring.{same}"
            yield ground.lines.mistake(("scoring", name), what, "keep one of them, or give each a table of its own")


def tables(ground: Ground) -> Iterator[Mistake]:
    """Scores go into a table of their own."""
    for name, batch in ground.definition.scoring.items():
        where = ("scoring", name, "table")
        if TABLE_NAME.fullmatch(batch.table) is None:
            yield ground.lines.mistake(where, f"'{shown(batch.table)}' is no name of a table", f"a table's name has {RULE}")
        elif batch.table in ground.definition.sources or (batch.table in RESERVED and batch.table != SCORES):
            what = f"scores cannot go into table '{batch.table}': it holds something else"
            yield ground.lines.mistake(where, what, f"write e.g. 'table: {batch.table}_scores'")


def places(ground: Ground) -> Iterator[Mistake]:
    """What scores are delivered to is a file in the project or a webhook, and of each file one batch is the owner."""
    taken: dict[str, str] = {}
    for name, batch in ground.definition.scoring.items():
        if batch.to is None:
            continue
        where = ("scoring", name, "to")
        if not batch.to.startswith(HOOKS):
            yield from _file(ground, name, batch.to)
        if batch.to in taken:
            what = f"scoring.{name} and scoring.{taken[batch.to]} both deliver to {shown(batch.to)}"
            yield ground.lines.mistake(where, what, "give each a place of its own")
        taken.setdefault(batch.to, name)


def _file(ground: Ground, name: str, to: str) -> Iterator[Mistake]:
    where, path = ("scoring", name, "to"), Path(os.path.normpath(to))
    if path.suffix.lower() not in FILES:
        what = f"scoring.{name} delivers to '{shown(to)}', which is neither a .parquet or .csv file nor an https:// address"
        yield ground.lines.mistake(where, what, "write e.g. 'to: out/scores.parquet' or 'to: https://hooks.shop.example/scores'")
    elif not path.is_absolute() and path.parts[:1] == (os.pardir,):
        yield ground.lines.mistake(where, f"{shown(to)} lies outside the project", "write its absolute path if it is meant to")
