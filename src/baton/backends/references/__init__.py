"""Artefacts by reference behind `team.ports.References`: files, commits, MLflow versions, images, addresses."""

from collections.abc import Mapping
from pathlib import Path

from baton.kernel.errors import InvalidInput
from baton.team.ports import References
from baton.team.reference import Pinned, Reference


class Everywhere:
    """Looks where the reference's kind says, each place loaded at first need.

    Paths are read from `folder`; `settings` are those of the environment that name a tracking server (`MLFLOW_…`).
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder, self._settings = folder, settings

    def pin(self, reference: Reference) -> Pinned:
        """What the reference names at this moment; see the port."""
        return self._place(reference.kind).pin(reference)

    def _place(self, kind: str) -> References:
        match kind:
            case "file":
                from baton.backends.references.files import Files

                return Files(self._folder)
            case "git":
                from baton.backends.references.git import Git

                return Git(self._folder)
            case "mlflow":
                from baton.backends.references.mlflow import Mlflow

                return Mlflow(self._settings)
            case "url":
                from baton.backends.references.addresses import Addresses

                return Addresses()
            case "oci":
                from baton.backends.references.images import Images

                return Images()
        raise InvalidInput(
            f"{kind} references are stated, not looked at", where="artefact", fix="name the artefact itself, e.g. file:model.onnx"
        )
