"""What may stand on a record that is kept for ever: names, texts and evidence of a bounded length that can be shown."""

import re
from typing import Final

from baton.kernel.errors import InvalidInput

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
STALE = "checked"
RESERVED = ("artefacts", "checks", STALE, "offered_by")
MOST: Final = 50
LONGEST: Final = 2000


def words_of(text: str, where: str) -> str:
    """A text fit for the record. Raises InvalidInput when it is too long or holds what cannot be shown."""
    if len(text) > LONGEST or not all(sign.isprintable() or sign in "\n\t" for sign in text):
        raise InvalidInput(f"the text is longer than {LONGEST} characters, or cannot be shown", where=where, fix="shorten it")
    return text


def short(text: str) -> str:
    """The beginning of a text from outside, as it may be told back."""
    return text[:80] if text.isprintable() else ascii(text[:80])
