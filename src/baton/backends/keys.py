"""The workspace's Ed25519 keys: the private one seals bundles and routing files, the public one is all that a server gets."""

import os
import stat
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from baton.kernel.errors import Corrupt, NotFound, Refused, Unavailable

PRIVATE, PUBLIC = "private.pem", "public.pem"
LOG_KEY = "log.secret"
"""The file of the secret that personal values are hashed with when they are logged."""

_NO_PUBLIC = (
    f"name the file {PUBLIC} that stands beside the private key; in a workspace, baton up writes it anew when it is not there"
)


class Verifier:
    """Checks seals with a public key."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the workspace's private key made this signature over this message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Sealer(Verifier):
    """Signs with the private key, and checks."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        super().__init__(key.public_key())
        self._private = key

    def seal(self, message: bytes) -> bytes:
        """The Ed25519 signature over a message."""
        return self._private.sign(message)


def open_keys(folder: Path, *, create: bool = True) -> Sealer:
    """The workspace's key pair, made at first need (private key readable by its owner only).

    Raises NotFound when only the public half is there, and Corrupt when none is and `create` is off: a new pair would disown
    all that was signed.
    """
    private, public = folder / PRIVATE, folder / PUBLIC
    if not private.exists():
        if public.exists():
            raise NotFound(
                "the workspace's private key is gone",
                where=str(private),
                why="the public half is there, so it was made once",
                fix="restore it from a copy; or remove public.pem and package every version again",
            )
        if not create:
            raise Corrupt(
                "the workspace has lost its signing keys",
                where=str(folder),
                why="what it serves was signed with them",
                fix="restore the folder keys from a copy, or start over (a replay: --fresh; else another --workspace DIR)",
            )
        folder.mkdir(parents=True, exist_ok=True)
        _create(private)
    key = _read_private(private)
    if not public.exists():
        _place(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return Sealer(key)


def read_verifier(path: Path) -> Verifier:
    """The public key in a PEM file. Raises NotFound or Corrupt."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(
            "there is no public key",
            where=str(path),
            fix="check the path; in a workspace, baton up makes it from the private key",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Corrupt("the file holds no public key", where=str(path), fix=_NO_PUBLIC) from error
    if not isinstance(key, Ed25519PublicKey):
        raise Corrupt("the public key is not an Ed25519 key", where=str(path), fix=_NO_PUBLIC)
    return Verifier(key)


def open_secret(path: Path) -> str:
    """A secret of the workspace (webhooks are signed with one, personal values hashed with another), made at first need and
    readable by its owner only: `whsec_` and base64."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _place(path, f"whsec_{b64encode(os.urandom(32)).decode()}\n".encode(), 0o600)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused("the secret can be read by others", where=str(path), fix=f"chmod 600 {path}")
    return path.read_text().strip()


def _create(path: Path) -> None:
    _place(path, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def _place(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all; when two processes race, the first one's file stays."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(aside, path)
    except OSError as error:
        raise Unavailable("the workspace's key cannot be stored", where=str(path), why=str(error)) from error
    finally:
        aside.unlink(missing_ok=True)


def _read_private(path: Path) -> Ed25519PrivateKey:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused("the workspace's private key can be read by others", where=str(path), fix=f"chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Corrupt("the workspace's private key cannot be read", where=str(path), fix="restore it from a copy") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Corrupt("the workspace's private key is not an Ed25519 key", where=str(path), fix="restore it from a copy")
    return key
