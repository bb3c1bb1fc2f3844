"""The bundle: one file with all that a server needs and nothing that can run unsigned.

A bundle is an uncompressed zip with fixed timestamps, so equal contents give equal bytes and its SHA-256 is its name.
Members: `manifest.json` (format, project, version, signature of the model, digests of every other member, proof of
parity), the model, `features.py`. It is read into memory, never unpacked to disk. Its seal, an Ed25519 signature over
its name, is kept beside it: the same model made in two workspaces is the same bundle, sealed by two keys. The trusted key
comes from the loader's side, never from the bundle.

Format 1 holds an ONNX model that gives a probability. Format 2 says besides how its model is run; whatever format 1 can say
is packed as format 1, so that no bundle there is ever changes its bytes.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from baton.kernel.digest import canonical, digest_bytes
from baton.kernel.errors import Corrupt, Incompatible
from baton.registry.signature import Signature

FORMAT = 2
LIMIT = 512 * 1024 * 1024
MANIFEST, MODEL, FEATURES = "manifest.json", "model.onnx", "features.py"
Form = Literal["onnx", "lightgbm", "skops", "xgboost"]
MODELS: Mapping[Form, str] = {"onnx": MODEL, "lightgbm": "model.txt", "skops": "model.skops", "xgboost": "model.ubj"}
"""The member that holds the model, by its form. What is not ONNX runs in a process of its own."""

_FIX = "put a whole copy of it in its place; in a workspace, go back a version: baton rollback"


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
class Running:
    """How the model is run: its form, what it gives, and what it may use.

    `kind` is a probability, or a score without bounds. `memory` is in bytes and `cpu` in cores; 0 leaves both to the server.
    """

    form: Form = "onnx"
    kind: Literal["probability", "score"] = "probability"
    memory: int = 0
    cpu: int = 0


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
    running: Running = Running()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle in memory."""

    digest: str
    manifest: Manifest
    model: bytes
    features: str


def pack(manifest: Manifest, model: bytes, features: str) -> bytes:
    """The bundle's bytes, the same for the same contents. `manifest.members` is filled here, and its format when it is too low."""
    contents = {MODELS[manifest.running.form]: model, FEATURES: features.encode()}
    members = {name: digest_bytes(data) for name, data in contents.items()}
    format = manifest.format if manifest.running == Running() else max(manifest.format, 2)
    head = canonical(to_plain(replace(manifest, format=format, members=members)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {MANIFEST: head, **contents}.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else the bytes would tell the system they were packed on
            archive.writestr(entry, data)
    return out.getvalue()


def to_plain(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain JSON values; format 1 does not say how its model is run."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    if manifest.format < 2:
        del plain["running"]
    return plain


def unpack(data: bytes, seal: bytes, verify: Callable[[bytes, bytes], bool]) -> Bundle:
    """Check and read a bundle. `verify(signature, message)` tells whether a trusted key signed its digest.

    Raises Corrupt when any byte differs from what was signed, Incompatible when a newer Baton made it.
    """
    digest = digest_bytes(data)
    if not verify(seal, digest.encode()):
        raise Corrupt(
            "the bundle's signature does not fit",
            why="it was changed, or signed by a key that is not trusted here",
            fix=_FIX,
        )
    contents = _members(data)
    manifest, features = _manifest(contents)
    member = MODELS[manifest.running.form]
    for name in (member, FEATURES):
        if name not in contents or digest_bytes(contents[name]) != manifest.members.get(name):
            raise Corrupt(f"the bundle's {name} is not what was signed", why="its SHA-256 differs", fix=_FIX)
    return Bundle(digest, manifest, contents[member], features)


def _manifest(contents: Mapping[str, bytes]) -> tuple[Manifest, str]:
    try:
        plain = msgspec.json.decode(contents[MANIFEST])
        if plain.get("format", 0) > FORMAT:
            raise Incompatible(f"the bundle has format {plain['format']}, this Baton reads up to {FORMAT}", fix="upgrade Baton")
        if plain.get("format", 0) < 2:
            plain.pop("running", None)
        return msgspec.convert(plain, Manifest), contents[FEATURES].decode()
    except (msgspec.MsgspecError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise Corrupt("the bundle's manifest cannot be read", why=str(error)) from error


def _members(data: bytes) -> dict[str, bytes]:
    """The three members: manifest, features and one model."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names, sizes = sorted(entry.filename for entry in entries), sum(entry.file_size for entry in entries)
            known = [sorted((MANIFEST, model, FEATURES)) for model in MODELS.values()]
            if names not in known or sizes > LIMIT or any(entry.compress_type for entry in entries):
                raise Corrupt(
                    "the file is not a Baton bundle",
                    why=f"expected {MANIFEST}, {FEATURES} and one model, stored, below {LIMIT >> 20} MiB",
                )
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, NotImplementedError) as error:
        raise Corrupt("the bundle cannot be read", why=str(error), fix=_FIX) from error
