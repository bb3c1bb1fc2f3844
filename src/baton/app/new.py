"""Make a project: from the template, or from a person's own table."""

from pathlib import Path

from baton.app.bootstrap import open_profiler
from baton.project.template import create, create_inferred


def from_template(name: str, folder: Path) -> tuple[Path, ...]:
    """Write the template's project as a folder; returns its files."""
    return create(name, folder)


def from_table(name: str, folder: Path, table: Path, label: str, time: str | None, key: str | None) -> tuple[Path, ...]:
    """Write the project that a table suggests; returns its files. Raises InvalidInput when it suggests none."""
    from baton.project.infer import infer

    profile, store = open_profiler()

    inferred = infer(profile(table, label), project=name, label=label, time=time, key=key)
    return create_inferred(inferred, folder, lambda plan, target: store(table, plan, target))
