"""A project out of a person's own table: which columns to learn from, what is true, and what to promise about the data.

Pure: a profile of the table goes in (an engine makes it), the texts of a project come out. Every choice that a person might
want to overrule stands as a comment in the files.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from baton.kernel.clock import duration_text
from baton.kernel.errors import InvalidInput
from baton.project.document import shown
from baton.project.inferred import Choice, Inferred, Stored, contract_text, definition_text, features_text
from baton.project.table import ColumnProfile, TableProfile, is_number, is_spelled_number, is_text, is_whole, listed, safe_name
from baton.project.tablename import free_name

MIN_ROWS = 100
"""Fewer labelled rows than this cannot be split into training, validation and hold-out rows that mean anything."""

MIN_CLASS = 20
"""The least labelled rows of the rarer outcome."""

MAX_CATEGORIES = 100
"""A text with more distinct values than this is not used as a category."""

_POSITIVE = (
    "1",
    "true",
    "yes",
    "y",
    "t",
    "positive",
    "pos",
    "churned",
    "fraud",
    "default",
    "bad",
    "late",
    "failed",
    "spam",
    "won",
)
_NEGATIVE = ("0", "false", "no", "n", "f", "negative", "neg")
_LEAK_MISSES = 0.01
_LEAK_SEPARATION = 0.9995
_IDS = ("id", "key", "uuid", "guid", "number", "no", "nr", "code", "ref")


def infer(
    table: TableProfile, *, project: str, label: str, time: str | None = None, key: str | None = None, owner: str = "me"
) -> Inferred:
    """The project that learns to tell `label` from the other columns.

    `time` names the column that says when a row became known; with it the hold-out is the latest stretch, without it a share.
    `key` names the column that identifies a row; without it one is found, or rows are numbered. `owner` wears every hat.
    Raises InvalidInput when a named column is missing or cannot serve, and when there is too little to learn from.
    """
    truth = table.column(label, "label")
    positive, rare = _outcome(table, truth)
    moment = _moment(table, time) if time is not None else None
    chosen, reason = _key(table, key, {label, time})
    taken = {name for name in (label, time, chosen.name if chosen else None) if name is not None}
    choices = tuple(_choices(table, truth, taken, rare))
    if all(choice.reason for choice in choices):
        raise InvalidInput(
            "no column is left to learn from",
            where=table.name,
            why=listed(f"{choice.column} ({choice.reason})" for choice in choices),
            fix="add a column that is known before the outcome",
        )
    names = _names(table, chosen)
    columns = tuple(
        _stored(column, names[column.name], table.rows, column is moment, column is chosen) for column in table.columns
    )
    plan = Inferred(
        project=project,
        source=free_name(table.name),
        columns=columns if chosen else (Stored(names[""], "", "row", "string", required=True, unique=True), *columns),
        key=names[chosen.name if chosen else ""],
        key_reason=reason,
        label=names[label],
        positive=positive,
        time=names[moment.name] if moment else None,
    )
    texts = {
        "baton.yaml": definition_text(plan, owner, _lengths(moment)),
        f"contracts/{plan.source}.yaml": contract_text(plan),
        "features.py": features_text(choices, names),
        ".gitignore": ".baton/\n__pycache__/\n",
    }
    return replace(plan, texts=texts)


def _outcome(table: TableProfile, truth: ColumnProfile) -> tuple[str | float, int]:
    """The value that counts as true, and how many rows the rarer value has."""
    labelled = table.rows - truth.nulls
    where = f"{table.name}, column '{shown(truth.name)}'"
    if labelled < MIN_ROWS:
        why = f"{labelled} of {table.rows} rows have a label, and {MIN_ROWS} are the least to train, validate and hold out"
        raise InvalidInput("too few rows to learn from", where=where, why=why, fix="collect more rows")
    if truth.distinct < 2:
        why = f"every row says '{shown(truth.values[0])}'" if truth.values else "it is empty"
        raise InvalidInput(
            "the label is always the same", where=where, why=why, fix="name another column, or add rows with the other outcome"
        )
    if truth.distinct > 2:
        raise InvalidInput(
            f"the label has {truth.distinct} different values, and a yes-or-no outcome has two",
            where=where,
            why=f"found {listed(truth.values, truth.distinct)}",
            fix="add a column with two values; or, for a number, infer with a two-valued column and write 'above: NUMBER' in baton.yaml",
        )
    rare = min(truth.counts)
    if rare < MIN_CLASS:
        why = f"'{shown(truth.values[truth.counts.index(rare)])}' stands in {rare} rows, and {MIN_CLASS} are the least"
        raise InvalidInput("too few rows of one outcome", where=where, why=why, fix="collect more rows of it")
    return _positive(truth), rare


def _positive(truth: ColumnProfile) -> str | float:
    """True is the word for it, the larger number, else the rarer value."""
    if truth.type == "BOOLEAN":
        return 1
    if is_number(truth.type):
        top = max(float(value) for value in truth.values)
        return int(top) if top.is_integer() else top
    plain = {value.strip().lower(): value for value in truth.values}
    for word in _POSITIVE:
        if word in plain:
            return plain[word]
    for word in _NEGATIVE:
        if word in plain and len(plain) == 2:
            return next(value for text, value in plain.items() if text != word)
    return truth.values[truth.counts.index(min(truth.counts))]


def _moment(table: TableProfile, name: str) -> ColumnProfile:
    column = table.column(name, "time")
    if not column.type.startswith(("TIMESTAMP", "DATE")):
        raise InvalidInput(
            f"column '{shown(name)}' is no time",
            where=table.name,
            why=f"it was read as {column.type}, e.g. '{shown(column.values[0]) if column.values else ''}'",
            fix="write instants in UTC, e.g. 2023-01-31T06:00:00Z, or leave the time out",
        )
    if column.nulls == table.rows:
        raise InvalidInput(f"column '{shown(name)}' is empty", where=table.name, fix="name another time column, or none")
    return column


def _key(table: TableProfile, name: str | None, taken: set[str | None]) -> tuple[ColumnProfile | None, str]:
    """The column that identifies a row, None when rows are to be numbered; and why."""
    if name is not None:
        column = table.column(name, "key")
        if column.nulls or column.distinct < table.rows:
            why = f"{table.rows} rows have {column.distinct} different values" + (
                f", {column.nulls} have none" if column.nulls else ""
            )
            raise InvalidInput(
                f"column '{shown(name)}' does not identify a row",
                where=table.name,
                why=why,
                fix="name a unique column, or none: rows are then numbered",
            )
        return column, "as named"
    unique = [column for column in table.columns if column.name not in taken and _identifies(column, table.rows)]
    named = [column for column in unique if _sounds_like_id(column.name)]
    if found := next(iter(named or unique), None):
        return found, "unique in every row"
    return None, "no column is unique, so rows are numbered as they came"


def _identifies(column: ColumnProfile, rows: int) -> bool:
    if column.nulls or column.blanks > 1 or column.distinct < rows:
        return False
    if is_text(column.type):
        return column.longest <= 64
    return is_whole(column.type) and (_sounds_like_id(column.name) or _counts_up(column, rows))


def _sounds_like_id(name: str) -> bool:
    words = safe_name(name).lower().replace("-", "_").replace(".", "_").split("_")
    return words[-1] in _IDS or name.endswith(("Id", "ID"))


def _counts_up(column: ColumnProfile, rows: int) -> bool:
    return int(column.maximum or 0) - int(column.minimum or 0) == rows - 1


def _choices(table: TableProfile, truth: ColumnProfile, taken: set[str], rare: int) -> Iterator[Choice]:
    """Each column but label, key and time, with the reason why it is left out (empty when it is used)."""
    labelled = table.rows - truth.nulls
    for column in table.columns:
        if column.name not in taken:
            yield Choice(column.name, _unfit(column, table.rows, labelled, rare))


def _unfit(column: ColumnProfile, rows: int, labelled: int, rare: int) -> str:
    """Why a column is not learnt from; empty when it is."""
    if column.nulls == rows:
        return "it is empty"
    if column.distinct == 1 and not column.nulls:
        return "it says the same in every row"
    if _leaks(column, rare):
        return f"it tells the label almost by itself ({_proof(column, labelled, rare)}): is it known before the outcome?"
    if is_number(column.type) or column.type == "BOOLEAN":
        whole = is_whole(column.type) and column.distinct == rows
        return "it only identifies a row" if whole and (_sounds_like_id(column.name) or _counts_up(column, rows)) else ""
    if not is_text(column.type):
        return f"{column.type} is no number and no category: derive one with @on_request"
    if is_spelled_number(column, rows):
        return ""
    if column.distinct > 0.5 * rows or column.longest > 200:
        return f"it is free text or an id: {column.distinct} different values in {rows} rows"
    if column.distinct > MAX_CATEGORIES:
        return f"it has {column.distinct} different values, and {MAX_CATEGORIES} categories are the most: group them first"
    return ""


def _leaks(column: ColumnProfile, rare: int) -> bool:
    told = column.misses is not None and column.misses <= _LEAK_MISSES * rare
    return told or (column.separation is not None and column.separation >= _LEAK_SEPARATION)


def _proof(column: ColumnProfile, labelled: int, rare: int) -> str:
    if column.misses is not None and column.misses <= _LEAK_MISSES * rare:
        return f"{labelled - column.misses} of {labelled} rows"
    return f"AUC {column.separation:.4f}"


def _stored(column: ColumnProfile, name: str, rows: int, is_time: bool, is_key: bool) -> Stored:
    """How a column is kept: as it is, unless it must become a number, a flag, an instant or a text."""
    store, logical = _form(column, rows, is_time)
    lost = column.blanks if store == "number" and is_text(column.type) else 0
    sound = store != "number" or not is_text(column.type) or column.numbers == rows - column.nulls - column.blanks
    return Stored(
        name=name,
        source=column.name,
        store=store,
        logical=logical,
        required=not column.nulls and not lost and sound,
        unique=is_key,
        not_negative=logical in ("integer", "number") and is_number(column.type) and float(column.minimum or -1) >= 0,
    )


def _form(column: ColumnProfile, rows: int, is_time: bool) -> tuple[str, str]:
    kind = column.type
    if kind == "BOOLEAN":
        return "flag", "integer"
    if kind.startswith("TIMESTAMP") or is_time:
        return "instant", "timestamp"
    if kind == "DATE":
        return "as-is", "date"
    if is_whole(kind):
        return ("number", "number") if kind in ("HUGEINT", "UHUGEINT") else ("as-is", "integer")
    if is_number(kind) or is_spelled_number(column, rows):
        return "number", "number"
    return "text", "string"


def _lengths(moment: ColumnProfile | None) -> tuple[str, str]:
    """Hold-out and validation: stretches of time of about a fifth and a seventh, or shares when there is no time."""
    if moment is None or moment.minimum is None or moment.maximum is None:
        return "0.2", "0.15"
    try:
        span = _instant(moment.maximum) - _instant(moment.minimum)
    except ValueError:
        # DuckDB knows years before 1 and after 9999, and an infinite date
        return "0.2", "0.15"
    unit = timedelta(days=1) if span >= timedelta(days=20) else timedelta(hours=1)
    if span < timedelta(hours=20):
        return "0.2", "0.15"
    return duration_text(round(span * 0.2 / unit) * unit), duration_text(round(span * 0.15 / unit) * unit)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _names(table: TableProfile, key: ColumnProfile | None) -> dict[str, str]:
    """Column → a name fit for Baton, each once; the empty text stands for the row numbers."""
    names: dict[str, str] = {}
    for name in [*(column.name for column in table.columns), *([] if key else [""])]:
        base = safe_name(name or "row")
        free = (base if number == 1 else f"{base[:58]}_{number}" for number in range(1, 10_000))
        used = {known.lower() for known in names.values()}
        names[name] = next(candidate for candidate in free if candidate.lower() not in used)
    return names
