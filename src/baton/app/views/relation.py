"""What each thing on record comes from, and what came of it: one step of a lineage, either way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from baton.app.lifecycle.turn import Turn
from baton.app.views.newest import newest
from baton.data.standing import SourceState
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.ledger.ports import StateReader
from baton.project.definition import Definition
from baton.project.tablename import LABELS
from baton.registry.version import ModelVersion

WIDEST = 16
"""Neighbours of one node that are shown; the features of a source all together as many as there is room for."""
KINDS = ("source", "table", "features", "feature", "training", "version", "release", "incident")
"""What a node can be, from the data to the trouble."""
_RECORDS = 200


@dataclass(frozen=True, slots=True)
class Point:
    """One node: `kind:name`, what it is called, a second line, its status, and whether one asked for it."""

    id: str
    kind: str
    name: str
    label: str
    told: str = ""
    status: str = ""
    middle: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """What comes from what, and as what."""

    source: str
    target: str
    told: str = ""


class Relations:
    """What each thing on record comes from, and what came of it; every kind of record is read once.

    Features are told by `plan` (the archive's); without it by what versions used.
    """

    def __init__(self, records: StateReader, plan: Mapping[str, Any] | None, definition: Definition | None) -> None:
        self._records, self._definition = records, definition
        self._declared = {str(each["name"]): each for each in (plan or {}).get("features", ())}

    @cached_property
    def _sources(self) -> dict[str, SourceState]:
        return {each.id: each for each in self._records.all(SourceState, limit=_RECORDS)}

    @cached_property
    def _versions(self) -> dict[int, ModelVersion]:
        """The latest versions, the live one first."""
        live = self._records.latest(ModelVersion, status=("live",), limit=1)
        return {each.version: each for each in (*live, *self._records.latest(ModelVersion, limit=_RECORDS))}

    @cached_property
    def _groups(self) -> dict[str, list[str]]:
        """Features by the sources that they are made of."""
        found: dict[str, list[str]] = {}
        for name, told in self._declared.items():
            for source in told["sources"]:
                found.setdefault(source, []).append(name)
        return found

    def point(self, id: str) -> Point | None:
        """A node, None when nothing on record is called so."""
        kind, _, name = id.partition(":")
        tell = {
            "source": self._source, "table": self._table, "features": self._group, "feature": self._feature, "training": self._training,
            "version": self._version, "release": self._release, "incident": self._incident,
        }.get(kind)  # fmt: skip
        told = tell(name) if tell is not None and name else None
        return None if told is None else Point(id, kind, name, *told)

    def _source(self, name: str) -> tuple[str, str, str] | None:
        state = self._sources.get(name)
        if state is not None:
            return name, f"{state.rows:,} rows", state.status
        return (name, "nothing landed", "waiting") if self._definition is not None and name in self._definition.sources else None

    def _table(self, name: str) -> tuple[str, str, str] | None:
        return (LABELS, "truths", "") if name == LABELS and (self._sources or self._versions) else None

    def _group(self, name: str) -> tuple[str, str, str] | None:
        count = len(self._groups.get(name, ()))
        return (f"{count} features", f"of {name}", "") if count else None

    def _feature(self, name: str) -> tuple[str, str, str] | None:
        if name in self._declared:
            return name, _made(self._declared[name]), ""
        used = any(name in each.importance for each in self._versions.values())
        return (name, "feature", "") if used else None

    def _numbered(self, name: str) -> ModelVersion | None:
        if not (name.isascii() and name.isdigit() and len(name) < 10) or str(int(name)) != name:
            return None
        return self._versions.get(int(name)) or newest(self._records, ModelVersion, where={"version": name})

    def _releases_of(self, version: int | str) -> list[Release]:
        return self._records.latest(Release, where={"version": str(version)}, limit=WIDEST)

    def _incidents_about(self, *subjects: str) -> list[Incident]:
        return [each for subject in subjects for each in self._records.latest(Incident, where={"subject": subject}, limit=WIDEST)]

    def _training(self, name: str) -> tuple[str, str, str] | None:
        version = self._numbered(name)
        if version is None:
            return None
        rows = training_of(version).get("rows")
        return f"training {name}", f"{rows:,} rows" if isinstance(rows, int) else f"until {version.trained_until:%Y-%m-%d}", ""

    def _version(self, name: str) -> tuple[str, str, str] | None:
        version = self._numbered(name)
        return (f"version {name}", version.status, version.status) if version is not None else None

    def _release(self, name: str) -> tuple[str, str, str] | None:
        release = self._records.get(Release, name)
        return (day_of(release.started_at), f"release, {release.status}", release.status) if release is not None else None

    def _incident(self, name: str) -> tuple[str, str, str] | None:
        incident = self._records.get(Incident, name)
        return (incident.signal, f"incident, {incident.status}", incident.status) if incident is not None else None

    def before(self, id: str) -> list[Arrow]:
        """What a node comes from."""
        return _arrows(id, {
            "table": self._before_table, "features": self._before_group, "feature": self._before_feature, "training": self._before_training,
            "version": self._before_version, "release": self._before_release, "incident": self._before_incident,
        })  # fmt: skip

    def after(self, id: str) -> list[Arrow]:
        """What came of a node."""
        return _arrows(id, {
            "source": self._after_source, "table": self._after_table, "features": self._after_group, "feature": self._after_feature,
            "training": self._after_training, "version": self._after_version, "release": self._after_release, "incident": self._after_incident,
        })  # fmt: skip

    def _before_table(self, name: str) -> Iterable[Arrow]:
        if self._definition is not None:
            yield Arrow(f"source:{self._definition.label.source}", f"table:{name}", self._definition.label.column)

    def _before_group(self, name: str) -> Iterable[Arrow]:
        yield Arrow(f"source:{name}", f"features:{name}")

    def _before_feature(self, name: str) -> Iterable[Arrow]:
        told = self._declared.get(name, {})
        for source in told.get("sources", ()):
            read = [column.partition(".")[2] for column in told["columns"] if column.startswith(f"{source}.")]
            yield Arrow(f"source:{source}", f"feature:{name}", ", ".join(read))

    def _before_training(self, name: str) -> Iterable[Arrow]:
        version, here = self._numbered(name), f"training:{name}"
        if version is None:
            return
        tables = tables_of(version, (LABELS, *self._sources))
        if LABELS in tables:
            yield Arrow(f"table:{LABELS}", here)
        used = set(version.importance)
        groups = [source for source, names in self._groups.items() if used & set(names) or not used]
        yield from (Arrow(f"features:{source}", here) for source in groups)
        if not groups:
            yield from (Arrow(f"source:{table}", here) for table in tables if table != LABELS)
        turn = self._records.get(Turn, version.turn)
        if turn is not None and turn.incident:
            yield Arrow(f"incident:{turn.incident}", here, "asked for it")

    def _before_version(self, name: str) -> Iterable[Arrow]:
        yield Arrow(f"training:{name}", f"version:{name}")

    def _before_release(self, name: str) -> Iterable[Arrow]:
        release = self._records.get(Release, name)
        if release is not None:
            yield Arrow(f"version:{release.version}", f"release:{name}")

    def _before_incident(self, name: str) -> Iterable[Arrow]:
        incident = self._records.get(Incident, name)
        what, _, which = incident.subject.partition(" ") if incident is not None else ("", "", "")
        if what == "source":
            yield Arrow(f"source:{which}", f"incident:{name}", "about it")
        elif what == "version":
            yield from (Arrow(f"release:{each.id}", f"incident:{name}", "about it") for each in self._releases_of(which))
        elif what:
            yield Arrow(f"release:{what}", f"incident:{name}", "about it")

    def _after_source(self, name: str) -> Iterable[Arrow]:
        here = f"source:{name}"
        if name in self._groups:
            yield Arrow(here, f"features:{name}")
        if self._definition is not None and self._definition.label.source == name:
            yield Arrow(here, f"table:{LABELS}", self._definition.label.column)
        if not self._declared:
            used = (each.version for each in self._versions.values() if name in tables_of(each, (name,)))
            yield from (Arrow(here, f"training:{version}") for version in used)
        yield from (Arrow(here, f"incident:{each.id}", "about it") for each in self._incidents_about(f"source {name}"))

    def _after_table(self, name: str) -> Iterable[Arrow]:
        yield from (Arrow(f"table:{name}", f"training:{each}") for each in self._versions)

    def _after_group(self, name: str) -> Iterable[Arrow]:
        yield from (Arrow(f"features:{name}", f"feature:{each}") for each in self._groups.get(name, ()))

    def _after_feature(self, name: str) -> Iterable[Arrow]:
        yield from (
            Arrow(f"feature:{name}", f"training:{each.version}", f"{each.importance[name]:.1%}")
            for each in self._versions.values()
            if name in each.importance
        )

    def _after_training(self, name: str) -> Iterable[Arrow]:
        yield Arrow(f"training:{name}", f"version:{name}")

    def _after_version(self, name: str) -> Iterable[Arrow]:
        yield from (Arrow(f"version:{name}", f"release:{each.id}") for each in self._releases_of(name))

    def _after_release(self, name: str) -> Iterable[Arrow]:
        release = self._records.get(Release, name)
        about = self._incidents_about(f"version {release.version}", name) if release is not None else []
        yield from (Arrow(f"release:{name}", f"incident:{each.id}", "about it") for each in about)

    def _after_incident(self, name: str) -> Iterable[Arrow]:
        turns = (turn for turn in self._records.latest(Turn, where={"incident": name}, limit=WIDEST) if turn.version)
        yield from (Arrow(f"incident:{name}", f"training:{turn.version}", "asked for it") for turn in turns)


def _arrows(id: str, ways: Mapping[str, Callable[[str], Iterable[Arrow]]]) -> list[Arrow]:
    kind, _, name = id.partition(":")
    return list(ways[kind](name)) if kind in ways else []


def day_of(at: datetime) -> str:
    """A day in words: 14 Jun 2023."""
    return f"{at.day} {at:%b %Y}"


def training_of(version: ModelVersion) -> Mapping[str, Any]:
    """What the record says of a version's training; empty where it says nothing."""
    told = version.lineage.get("training", {})
    return told if isinstance(told, Mapping) else {}


def tables_of(version: ModelVersion, unknown: Sequence[str] = ()) -> tuple[str, ...]:
    """The tables that a version was trained on; `unknown` where the record does not name them."""
    tables = training_of(version).get("tables", unknown)
    return tuple(map(str, tables)) if isinstance(tables, list | tuple) else ()


def _made(told: Mapping[str, Any]) -> str:
    if told["form"] == "window":
        return f"{told['aggregate']} over {told['window']} by {', '.join(told['key'])}"
    if told["form"] == "latest":
        return f"latest by {', '.join(told['key'])}"
    return "as it stands" if told["form"] == "entity" else "made at the request"
