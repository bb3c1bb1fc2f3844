"""What was counted in a person's table: the facts that a project is inferred from. Engines make them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean
from baton.project.document import shown


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What was counted in a column of a table.

    `type` is DuckDB's name of its type. `values` are the commonest distinct ones as text, commonest first; `counts` how often
    each stands. `numbers` and `blanks` count texts that spell a number, and empty ones. `misses` is how many labelled rows are
    guessed wrong by taking the commoner label of each of the column's values, None when it has too many values to say;
    `separation` is how well its order tells the two labels apart (an AUC folded to 0.5 … 1), None when it is no number.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    minimum: str | None = None
    maximum: str | None = None
    values: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    numbers: int = 0
    blanks: int = 0
    longest: int = 0
    misses: int | None = None
    separation: float | None = None


@dataclass(frozen=True, slots=True)
class TableProfile:
    """What was counted in a table: its name (the file's, without suffix), rows, and columns in order."""

    name: str
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str, role: str) -> ColumnProfile:
        """The column of that name. Raises InvalidInput, naming the nearest, when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise InvalidInput(
            f"the table has no column '{shown(name)}' to be the {role}",
            where=self.name,
            why=f"it has {len(self.columns)} columns: {listed(column.name for column in self.columns)}",
            fix=did_you_mean(name, [column.name for column in self.columns]),
        )


def is_text(kind: str) -> bool:
    """Whether DuckDB's type holds texts."""
    return kind.startswith(("VARCHAR", "ENUM", "UUID"))


def is_whole(kind: str) -> bool:
    """Whether DuckDB's type holds whole numbers."""
    return kind.endswith("INT") or kind in ("INTEGER", "UINTEGER")


def is_number(kind: str) -> bool:
    """Whether DuckDB's type holds numbers."""
    return is_whole(kind) or kind.startswith(("DOUBLE", "FLOAT", "DECIMAL"))


def is_spelled_number(column: ColumnProfile, rows: int) -> bool:
    """Whether a text column is a column of numbers in which some values are blank or misspelled."""
    filled = rows - column.nulls - column.blanks
    return is_text(column.type) and filled > 0 and column.numbers >= 0.95 * filled


def safe_name(name: str) -> str:
    """A column's name made of letters, digits and '_', a letter first, at most 60 characters."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:60]
    return text if text[:1].isalpha() else f"c_{text}".rstrip("_")[:60]


def listed(names: Iterable[str], among: int | None = None) -> str:
    """Names for a message: the first dozen, and how many more there are, when these are but the first `among` many."""
    found = [shown(name) for name in names]
    more = (among or len(found)) - len(found[:12])
    return ", ".join(found[:12]) + (f" and {more} more" if more else "")
