"""What the registry needs from the outside: a place for bytes that never change."""

from typing import Protocol


class Keys(Protocol):
    """The workspace's signing keys."""

    def seal(self, message: bytes) -> bytes:
        """The signature over a message."""
        ...

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this workspace's key made the signature over this message."""
        ...


class Artifacts(Protocol):
    """Bytes named by their SHA-256 (lower-case hex).

    What `put` returned is there until it is removed, and whole, also after a crash; the same bytes put twice are one artifact. `get`
    checks the bytes against their name on every load. Safe for many processes. A name that is not a digest raises
    InvalidInput: no path ever comes from outside.
    """

    def put(self, data: bytes) -> str:
        """Store bytes; returns their digest. Raises Unavailable when the disk is full."""
        ...

    def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises NotFound, or Corrupt when they are not what was stored."""
        ...

    def seal(self, digest: str, signature: bytes) -> None:
        """Keep the signature over an artifact's digest beside it; a later one replaces it."""
        ...

    def seal_of(self, digest: str) -> bytes:
        """The signature kept beside an artifact. Raises NotFound when there is none."""
        ...

    def exists(self, digest: str) -> bool:
        """Whether an artifact of that digest is stored (its bytes are not checked)."""
        ...


class RemovableArtifacts(Artifacts, Protocol):
    """Artifacts that somebody may delete: only the deletion of a version asks for that."""

    def remove(self, digest: str) -> bool:
        """Remove an artifact and its seal for good; whether it was stored. Safe to repeat."""
        ...
