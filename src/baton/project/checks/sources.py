"""Sources, their files, and what is said of them: entity, label, feature file, days."""

import os
from collections.abc import Iterator
from pathlib import Path

from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.checks.ground import Ground
from baton.project.document import Where, shown
from baton.project.tablename import RESERVED, RULE, TABLE_NAME, free_name


def names(ground: Ground) -> Iterator[Mistake]:
    """A source may be called as its table is."""
    for name in ground.definition.sources:
        fix = f"rename it, e.g. '{free_name(name)}'"
        if name in RESERVED:
            yield ground.lines.mistake(("sources", name), f"source '{name}' bears the name of a table that Baton writes", fix)
        elif TABLE_NAME.fullmatch(name) is None:
            what = f"source '{shown(name)}' cannot be stored under its name: a table's has {RULE}"
            yield ground.lines.mistake(("sources", name), what, fix)


def sources(ground: Ground) -> Iterator[Mistake]:
    """Files of sources are there, and keys name each column once."""
    for name, source in ground.definition.sources.items():
        where: Where = ("sources", name)
        yield from _file(
            ground,
            (*where, "path"),
            source.path,
            f"the file of source '{name}'",
            may_be_absolute=True,
            may_be_absent=ground.absent(name) or _fits_some(ground.folder / source.path),
        )
        if source.contract is not None:
            yield from _file(ground, (*where, "contract"), source.contract, f"the contract of source '{name}'")
        doubles = sorted({column for column in source.key if source.key.count(column) > 1})
        if doubles:
            yield ground.lines.mistake(
                (*where, "key"), f"the key of '{name}' lists '{doubles[0]}' twice", "name each column once"
            )


def features(ground: Ground) -> Iterator[Mistake]:
    """The feature file is there."""
    yield from _file(ground, ("features",), ground.definition.features, "the feature file")


def subjects(ground: Ground) -> Iterator[Mistake]:
    """Entity and label are of declared sources."""
    sources = ground.definition.sources
    for section, name in (("entity", ground.definition.entity.source), ("label", ground.definition.label.source)):
        if name not in sources:
            yield ground.lines.mistake(
                (section, "source"), f"{section}.source is '{name}', which is no source", did_you_mean(name, sources)
            )
    entity = ground.definition.entity
    if entity.source in sources and entity.key not in sources[entity.source].key:
        known = ", ".join(sources[entity.source].key)
        what = f"entity.key is '{entity.key}', but a row of '{entity.source}' is found by {known}"
        yield ground.lines.mistake(("entity", "key"), what, did_you_mean(entity.key, sources[entity.source].key))


def label(ground: Ground) -> Iterator[Mistake]:
    """The label says when it is true, in one way."""
    label = ground.definition.label
    if (label.above is None) == (label.equals is None):
        what = "label has both 'above' and 'equals'" if label.above is not None else "label does not say when it is true"
        yield ground.lines.mistake(("label",), what, "write one of 'above: 15' (a number beyond it is true) or 'equals: 1'")


def days(ground: Ground) -> Iterator[Mistake]:
    """Days are told of declared sources."""
    plan, sources = ground.definition.replay, ground.definition.sources
    for name in plan.days if plan else ():
        if name not in sources:
            yield ground.lines.mistake(
                ("replay", "days", name), f"replay.days names '{name}', which is no source", did_you_mean(name, sources)
            )


def _file(
    ground: Ground, where: Where, path: Path, what: str, *, may_be_absolute: bool = False, may_be_absent: bool = False
) -> Iterator[Mistake]:
    text = shown(path.as_posix())
    normal = os.path.normpath(path)
    if path.is_absolute() and not may_be_absolute:
        yield ground.lines.mistake(
            where, f"{what} is named by an absolute path: {text}", "keep it in the project and write its path from there"
        )
    elif not path.is_absolute() and Path(normal).parts[:1] == (os.pardir,):
        fix = "move it into the project" + (
            ", or write its absolute path if it is meant to live elsewhere" if may_be_absolute else ""
        )
        yield ground.lines.mistake(where, f"{what} lies outside the project: {text}", fix)
    elif not may_be_absent and not _is_there(ground.folder / path):
        yield ground.lines.mistake(where, f"{what} is not there: {text}", _nearest_file(ground.folder, path))


def _fits_some(pattern: Path) -> bool:
    """Whether a path whose last part has a `*` names files that are there: a source may be many files."""
    try:
        return "*" in pattern.name and any(file.is_file() for file in pattern.parent.glob(pattern.name))
    except (OSError, ValueError):
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # too long, or with bytes that no file system takes: nothing is there
        return False


def _nearest_file(folder: Path, path: Path) -> str:
    parent = (folder / path).parent
    try:
        there = [entry.name for entry in sorted(parent.iterdir())[:200] if not entry.name.startswith(".")]
    except (OSError, ValueError):
        return f"create it, or correct the path; it is looked up from {folder}"
    return f"{did_you_mean(path.name, there)} (looked in {parent})"
