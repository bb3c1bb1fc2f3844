"""Nearest known name for an unknown one, so that an error can say what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_SHORT, _SLIP, _SLIP_IF_SHORT = 4, 0.75, 0.66
_LISTED = 20


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that differs by a slip or by case, else the only one that begins so; None when nothing is near."""
    names = {name.casefold(): name for name in sorted(known, reverse=True)}
    meant = word.casefold()
    near = get_close_matches(meant, names, n=1, cutoff=_SLIP_IF_SHORT if len(meant) <= _SHORT else _SLIP)
    begun = [name for name in names if name.startswith(meant)] if len(meant) > 2 else []
    return names[near[0]] if near else names[begun[0]] if len(begun) == 1 else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice for an unknown word: the nearest known name, else the known ones, the first 20 by name."""
    names = sorted(known)
    near = nearest(word, names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"did you mean '{near}'?" if near else f"known: {', '.join(names[:_LISTED]) or 'none'}{more}"
