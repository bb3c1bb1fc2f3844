"""Bundle files: what one holds, whether it is what was sealed, and a version of a workspace as one."""

from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import open_artifacts, open_public_key, read_state
from baton.kernel.errors import NotFound
from baton.registry.bundle import Bundle, unpack
from baton.registry.file import read_file, read_seal, write_bundle
from baton.registry.version import ModelVersion


def show(path: Path) -> dict[str, Any]:
    """What a bundle file says of itself; that it is sealed is told, by whom is not asked."""
    seal = read_seal(path)
    return _told(unpack(read_file(path), b"", lambda *_: True), path) | {"sealed": seal is not None}


def verify(path: Path, key: Path | None) -> dict[str, Any]:
    """Hold a bundle file against its digests, and with a public key against its seal. Raises Corrupt, or NotFound for no seal."""
    data, seal = read_file(path), read_seal(path)
    if key is None:
        return _told(unpack(data, b"", lambda *_: True), path) | {"sealed": seal is not None, "trusted": None}
    if seal is None:
        raise NotFound(
            "the bundle is not sealed", where=f"{path}.sig", fix="import it with --keys, or export it from its workspace again"
        )
    return _told(unpack(data, seal, open_public_key(key).verify), path) | {"sealed": True, "trusted": str(key)}


def export(folder: Path, number: int, target: Path) -> dict[str, Any]:
    """A packaged version of a workspace as a file, its seal beside it. Raises NotFound."""
    with read_state(folder) as (workspace, state):
        version = state.get(ModelVersion, f"version-{number}")
    if version is None or not version.bundle:
        what = f"there is no version {number}" if version is None else f"version {number} was never packaged"
        raise NotFound(what, where=str(folder), fix="baton status --json lists models[]")
    artifacts = open_artifacts(workspace)
    data, seal = artifacts.get(version.bundle), artifacts.seal_of(version.bundle)
    write_bundle(target, data, seal)
    told = _told(unpack(data, seal, open_public_key(workspace.keys / "public.pem").verify), target)
    return told | {"sealed": True, "key": str(workspace.keys / "public.pem")}


def _told(bundle: Bundle, path: Path) -> dict[str, Any]:
    manifest = bundle.manifest
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return {"file": str(path), "digest": bundle.digest, "bytes": len(bundle.model), **plain}
