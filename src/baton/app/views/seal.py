"""Whether a version's bundle is, right now, what this workspace sealed; what is in it, and how large that is."""

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from baton.app.bootstrap import open_artifacts, open_public_key
from baton.app.workspace import Workspace
from baton.kernel.digest import digest_file
from baton.kernel.errors import BatonError, Corrupt, NotFound
from baton.registry.bundle import FEATURES, MANIFEST, Manifest, unpack
from baton.registry.version import ModelVersion

LARGEST = 64 * 1024 * 1024
"""Bundles beyond this many bytes are not read for a page."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version: its name, digest, and size in bytes (None when it is not there)."""

    name: str
    digest: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Seal:
    """A bundle as it was found: `verified` True, False with the reason, or None when it was not asked; `manifest` when it could be read."""

    digest: str
    size: int | None
    verified: bool | None
    reason: str
    files: tuple[File, ...] = ()
    manifest: Manifest | None = None
    besides: tuple[File, ...] = field(default=())


def seal_of(workspace: Workspace, version: ModelVersion) -> Seal:
    """The bundle of a version, held against its digests and against the workspace's public key."""
    besides = tuple(
        _file(workspace, name, digest)
        for name, digest in (("native model", version.native), ("ONNX model", version.onnx))
        if digest
    )
    if not version.bundle:
        return Seal("", None, None, f"version {version.version} was never packaged", besides=besides)
    size = _size(workspace, version.bundle)
    if size is not None and size > LARGEST:
        why = f"it is larger than {LARGEST >> 20} MiB; type: baton bundle export {version.version} --to model.bundle, then baton bundle verify model.bundle"
        return Seal(version.bundle, size, None, why, besides=besides)
    try:
        files, manifest = _verified(workspace, version.bundle)
    except BatonError as error:
        return Seal(version.bundle, size, False, f"{error.what}{f': {error.why}' if error.why else ''}", besides=besides)
    return Seal(
        version.bundle, size, True, "every byte is what was sealed, by the key of this workspace", files, manifest, besides
    )


def _verified(workspace: Workspace, digest: str) -> tuple[tuple[File, ...], Manifest]:
    artifacts = open_artifacts(workspace)
    data, seal = artifacts.get(digest), artifacts.seal_of(digest)
    manifest = unpack(data, seal, open_public_key(workspace.keys / "public.pem").verify).manifest
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    names = sorted(sizes, key=lambda name: (name != MANIFEST, name == FEATURES, name))
    return tuple(File(name, manifest.members.get(name, ""), sizes[name]) for name in names), manifest


def _file(workspace: Workspace, name: str, digest: str) -> File:
    return File(name, digest, _size(workspace, digest))


def _size(workspace: Workspace, digest: str) -> int | None:
    try:
        return (workspace.artifacts / digest).stat().st_size if open_artifacts(workspace).exists(digest) else None
    except (BatonError, OSError):
        return None


def bundle_file(workspace: Workspace, version: ModelVersion) -> tuple[Path, bytes]:
    """Where the bundle of a version lies, and its seal. Raises NotFound when it was never packaged, or is gone, Corrupt when it is another file."""
    if not version.bundle:
        raise NotFound(
            f"version {version.version} was never packaged", where="the workspace", fix="look at a version with a bundle"
        )
    artifacts = open_artifacts(workspace)
    if not artifacts.exists(version.bundle):
        raise NotFound(
            f"the bundle of version {version.version} is not there", where="the workspace", why="its files were deleted, or lost"
        )
    path = workspace.artifacts / version.bundle
    if digest_file(path) != version.bundle:
        raise Corrupt(
            f"the bundle of version {version.version} is not what was stored",
            where="the workspace",
            why="its SHA-256 differs",
            fix="restore it from a copy of the workspace, or go back a version: baton rollback",
        )
    return path, artifacts.seal_of(version.bundle)
