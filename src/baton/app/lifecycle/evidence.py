"""What is known of a release on trial: its rows beside those of the live version, with the labels that have arrived.

Everything is read from the tables, so a step that is repeated after a kill weighs the same, and a replay weighs what any
other run of it does. Latency is not among it: the server watches that, at every answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from baton.app.lifecycle.collecting import OWN, PREDICTIONS, TRIALS
from baton.delivery.grouped import Groups
from baton.delivery.paired import PairedTest
from baton.delivery.release import Release
from baton.delivery.rollout import Evidence
from baton.delivery.sequential import Counts
from baton.delivery.terms import Terms, by_name
from baton.delivery.trial import Seen, read, rounded
from baton.kernel.clock import micros

if TYPE_CHECKING:
    from baton.app.lifecycle.recent import Recent
    from baton.data.ports import Tables
    from baton.delivery.reading import Reading

INSTANT, HOUR = timedelta(microseconds=1), 3_600_000_000
SETTLING = 60_000_000
"""Microseconds from the first row that a release scored within which every process of the server has come to know it."""
ANSWERED, LOST = ("live", "canary"), ("fallback", "default")


class Row(NamedTuple):
    """A logged prediction; `odds` is the share in force, `within` whether it lies in the segment of the canary."""

    at: int
    entity: str
    version: int
    variant: str
    score: float
    odds: float
    within: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: tables, the entity's key, the segment, and the score from which the positive action is taken."""

    tables: "Tables"
    key: str
    where: Mapping[str, tuple[str, ...]]
    threshold: float


def gather(
    scope: Scope, terms: Terms, release: Release, recent: "Recent", before: "Iterable[Reading]", now: datetime
) -> Evidence:
    """All readings of a release as of now."""
    rows = _rows(scope, PREDICTIONS, release.started_at, now)
    own = {
        (row.at, row.entity): row.score
        for row in _rows(scope, TRIALS, release.started_at, now)
        if (row.version, row.variant) == (release.version, "challenger")
    }
    labels = recent.labels(release.started_at, {row.entity for row in rows})
    seen = see(rows, own, labels, release.version, scope.threshold)
    canary = release.status == "canary"
    readings = read(terms, seen, by_name(tuple(before)), canary=canary)
    mine = [row for row in rows if row.variant == "canary" and row.version == release.version]
    known = sum(row.entity in labels for row in mine)
    return Evidence(tuple(rounded(each) for each in readings), len(mine), known)


def see(rows: list[Row], own: Mapping[tuple[int, str], float], labels: Mapping[str, int], version: int, threshold: float) -> Seen:
    """Rows that were answered, the scores that the version on trial gave the same rows, and labels, as counts and sums."""
    begun = min((at for at, _ in own), default=None)
    settled = [row for row in rows if begun is None or row.at >= begun + SETTLING]
    paired = [
        (row.at // HOUR, (own[row.at, row.entity] - labels[row.entity]) ** 2 - (row.score - labels[row.entity]) ** 2)
        for row in rows
        if row.variant == "live" and row.version != version and row.entity in labels and (row.at, row.entity) in own
    ]
    split = first_units(row for row in rows if (row.at, row.entity) in own and _drawn(row, version))
    known = [row for row in split if row.entity in labels]
    wrong = [row for row in known if (row.score >= threshold) != bool(labels[row.entity])]
    return Seen(
        Groups.of([hour for hour, _ in paired], [value for _, value in paired]),
        _scored(settled, own),
        _counts(split),
        _counts(known),
        _counts(wrong),
    )


def _scored(rows: list[Row], own: Mapping[tuple[int, str], float]) -> PairedTest:
    """What only one side could score. A request that fails is one failure, however many rows it asked for."""
    answered = [row for row in rows if row.variant in ANSWERED]
    lost = {row.at for row in answered if (row.at, row.entity) not in own}
    rescued = {row.at for row in rows if row.variant in LOST and (row.at, row.entity) in own}
    return PairedTest(len(rescued), len(lost), sum(row.at not in lost for row in answered))


def _drawn(row: Row, version: int) -> bool:
    """Whether the draw decided who answered this row: those of the canary, and of live while there was one."""
    if row.variant == "canary":
        return row.version == version
    return row.variant == "live" and row.version != version and row.odds < 1 and row.within


def answered(scope: Scope, since: datetime, until: datetime) -> list[Row]:
    """What was answered, by anybody, with since ≤ decided < until."""
    return _rows(scope, PREDICTIONS, since, until)


def first_units(rows: Iterable[Row]) -> list[Row]:
    """A unit counts once, by the first time it came."""
    seen: dict[str, Row] = {}
    for row in rows:
        seen.setdefault(row.entity, row)
    return list(seen.values())


def _counts(rows: Iterable[Row]) -> Counts:
    """Rows of the canary and of the control per share of the canary in force."""
    found: dict[float, tuple[int, int]] = {}
    for row in rows:
        canary = row.variant == "canary"
        share = round(row.odds if canary else 1 - row.odds, 9)
        mine, theirs = found.get(share, (0, 0))
        found[share] = (mine + canary, theirs + (not canary))
    return found


def _rows(scope: Scope, table: str, since: datetime, until: datetime) -> list[Row]:
    """Logged predictions with since ≤ decided < until, by time, entity and variant."""
    if not scope.tables.exists(table):
        return []
    names = (scope.key, "decided_at", "model_version", "variant", "score", "odds")
    found = scope.tables.scan(table, (*names, *map(_column, scope.where)), since - INSTANT, until - INSTANT, "decided_at")
    entity, moment, version, variant, score, odds = (_plain(found, name) for name in names)
    within = _within(found, scope.where)
    made = (Row(*each) for each in zip(moment, entity, version, variant, score, odds, within, strict=True))
    return sorted((row for row in made if micros(since) <= row.at), key=lambda row: (row.at, row.entity, row.variant))


def _plain(table: Any, name: str) -> list[Any]:
    import pyarrow as pa

    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return [1.0 if value is None else value for value in values] if name == "odds" else values


def _column(feature: str) -> str:
    """The column of a prediction table that holds a feature."""
    return f"feature_{feature}" if feature in OWN else feature


def _within(table: Any, where: Mapping[str, tuple[str, ...]]) -> list[bool]:
    inside = [True] * int(table.num_rows)
    for name, wanted in where.items():
        inside = [before and value in wanted for before, value in zip(inside, table[_column(name)].to_pylist(), strict=True)]
    return inside
