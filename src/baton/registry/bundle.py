"""The bundle: one file with all that a server needs and nothing that can run unsigned.

A bundle is an uncompressed zip with fixed timestamps, so equal contents give equal bytes and its SHA-256 is its name.
Members: `manifest.json` (format, project, version, signature of the model, digests of every other member, proof of
parity), `manifest.sig` (Ed25519 over the manifest's bytes), `model.onnx`, `features.py`. It is read into memory, never
unpacked to disk. The trusted key comes from the loader's side, never from the bundle.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from baton.kernel.digest import canonical, digest_bytes
from baton.kernel.errors import Corrupt, Incompatible
from baton.registry.signature import Signature

FORMAT = 1
LIMIT = 512 * 1024 * 1024
MANIFEST, SEAL, MODEL, FEATURES = "manifest.json", "manifest.sig", "model.onnx", "features.py"
_MEMBERS = frozenset({MANIFEST, SEAL, MODEL, FEATURES})


@dataclass(frozen=True, slots=True)
class Calibration:
    """Monotone map from raw score to probability: linear between knots, flat outside; no knots is the identity."""

    raw: tuple[float, ...] = ()
    probability: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Parity:
    """Proof that the shipped form scores like the trained one: rows compared, largest difference, answers flipped."""

    rows: int
    largest_difference: float
    flips: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself; every byte of it is signed."""

    format: int
    project: str
    version: int
    signature: Signature
    calibration: Calibration
    parity: Parity
    lineage: Mapping[str, str]
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle in memory."""

    digest: str
    manifest: Manifest
    model: bytes
    features: str


def pack(manifest: Manifest, model: bytes, features: str, seal: Callable[[bytes], bytes]) -> bytes:
    """The bundle's bytes. `manifest.members` is filled here; `seal` signs the manifest's canonical bytes."""
    contents = {MODEL: model, FEATURES: features.encode()}
    members = {name: digest_bytes(data) for name, data in contents.items()}
    head = canonical(to_plain(replace(manifest, members=members)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {MANIFEST: head, SEAL: seal(head), **contents}.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def to_plain(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return plain


def unpack(data: bytes, verify: Callable[[bytes, bytes], bool]) -> Bundle:
    """Check and read a bundle. `verify(signature, message)` tells whether a trusted key signed it.

    Raises Corrupt when any byte differs from what was signed, Incompatible when a newer Baton made it.
    """
    contents = _members(data)
    head = contents[MANIFEST]
    if not verify(contents[SEAL], head):
        raise Corrupt(
            "the bundle's signature does not fit its manifest",
            why="it was changed, or signed by a key that is not trusted here",
            fix="package the version again: baton package VERSION",
        )
    try:
        plain = msgspec.json.decode(head)
        if plain.get("format", 0) > FORMAT:
            raise Incompatible(f"the bundle has format {plain['format']}, this Baton reads up to {FORMAT}", fix="upgrade Baton")
        manifest = msgspec.convert(plain, Manifest)
    except (msgspec.MsgspecError, AttributeError) as error:
        raise Corrupt("the bundle's manifest cannot be read", why=str(error)) from error
    for name, expected in manifest.members.items():
        if digest_bytes(contents[name]) != expected:
            raise Corrupt(
                f"the bundle's {name} is not what was signed",
                why="its SHA-256 differs",
                fix="restore the bundle from a copy or package the version again",
            )
    return Bundle(digest_bytes(data), manifest, contents[MODEL], contents[FEATURES].decode())


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            sizes = sum(entry.file_size for entry in entries.values())
            if set(entries) != _MEMBERS or sizes > LIMIT or any(entry.compress_type for entry in entries.values()):
                raise Corrupt(
                    "the file is not a Baton bundle",
                    why=f"expected exactly the members {', '.join(sorted(_MEMBERS))}, stored, below {LIMIT >> 20} MiB",
                )
            return {name: archive.read(entry) for name, entry in entries.items()}
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, NotImplementedError) as error:
        raise Corrupt(
            "the bundle cannot be read", why=str(error), fix="restore it from a copy or package the version again"
        ) from error
