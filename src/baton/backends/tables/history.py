"""What Delta tables' own logs tell of their versions: read as text, so that asking opens no data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from baton.kernel.clock import EPOCH, iso
from baton.kernel.errors import Corrupt, InvalidInput, NotFound
from baton.project.tablename import RULE, TABLE_NAME

_DIGITS = 20


class DeltaLogs:
    """The logs of the tables in a folder. What was read of a version is kept: a version never changes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[tuple[str, str], dict[str, Any]] = {}

    def entries(self, table: str) -> tuple[dict[str, Any], ...]:
        """Every version that the log still tells, oldest first.

        Each with: `version`, `written` (wall clock, also of a replay), `operation`, `added` and `removed` (rows; -1 where the log
        does not tell), `files` and `bytes` (added less removed), `known` (column → newest instant in it among the added rows, where
        the log keeps one) and `columns` (name → type; None where they are as before). Raises NotFound and Corrupt.
        """
        if TABLE_NAME.fullmatch(table) is None:
            raise InvalidInput(f"'{table}' is no name of a table", why=f"it has {RULE}")
        log = self._root / table / "_delta_log"
        if not log.is_dir():
            raise NotFound(f"there is no table '{table}'", where=str(self._root))
        names = sorted(path.name for path in log.glob("*.json") if path.stem.isdigit() and len(path.stem) == _DIGITS)
        return tuple(self._entry(log, table, name) for name in names)

    def _entry(self, log: Path, table: str, name: str) -> dict[str, Any]:
        known = self._read.get((table, name))
        if known is None:
            try:
                known = _told(int(Path(name).stem), [json.loads(line) for line in (log / name).read_text().splitlines() if line])
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise Corrupt(
                    f"the log of table '{table}' cannot be read",
                    where=name,
                    why=str(error),
                    fix="restore the table's folder from a backup",
                ) from error
            self._read[table, name] = known
        return known


def _told(version: int, actions: list[dict[str, Any]]) -> dict[str, Any]:
    commit: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    added = [action["add"] for action in actions if "add" in action]
    removed = [action["remove"] for action in actions if "remove" in action]
    schema = next((action["metaData"]["schemaString"] for action in actions if "metaData" in action), None)
    stats = [json.loads(each.get("stats") or "{}") for each in added]
    return {
        "version": version,
        "written": iso(EPOCH + timedelta(milliseconds=int(commit.get("timestamp", 0)))),
        "operation": str(commit.get("operation", "")),
        "added": _rows(added, stats),
        "removed": _rows(removed, [json.loads(each.get("stats") or "{}") for each in removed]),
        "files": len(added) - len(removed),
        "bytes": sum(int(each["size"]) for each in added) - sum(int(each.get("size") or 0) for each in removed),
        "known": _newest(stats),
        "columns": None if schema is None else {field["name"]: _kind(field) for field in json.loads(schema)["fields"]},
    }


def _rows(files: list[dict[str, Any]], stats: list[dict[str, Any]]) -> int:
    """How many rows files hold that were added or taken away; a file that was only written anew counts for nothing."""
    counts = [int(stat.get("numRecords", -1)) for file, stat in zip(files, stats, strict=True) if file.get("dataChange", True)]
    return -1 if -1 in counts else sum(counts)


def _newest(stats: list[dict[str, Any]]) -> dict[str, str]:
    newest: dict[str, datetime] = {}
    for stat in stats:
        for name, value in stat.get("maxValues", {}).items():
            at = _instant(value)
            if at is not None:
                newest[name] = max(newest.get(name, at), at)
    return {name: iso(at) for name, at in newest.items()}


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _kind(field: dict[str, Any]) -> str:
    kind = field["type"]
    return kind if isinstance(kind, str) else str(kind.get("type", "other"))
