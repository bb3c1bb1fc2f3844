"""Nearest known name for an unknown one, so that an error can say what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when nothing comes close."""
    found = get_close_matches(word, sorted(known), n=1, cutoff=0.55)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice for an unknown word: the nearest known one, else all known ones."""
    names = sorted(known)
    near = nearest(word, names)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(names) or 'none'}"
