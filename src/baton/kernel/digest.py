"""Identity by content: canonical bytes of plain values and their SHA-256."""

import hashlib
import json
import math
from pathlib import Path


def canonical(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no blanks: equal values give equal bytes.

    Raises ValueError for NaN and infinities, TypeError for what JSON cannot hold. After RFC 8785 in spirit; numbers are
    spelled as Python spells them (shortest round-trip).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_bytes(data: bytes) -> str:
    """Lower-case hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def digest(value: object) -> str:
    """Lower-case hex SHA-256 of a plain value's canonical bytes."""
    return digest_bytes(canonical(value))


def digest_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def finite(value: float | None, digits: int = 10) -> float | None:
    """A float fit for the record: rounded, and None in place of NaN and infinities."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
