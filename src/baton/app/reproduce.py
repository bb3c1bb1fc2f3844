"""Train a version again from its manifest and compare what comes out, byte for byte."""

from pathlib import Path
from typing import Any

from baton.app.bootstrap import open_trainer, read_state
from baton.kernel.errors import NotFound, Refused
from baton.registry.version import ModelVersion


def reproduce(project: Path, folder: Path, number: int) -> dict[str, Any]:
    """The digests of then and now: training set, native model. Raises Refused, naming what differs, when they are not equal."""
    with read_state(folder) as (workspace, state):
        version = state.get(ModelVersion, f"version-{number}")
    if version is None:
        raise NotFound(f"there is no version {number}", where=str(folder), fix="baton status --json lists models[]")
    manifest = version.lineage["training"]
    made = open_trainer(project, workspace).ask({"cutoff": manifest["cutoff"], "champion": ""})
    told = {
        "version": number,
        "cutoff": manifest["cutoff"],
        "training_set": {"then": manifest["training_set"], "now": made["manifest"]["training_set"]},
        "model": {"then": version.native, "now": made["native"]},
        "onnx": {"then": version.onnx, "now": made["model"]},
    }
    differing = [name for name in ("training_set", "model", "onnx") if told[name]["then"] != told[name]["now"]]
    if differing:
        changed = [name for name in ("features", "recipe", "libraries", "python") if manifest[name] != made["manifest"][name]]
        raise Refused(
            f"version {number} did not come out the same: {', '.join(differing)} differ",
            why=f"changed since: {', '.join(changed) or 'the stored data'}",
            fix="check out the code and the environment that its lineage names",
        )
    return told
