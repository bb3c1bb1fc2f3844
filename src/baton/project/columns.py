"""Columns that a definition names against the columns that its sources have."""

import re
from collections.abc import Collection, Iterator, Mapping

from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.definition import Definition
from baton.project.document import Lines, Where, shown

_NUMERIC = re.compile(
    r"(u?(tiny|small|big|huge)?int(eger)?|u?int\d+|float\d*|double|halffloat|real|(decimal|numeric)\d*)(\(.*\))?", re.IGNORECASE
)
_ZONED = re.compile(r"timestamptz|timestamp with time zone|timestamp\[\w+, ?tz=.+\]", re.IGNORECASE)


def check_columns(
    definition: Definition,
    schemas: Mapping[str, Mapping[str, str]],
    lines: Lines,
    features: Collection[str] = (),
) -> tuple[Mistake, ...]:
    """Columns named and not there, and columns of a kind that cannot serve. Sources missing from `schemas` are left out.

    `schemas` is source → column → kind: the data room's kinds (`int`, `float`, `timestamp` with a zone …), or the names
    that Arrow and DuckDB give to types. `features` are the features declared: gates may slice by them too, and monitors
    watch them; slices and watched names are judged only when it is given.
    """
    found = [*_missing(definition, schemas, lines), *_kinds(definition, schemas, lines)]
    if features:
        found += _of_features(definition, schemas, lines, features)
    return tuple(found)


def is_numeric(kind: str) -> bool:
    """Whether values of a kind can be compared with a number; true/false cannot."""
    return _NUMERIC.fullmatch(kind) is not None


def is_instant(kind: str) -> bool:
    """Whether values of a kind are instants: timestamps that carry a zone."""
    # the data room's word is lower case; DuckDB's TIMESTAMP has no zone
    return kind == "timestamp" or _ZONED.fullmatch(kind) is not None


def _named(definition: Definition) -> Iterator[tuple[str, Where, str]]:
    """Every column a definition names: source, where it is named, name. Keys of the entity are judged with the source."""
    for name, source in definition.sources.items():
        at: Where = ("sources", name)
        yield from ((name, (*at, "key", number), column) for number, column in enumerate(source.key))
        yield from ((name, (*at, "columns", number), column) for number, column in enumerate(source.columns))
        if source.known_at is not None:
            yield name, (*at, "known_at"), source.known_at
    yield definition.label.source, ("label", "column"), definition.label.column
    # a label is joined to its entity by the entity's key
    yield definition.label.source, ("label", "source"), definition.entity.key
    if definition.decision is not None:
        yield definition.entity.source, ("decision", "at"), definition.decision.at
    if definition.replay is not None:
        yield from ((name, ("replay", "days", name), column) for name, column in definition.replay.days.items())


def _missing(definition: Definition, schemas: Mapping[str, Mapping[str, str]], lines: Lines) -> Iterator[Mistake]:
    told: set[tuple[str, str]] = set()
    for source, where, column in _named(definition):
        if source in schemas and column not in schemas[source] and (source, column) not in told:
            told.add((source, column))
            yield lines.mistake(where, f"source '{source}' has no column '{column}'", did_you_mean(column, schemas[source]))


def _kinds(definition: Definition, schemas: Mapping[str, Mapping[str, str]], lines: Lines) -> Iterator[Mistake]:
    for name, source in definition.sources.items():
        kind = schemas.get(name, {}).get(source.known_at or "")
        if kind is not None and not is_instant(kind):
            yield lines.mistake(("sources", name, "known_at"), *_not_an_instant(f"'{source.known_at}'", kind))
    decision, label = definition.decision, definition.label
    kind = schemas.get(definition.entity.source, {}).get(decision.at) if decision else None
    if decision and kind is not None and not is_instant(kind):
        yield lines.mistake(("decision", "at"), *_not_an_instant(f"'{decision.at}'", kind))
    kind = schemas.get(label.source, {}).get(label.column)
    if label.above is not None and kind is not None and not is_numeric(kind):
        what = f"label.above compares '{label.column}' with a number, and it is {shown(kind)}"
        yield lines.mistake(("label", "above"), what, "name a numeric column, or write 'equals: VALUE' instead of 'above'")
    if isinstance(label.equals, str) and kind is not None and is_numeric(kind):
        what = f"label.equals is the text '{shown(label.equals)}', and '{label.column}' holds numbers"
        yield lines.mistake(("label", "equals"), what, "write the number without quotes")


def _not_an_instant(column: str, kind: str) -> tuple[str, str]:
    fix = "write instants in UTC, e.g. 2023-01-01T05:00:00Z (in Parquet: timestamp[us, tz=UTC])"
    return f"{column} must be a timestamp with a time zone, and it is {shown(kind)}", fix


def _of_features(
    definition: Definition, schemas: Mapping[str, Mapping[str, str]], lines: Lines, features: Collection[str]
) -> Iterator[Mistake]:
    known = {*features, *schemas.get(definition.entity.source, {})}
    for number, name in enumerate(definition.gates.slices):
        if name not in known:
            yield lines.mistake(
                ("gates", "slices", number),
                f"slice '{name}' is no feature and no column of the entity",
                did_you_mean(name, known),
            )
    for name in definition.rollout.where:
        if name not in features:
            what = f"rollout.where names '{name}', which is no feature: the server can choose by what the model takes only"
            yield lines.mistake(("rollout", "where", name), what, did_you_mean(name, features))
    for number, name in enumerate(definition.monitor.watch):
        if name not in features:
            yield lines.mistake(
                ("monitor", "watch", number), f"monitor.watch names '{name}', which is no feature", did_you_mean(name, features)
            )
