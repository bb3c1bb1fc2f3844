"""How records of a kind are chosen: one SELECT for the present and for the past, in which bodies are fetched last.

What is chosen are places of rows, a few bytes each. Only the rows that remain after order and limit have their bodies read,
so ten thousand records cost what their index costs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baton.kernel.clock import micros

Values = Mapping[str, Any]

STATUS = "$.status"
_SPANS = (
    "SELECT subject, min(seq) AS earliest, max(seq) AS latest FROM facts"
    " WHERE subject_kind = :kind AND state IS NOT NULL AND recorded_us <= :until{one} GROUP BY subject"
)
# The status of the past goes by the subject and not by the place alone, so that an index answers it without the state.
_STATUS_THEN = (
    f"SELECT json_extract(state, '{STATUS}') FROM facts WHERE subject_kind = :kind AND state IS NOT NULL"
    " AND subject = spans.subject AND +seq = spans.latest"
)
_PLAIN = re.compile(r"\w+(\.\w+)*")
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_TEXT = (
    "CASE json_type(body, :{name}) WHEN 'text' THEN json_extract(body, :{name}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
    " WHEN 'integer' THEN CAST(json_extract(body, :{name}) AS TEXT) END"
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the records of every kind stand: `rows` tells at, id, place, status and body of each of the kind `:kind`.

    `one` is put into `rows` to choose one record by its id; `at` is the row of `table` that holds the body in `column`.
    `ordered` tells that an index has the rows of a kind in order of `place`.
    """

    rows: str
    one: str
    table: str
    column: str
    values: Values
    ordered: bool = False

    def of(self, id: str | None = None) -> str:
        """The SELECT of the rows, all of the kind or the one whose id is the value of that name."""
        return self.rows.format(one="" if id is None else f" AND {self.one} = :{id}")


PRESENT = Shelf(
    "SELECT rowid AS at, id, first_seq AS place, status, body FROM records WHERE kind = :kind{one}",
    "id",
    "records",
    "body",
    {},
    True,
)


def past(moment: datetime) -> Shelf:
    """The records as the last fact recorded by an instant left them; they appeared with the first such fact."""
    rows = (
        f"SELECT latest AS at, subject AS id, earliest AS place, ({_STATUS_THEN}) AS status,"
        f" (SELECT state FROM facts WHERE seq = latest) AS body FROM ({_SPANS}) AS spans"
    )
    return Shelf(rows, "subject", "facts", "state", {"until": micros(moment)})


@dataclass(frozen=True, slots=True)
class Choice:
    """Which records of a kind: one of an id, some statuses, texts that fields equal, those beyond a record."""

    kind: str
    id: str | None = None
    status: Sequence[str] = ()
    where: Mapping[str, str] | None = None
    after: str = ""
    before: str = ""

    def bodies(self, shelf: Shelf, limit: int, *, by: str = "", newest: bool = False) -> tuple[str, Values]:
        """The SELECT of at most so many bodies by first appearance, or by the field `by`."""
        conditions, values = self._conditions(shelf)
        rank, order = ("json_extract(body, :by)", "rank, place") if by else ("0", "place DESC" if newest else "place")
        chosen = f"SELECT at, place, {rank} AS rank FROM ({self._rows(shelf)}) WHERE {conditions} ORDER BY {order} LIMIT :limit"
        text = (
            f"SELECT {shelf.column} FROM ({chosen}) AS chosen"
            f" CROSS JOIN {shelf.table} ON {shelf.table}.rowid = chosen.at ORDER BY {order}"
        )
        if by:
            values = {**values, "by": f"$.{by}"}
        return text, {**values, "limit": limit}

    def counts(self, shelf: Shelf, field: str) -> tuple[str, Values]:
        """The SELECT of each value of a field as text, and how many have it."""
        conditions, values = self._conditions(shelf)
        value = "status" if field == "status" else _TEXT.format(name="field")
        # In this order the bodies stand beside each other; with a limit SQLite takes each value once, not again for every group.
        order = " ORDER BY place" if shelf.ordered and not self.status and field != "status" else ""
        each = f"SELECT {value} AS value FROM ({self._rows(shelf)}) WHERE {conditions}{order} LIMIT -1"
        text = f"SELECT value, count(*) FROM ({each}) GROUP BY value"
        return text, {**values, "field": f"$.{field}"}

    def _rows(self, shelf: Shelf) -> str:
        return shelf.of(None if self.id is None else "id")

    def _conditions(self, shelf: Shelf) -> tuple[str, Values]:
        conditions, values = ["1"], {**shelf.values, "kind": self.kind}
        if self.id is not None:
            values["id"] = self.id
        if self.status:
            named = {f"status{number}": value for number, value in enumerate(self.status)}
            conditions.append(f"status IN ({', '.join(':' + name for name in named)})")
            values |= named
        for number, (field, text) in enumerate((self.where or {}).items()):
            condition, asked = _equal(number, field, text)
            conditions.append(condition)
            values |= asked
        for name, way, edge in (("after", ">", self.after), ("before", "<", self.before)):
            if edge:
                conditions.append(f"place {way} (SELECT place FROM ({shelf.of(name)}))")
                values[name] = edge
        return " AND ".join(conditions), values


def _equal(number: int, field: str, text: str) -> tuple[str, Values]:
    """A condition that a field equals a text, in the form in which an index over the field can answer it."""
    named: dict[str, str | int] = {f"is{number}": text}
    if text in ("true", "false") or not _PLAIN.fullmatch(field):
        return f"{_TEXT.format(name=f'field{number}')} = :is{number}", {**named, f"field{number}": f"$.{field}"}
    if _INTEGER.fullmatch(text):
        named[f"number{number}"] = int(text)
    path, alike = f"body, '$.{field}'", ", ".join(f":{name}" for name in named)
    return f"json_extract({path}) IN ({alike}) AND json_type({path}) IN ('text', 'integer')", named
