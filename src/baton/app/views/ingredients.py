"""What a version was made of, each thing with the name or digest by which it is found; with whom, and with which libraries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from baton.app.views.relation import training_of
from baton.ledger.ports import StateReader
from baton.registry.version import ModelVersion
from baton.team.handoff import Handoff


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One thing that a version was made of: its kind, what to call it, a word on it, and the name or digest that finds it."""

    kind: str
    label: str
    words: str
    ref: str


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Everything that a version was made of, people by phase, and libraries with their versions."""

    parts: tuple[Ingredient, ...]
    people: Mapping[str, str]
    libraries: Mapping[str, str]


def ingredients(records: StateReader, version: ModelVersion) -> Ingredients:
    """What a version was made of, as far as the record tells it."""
    made = training_of(version)
    parts = (*_sources(records, version, made), *_made(version, made))
    return Ingredients(parts, version.lineage.get("people", {}), made.get("libraries", {}))


def _sources(records: StateReader, version: ModelVersion, made: Mapping[str, Any]) -> Iterator[Ingredient]:
    """The tables with the snapshot that was handed over."""
    given = records.latest(Handoff, where={"subject": version.turn, "edge": "data"}, limit=1) if version.turn else []
    snapshots: Mapping[str, Any] = given[0].evidence if given else {}
    for name in dict.fromkeys((*made.get("tables", ()), *snapshots)):
        known = snapshots.get(name)
        words = f"snapshot {known.get('version')}, {known.get('rows', 0):,} rows" if isinstance(known, Mapping) else ""
        yield Ingredient("source", name, words, name)


def _made(version: ModelVersion, made: Mapping[str, Any]) -> Iterator[Ingredient]:
    if digest := str(version.lineage.get("features", "")):
        yield Ingredient("features", "features", "as their file was then", digest)
    if "training_set" in made:
        yield Ingredient("training", "training set", f"{made.get('rows', 0):,} rows", str(made["training_set"]))
    if "recipe" in made:
        yield Ingredient("recipe", "recipe", "how its rows were made", str(made["recipe"]))
    if digest := str(version.lineage.get("candidate", "")):
        yield Ingredient("candidate", "candidate", "what the training answered", digest)
    if version.bundle:
        yield Ingredient("bundle", "bundle", "what a server is given", version.bundle)
    if digest := str(version.lineage.get("project", "")):
        yield Ingredient("project", "project file", "as it was then", digest)
