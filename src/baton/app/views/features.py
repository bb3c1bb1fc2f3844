"""What the features are, as far as the record tells it: which versions use them, how much they weigh, how far they have strayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baton.app.views import monitoring
from baton.app.views.newest import newest
from baton.data.standing import SourceState
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.ledger.ports import StateReader
from baton.monitoring.day import Day
from baton.registry.version import ModelVersion

DAYS = 400
"""Days of service that a course shows."""
ALARMS = 20
"""Alarms about inputs that are looked at, the newest of those not resolved."""
VERSIONS = 50
"""Model versions that are looked at, the latest ones."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. What its file declares is empty where the file was not asked (`form` "").

    `importance` is its share in the live version (0 to 1), None when that does not use it; `drift` and `outside` are those of the last
    day on record, `day` which one that was; `alarm` is the incident, still open, in which the detectors named it, "" without one;
    `versions` use it, newest first; `fresh` is the last landing of its sources.
    """

    name: str
    form: str = ""
    kind: str = ""
    sources: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    window: str = ""
    aggregate: str = ""
    ttl: float | None = None
    inputs: tuple[str, ...] = ()
    code: str = ""
    line: int | None = None
    says: str = ""
    logged: str = "keep"
    importance: float | None = None
    rank: int | None = None
    drift: float | None = None
    outside: float | None = None
    alarm: str = ""
    versions: tuple[int, ...] = ()
    fresh: datetime | None = None
    missing: float | None = None

    @property
    def group(self) -> str:
        """The view it belongs to, in words."""
        if self.form == "window":
            return f"{self.sources[0]} by {', '.join(self.key)}"
        if self.form == "latest":
            return f"latest {self.sources[0]} by {', '.join(self.key)}"
        return {"entity": "the entity's own row", "request": "made at the request"}.get(self.form, "")

    @property
    def used(self) -> str:
        """The versions that use it, in few signs: "1–6", "1, 3–5"."""
        runs: list[list[int]] = []
        for number in sorted(self.versions):
            if runs and number == runs[-1][1] + 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)

    @property
    def made(self) -> str:
        """How its value is made, in few words."""
        if self.form == "window":
            return f"{self.aggregate} over {self.window}"
        if self.form == "latest":
            return "last known value"
        return {"entity": "as it stands", "request": "by a function"}.get(self.form, "")


@dataclass(frozen=True, slots=True)
class Listing:
    """Features of one page, how many fit and are known in all, the day that drift is told of, the live version, the sources there are,
    and the largest importance."""

    features: tuple[Feature, ...]
    total: int
    known: int
    day: datetime | None
    live: int | None
    groups: tuple[str, ...] = ()
    heaviest: float = 1.0


Plan = Mapping[str, Any]
"""What the archive's `plan` answers."""


def features(  # noqa: PLR0913  each is one of the page's fields
    records: StateReader,
    plan: Plan | None = None,
    *,
    asked: str = "",
    source: str = "",
    order: str = "view",
    limit: int = 100,
    after: int = 0,
    missing: Mapping[str, float] | None = None,
) -> Listing:
    """The features by name, source or what they are made of; ordered by importance, drift, missing share, name or by view, as the model sees them."""
    known = everything(records, plan, missing or {})
    found = [each for each in known if _fits(each, asked.casefold(), source)]
    ranks = {"importance": lambda each: -(each.importance or -1.0), "drift": lambda each: -(each.drift or -1.0), "missing": lambda each: -(each.missing or -1.0), "name": lambda each: each.name}  # fmt: skip
    if order in ranks:
        found.sort(key=ranks[order])
    day = newest(records, Day)
    heaviest = max((each.importance or 0.0 for each in known), default=0.0) or 1.0
    groups = tuple(dict.fromkeys(name for each in known for name in each.sources))
    return Listing(
        tuple(found[after : after + limit]),
        len(found),
        len(known),
        day.day if day else None,
        live_version(records),
        groups,
        heaviest,
    )


def _fits(feature: Feature, asked: str, source: str) -> bool:
    if source and source not in feature.sources:
        return False
    told = " ".join((feature.name, feature.group, *feature.columns, feature.aggregate)).casefold()
    return all(word in told for word in asked.split())


def everything(records: StateReader, plan: Plan | None = None, missing: Mapping[str, float] = {}) -> list[Feature]:
    """Every feature that is declared (in `plan`) or that a version used, in the order of the model where that is known."""
    versions = _versions(records)
    declared = {str(each["name"]): each for each in (plan or {}).get("features", ())}
    kinds = (plan or {}).get("kinds", {})
    used = {
        name: tuple(each.version for each in versions if name in each.importance) for each in versions for name in each.importance
    }
    day = newest(records, Day)
    live = live_version(records)
    weights = next((each.importance for each in versions if each.version == live), {})
    ranked = {name: place for place, (name, _) in enumerate(sorted(weights.items(), key=lambda pair: -pair[1]), 1)}
    landed = {each.id: each.landed_at for each in records.all(SourceState, limit=200)}
    alarmed = _alarmed(records)
    made = []
    for name in dict.fromkeys((*declared, *used)):
        told = declared.get(name, {})
        fresh = [landed[source] for source in told.get("sources", ()) if source in landed]
        made.append(
            Feature(
                name,
                **_declared(told),
                kind=kinds.get(name, ""),
                importance=weights.get(name),
                rank=ranked.get(name),
                drift=day.drift.get(name) if day else None,
                outside=day.outside.get(name) if day else None,
                alarm=alarmed.get(name, ""),
                versions=used.get(name, ()),
                fresh=min(fresh, default=None),
                missing=missing.get(name),
            )
        )
    return made


def _alarmed(records: StateReader) -> dict[str, str]:
    """The features that the detectors named in an alarm that is not resolved, each with the incident; the newest alarms are looked at."""
    alarms = records.latest(Incident, status=("open", "mitigating"), where={"signal": "novelty"}, limit=ALARMS)
    return {str(name): each.id for each in reversed(alarms) for name in each.evidence.get("outside") or ()}


def _declared(told: Mapping[str, Any]) -> dict[str, Any]:
    lists = ("sources", "columns", "key", "inputs")
    plain = ("form", "window", "aggregate", "ttl", "code", "line", "says", "logged")
    return {name: tuple(told[name]) for name in lists if name in told} | {name: told[name] for name in plain if name in told}


def _versions(records: StateReader) -> list[ModelVersion]:
    """The latest versions, newest first, and the live one, however old it is."""
    versions, live = records.latest(ModelVersion, limit=VERSIONS), live_version(records)
    if live is not None and all(each.version != live for each in versions):
        versions += records.latest(ModelVersion, where={"version": str(live)}, limit=1)
    return versions


def feature(records: StateReader, name: str, plan: Plan | None = None) -> Feature | None:
    """One feature, None when neither the plan nor a version knows it."""
    return next((each for each in everything(records, plan) if each.name == name), None)


def live_version(records: StateReader) -> int | None:
    """The number of the version that answers, None without one."""
    live = newest(records, Release, status=("live",))
    return live.version if live is not None else None


@dataclass(frozen=True, slots=True)
class Strayed:
    """One day of a feature: drift (PSI beyond noise) and the share outside the training range."""

    day: datetime
    drift: float | None
    outside: float | None


def course(records: StateReader, name: str) -> list[Strayed]:
    """How far a feature strayed day by day, oldest first, at most 400 days."""
    days = monitoring.days(records, DAYS)
    return [Strayed(each.day, each.drift.get(name), each.outside.get(name)) for each in days]


@dataclass(frozen=True, slots=True)
class Weight:
    """A feature in one version: its share of importance, its place among all, and the version's status."""

    version: int
    status: str
    importance: float
    place: int
    of: int
    trained_at: datetime


def weights(records: StateReader, name: str) -> list[Weight]:
    """The versions that use a feature, newest first: of the latest 50 and the live one."""
    found = []
    for version in _versions(records):
        if name in version.importance:
            place = 1 + sum(value > version.importance[name] for value in version.importance.values())
            found.append(
                Weight(
                    version.version, version.status, version.importance[name], place, len(version.importance), version.trained_at
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class Parity:
    """The proof of one version: the largest difference between the shipped and the trained form, and whether it counts as none."""

    version: int
    status: str
    difference: float
    equal: bool
    digest: str = ""


TOLERANCE = 1e-5
"""The largest difference of two scores that counts as equal (`app/parity.py`)."""


def parity(records: StateReader, limit: int = 8) -> list[Parity]:
    """The proofs of the latest versions, newest first; a version without one is left out."""
    versions: Sequence[ModelVersion] = records.latest(ModelVersion, limit=limit)
    return [
        Parity(each.version, each.status, each.parity, each.parity <= TOLERANCE, str(each.lineage.get("features", "")))
        for each in versions
        if each.parity is not None
    ]


def candidate(records: StateReader) -> tuple[int, str]:
    """The live version, else the latest one, and the digest of the training job's answer; 0 and "" without one."""
    live = live_version(records)
    for version in _versions(records):
        if live is None or version.version == live:
            return version.version, monitoring.candidate_of(version)
    return 0, ""
