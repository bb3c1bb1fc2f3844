"""Which tables there are, and how each came to be what it is: versions, and what differs between two."""

from typing import Any

from baton.app.archive.archivist import Archivist, Period, moment
from baton.kernel.clock import iso, parse_instant
from baton.kernel.errors import NotFound

MOST = 1000


def tables(archivist: Archivist, *, until: str = "") -> dict[str, Any]:
    """Every table that has rows, by name: `rows`, `columns` (name, type as DuckDB names it), `version`, `bytes` on disk, `versions`, `clock`
    (the column that tells when a row became known, None without one) and `known` (its newest instant).

    With `until`, rows that were known by then, and version and bytes of the newest version all of whose rows were. The columns
    are those of the present.
    """
    limit = moment(until)
    found = []
    for name in filter(archivist.tables.files, archivist.names()):
        seen = archivist.see(name)
        newest = f'max("{seen.clock}")' if seen.clock else "NULL::TIMESTAMPTZ"
        rows = archivist.ask(f"count(*) AS rows, {newest} AS known", seen.rows(Period(until=until)))
        entries = [entry for entry in archivist.logs.entries(name) if limit is None or _known(entry, seen.clock, until)]
        known = rows["known"][0].as_py()
        found.append(
            {
                "name": name,
                "rows": rows["rows"][0].as_py(),
                "columns": [{"name": column, "type": kind} for column, kind in seen.kinds.items()],
                "version": entries[-1]["version"] if entries else None,
                "versions": len(entries),
                "bytes": sum(entry["bytes"] for entry in entries),
                "clock": seen.clock,
                "known": iso(known) if known is not None else None,
            }
        )
    return {"tables": found, "until": until}


def versions(archivist: Archivist, *, table: str, until: str = "", limit: int = 100, after: int = 0) -> dict[str, Any]:
    """The versions of a table, newest first, at most 1,000 at a time, `after` that many.

    Each: `version`, `written` (wall clock of the machine, also of a replay), `operation`, `added` and `removed` (rows; -1 where the
    log does not tell), `rows` (in all, None where one is unknown), `bytes` added, `known` (newest instant among the added rows) and
    `columns` (changed by it: `added`, `removed`, `retyped`). With `until`, only versions whose rows were known by then: versions
    are written in the order of what is known, so the others are the newest ones.
    """
    seen = archivist.see(table)
    moment(until)
    told, rows, columns = [], 0, dict[str, str]()
    for entry in archivist.logs.entries(table):
        if until and not _known(entry, seen.clock, until):
            continue
        rows = rows + entry["added"] - entry["removed"] if min(rows, entry["added"], entry["removed"]) >= 0 else -1
        changed = _changes(columns, entry["columns"]) if columns and entry["columns"] is not None else None
        columns = entry["columns"] or columns
        told.append(
            {
                **{name: entry[name] for name in ("version", "written", "operation", "added", "removed", "bytes")},
                "rows": rows if rows >= 0 else None,
                "known": entry["known"].get(seen.clock),
                "columns": changed,
            }
        )
    told.reverse()
    after = max(0, after)
    return {"table": table, "versions": told[after : after + max(1, min(limit, MOST))], "total": len(told)}


def difference(archivist: Archivist, *, table: str, first: int, second: int) -> dict[str, Any]:
    """What differs between two versions of a table, from the first to the second: rows `added` and `removed` (None where the log
    does not tell), `bytes`, `files`, the span of instants in what was added, and `columns` (added, removed, retyped).

    It is told by the table's log alone and opens no data. Raises NotFound for a version that is not there.
    """
    seen = archivist.see(table)
    entries = {entry["version"]: entry for entry in archivist.logs.entries(table)}
    for version in (first, second):
        if version not in entries:
            raise NotFound(
                f"table '{table}' has no version {version}",
                where=table,
                fix=f"versions {min(entries, default=0)} to {max(entries, default=0)} are known",
            )
    low, high = sorted((first, second))
    between = [entry for version, entry in sorted(entries.items()) if low < version <= high]
    added, removed = (_total(between, name) for name in ("added", "removed"))
    sides = _columns(entries, low), _columns(entries, high)
    back = first > second
    known = [entry["known"][seen.clock] for entry in between if seen.clock in entry["known"]]
    return {
        "table": table,
        "first": first,
        "second": second,
        "added": removed if back else added,
        "removed": added if back else removed,
        "bytes": sum(entry["bytes"] for entry in between) * (-1 if back else 1),
        "files": sum(entry["files"] for entry in between) * (-1 if back else 1),
        "known": [min(known), max(known)] if known else None,
        "columns": _changes(*(reversed(sides) if back else sides)),
    }


def _known(entry: dict[str, Any], clock: str | None, until: str) -> bool:
    newest = entry["known"].get(clock)
    return newest is None or parse_instant(newest) <= parse_instant(until)


def _total(entries: list[dict[str, Any]], name: str) -> int | None:
    counts = [int(entry[name]) for entry in entries]
    return None if -1 in counts else sum(counts)


def _columns(entries: dict[int, dict[str, Any]], version: int) -> dict[str, str]:
    """The columns at a version: as the newest commit until then that told them."""
    told = [entry["columns"] for number, entry in sorted(entries.items()) if number <= version and entry["columns"] is not None]
    return dict(told[-1]) if told else {}


def _changes(before: dict[str, str], now: dict[str, str]) -> dict[str, list[str]]:
    return {
        "added": [name for name in now if name not in before],
        "removed": [name for name in before if name not in now],
        "retyped": [f"{name}: {before[name]} → {kind}" for name, kind in now.items() if before.get(name, kind) != kind],
    }


QUESTIONS = {"tables": tables, "versions": versions, "difference": difference}
