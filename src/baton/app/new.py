"""Make a project: from the template, or from a person's own table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from baton.app.bootstrap import open_profiler
from baton.project.template import create, create_inferred


@dataclass(frozen=True, slots=True)
class Made:
    """A new project: its files, and the table's columns that it calls by other names (theirs → its own)."""

    files: tuple[Path, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)


def from_template(name: str, folder: Path) -> Made:
    """Write the template's project as a folder."""
    return Made(create(name, folder))


def from_table(name: str, folder: Path, table: Path, label: str, time: str | None, key: str | None) -> Made:
    """Write the project that a table suggests. Raises InvalidInput when it suggests none."""
    from baton.project.infer import infer

    profile, store = open_profiler()
    inferred = infer(profile(table, label), project=name, label=label, time=time, key=key)
    files = create_inferred(inferred, folder, lambda plan, target: store(table, plan, target))
    return Made(files, {column.source: column.name for column in inferred.renamed})
