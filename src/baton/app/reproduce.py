"""Train a version again from its manifest and compare what comes out, byte for byte."""

from pathlib import Path
from typing import Any

from baton.app.workspace import existing
from baton.backends.executors.child import Child
from baton.backends.state.sql import open_sqlite
from baton.kernel.errors import NotFound, Refused
from baton.registry.version import ModelVersion


def reproduce(project: Path, folder: Path, number: int) -> dict[str, Any]:
    """The digests of then and now: training set, native model. Raises Refused, naming what differs, when they are not equal."""
    workspace = existing(folder)
    state = open_sqlite(workspace.state)
    try:
        version = state.get(ModelVersion, f"version-{number}")
    finally:
        state.close()
    if version is None:
        raise NotFound(f"there is no version {number}", where=str(folder), fix="baton status --json lists models[]")
    manifest = version.lineage["training"]
    trainer = Child("baton.app.training", (str(project), str(workspace.folder)))
    try:
        made = trainer.ask({"cutoff": manifest["cutoff"], "champion": ""})
    finally:
        trainer.close()
    told = {
        "version": number,
        "cutoff": manifest["cutoff"],
        "training_set": {"then": manifest["training_set"], "now": made["manifest"]["training_set"]},
        "model": {"then": version.native, "now": made["native"]},
    }
    differing = [name for name in ("training_set", "model") if told[name]["then"] != told[name]["now"]]
    if differing:
        changed = [name for name in ("features", "recipe", "libraries", "python") if manifest[name] != made["manifest"][name]]
        raise Refused(
            f"version {number} did not come out the same: {', '.join(differing)} differ",
            why=f"changed since: {', '.join(changed) or 'the stored data'}",
            fix="check out the code and the environment that its lineage names",
        )
    return told
