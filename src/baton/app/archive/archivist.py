"""Who answers in the archive's own process: the tables at hand, and how a question may speak of them.

Names from outside never reach a query as they came: a table or a column is looked up first and quoted then; values are bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.app.archive.archive import UNPREDICTED
from baton.app.archive.clause import Clause, all_of, compared, quoted
from baton.app.bootstrap import open_analysis, open_logs, open_tables
from baton.app.declared import load_rules
from baton.app.scoring.publishing import SCORED_AT
from baton.app.workspace import Workspace
from baton.kernel.clock import parse_instant
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean
from baton.project.tablename import LABELS, PREDICTIONS, QUARANTINE

if TYPE_CHECKING:
    import pyarrow as pa

    from baton.app.archive.ports import Analysis, Logs
    from baton.data.ports import Tables
    from baton.project.definition import Definition

_OWN = {LABELS: "known_at", QUARANTINE: "known_at"} | dict.fromkeys(PREDICTIONS, "decided_at")


def moment(text: str, name: str = "until") -> datetime | None:
    """An instant as a question writes it, None for "". Raises InvalidInput when it is none."""
    try:
        return parse_instant(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no instant", where=name, why=str(error), fix="e.g. 2026-06-01T00:00:00Z") from None


@dataclass(frozen=True, slots=True)
class Period:
    """Which rows count: those of `since` ≤ t < `end`, as far as they were known by `until`; "" leaves a side open.

    `t` is the table's own instant: when a prediction was decided, when a source's row, a label or a rejected row became known,
    when a batch was scored. A source without such an instant is known from the beginning.
    """

    since: str = ""
    end: str = ""
    until: str = ""

    def within(self, column: str | None) -> Clause:
        """The period as a condition on a column, which was quoted before; what has no instant was always known."""
        parts = [
            Clause(f"({column} {sign} ? OR {column} IS NULL)" if name == "until" else f"{column} {sign} ?", (at,))
            for name, sign in (("since", ">="), ("end", "<"), ("until", "<="))
            if (at := moment(getattr(self, name), name)) is not None and column is not None
        ]
        return all_of(parts)


@dataclass(frozen=True, slots=True)
class Seen:
    """A table: its name, its columns with their types, and the column that tells when a row became known (None: it has none)."""

    name: str
    kinds: dict[str, str]
    clock: str | None

    def column(self, name: str) -> str:
        """A column, quoted. Raises NotFound with what was probably meant."""
        if name not in self.kinds:
            raise NotFound(f"table '{self.name}' has no column '{name}'", where=self.name, fix=did_you_mean(name, self.kinds))
        return quoted(name)

    def rows(self, period: Period, where: Sequence[tuple[str, str, Any]] = ()) -> Clause:
        """`FROM … WHERE …` of the rows that count. Raises NotFound for an unknown column, InvalidInput for an unknown comparison."""
        parts = [compared(self.column(name), self.kinds[name], sign, value) for name, sign, value in where]
        within = all_of([period.within(quoted(self.clock) if self.clock else None), *parts])
        return Clause(f"FROM {quoted(self.name)} WHERE {within.text}", within.values)


class Archivist:
    """Answers one question at a time; what it opened stays open for the next."""

    def __init__(self, project: Path, workspace: Workspace) -> None:
        self.project, self.workspace = project, workspace
        self._rules: tuple[int, Definition] | None = None

    def load(self) -> None:
        """Load what most questions need, before one is asked."""
        _ = self.tables, self.analysis, self.logs

    @cached_property
    def tables(self) -> Tables:
        """The workspace's tables."""
        return open_tables(self.workspace)

    @cached_property
    def logs(self) -> Logs:
        """The history of the tables."""
        return open_logs(self.workspace)

    @cached_property
    def analysis(self) -> Analysis:
        """What computes over the tables."""
        return open_analysis()

    @property
    def definition(self) -> Definition:
        """The project as its file says now. Raises InvalidProject."""
        changed = (self.project / "baton.yaml").stat().st_mtime_ns if (self.project / "baton.yaml").is_file() else 0
        if self._rules is None or self._rules[0] != changed:
            self._rules = changed, load_rules(self.project).definition
        return self._rules[1]

    def names(self) -> list[str]:
        """The tables there are."""
        if not self.workspace.tables.is_dir():
            return []
        return sorted(path.name for path in self.workspace.tables.iterdir() if path.is_dir() and self.tables.exists(path.name))

    def see(self, table: str) -> Seen:
        """A table, ready to be asked. Raises NotFound with what was probably meant, and for one without any file."""
        if table not in (names := self.names()):
            raise NotFound(
                f"there is no table '{table}'",
                where="tables",
                why="" if names else "nothing has landed yet",
                fix=did_you_mean(table, names) if names else "run the loop: baton up, or over history: baton replay",
            )
        files = self.tables.files(table)
        if not files:
            raise NotFound(f"table '{table}' has no rows yet", where=table, why="it was made, and nothing was written into it")
        self.analysis.define(table, files)
        kinds = self.analysis.kinds(table)
        return Seen(table, kinds, self._clock(table, kinds))

    def predictions(self) -> Seen:
        """The prediction log. Raises NotFound that says UNPREDICTED before its first row."""
        if PREDICTIONS[0] not in self.names():
            raise NotFound(UNPREDICTED, where=PREDICTIONS[0], why="its first row comes the day after a model has answered")
        return self.see(PREDICTIONS[0])

    def ask(self, select: str, rows: Clause, more: str = "") -> pa.Table:
        """The rows of `SELECT select rows more`: only what was quoted may be in the texts."""
        return self.analysis.ask(f"SELECT {select} {rows.text} {more}", rows.values)

    def _clock(self, table: str, kinds: dict[str, str]) -> str | None:
        """The column that tells when a row of a table became known."""
        if table in _OWN:
            return _OWN[table]
        source = self.definition.sources.get(table)
        name = source.known_at if source is not None else SCORED_AT
        return name if name in kinds else None
