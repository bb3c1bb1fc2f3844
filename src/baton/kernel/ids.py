"""Ids that are derived, never drawn: the same cause gives the same id, so a repeated step is recognised."""

import hashlib
import re

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def derived_id(kind: str, *parts: str | int) -> str:
    """`kind-` and 12 hex digits of the SHA-256 of the parts (length-prefixed, so no two lists collide by joining)."""
    body = b"".join(f"{len(str(part))}:{part}".encode() for part in parts)
    return f"{kind}-{hashlib.sha256(kind.encode() + b'|' + body).hexdigest()[:12]}"


def is_name(text: str) -> bool:
    """Whether the text is fit as a name: lower-case letters, digits and hyphens, a letter first, at most 63."""
    return NAME.fullmatch(text) is not None
