"""Pagers: where one is in a list, and the addresses of what follows and of what came before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BY_PLACE: Final = ("Next", "Back")
BY_TIME: Final = ("Earlier", "Newest")
Address = Callable[[int | str | None], str]
"""The address of the page that begins at a place, or after a record; None for the first one."""


@dataclass(frozen=True, slots=True)
class Pager:
    """What is told of a page of a list, and where the pages around it are (None: there is none); `words` name them."""

    told: str = ""
    following: str | None = None
    back: str | None = None
    words: tuple[str, str] = BY_PLACE


def by_place(address: Address, place: int, size: int, total: int, more: str = "", told: str = "") -> Pager:
    """A page of at most `size` entries from `place` (0 is the first) on, of `total`; `more` ends what is told of it."""
    last = min(place + size, total)
    counted = f"{place + 1:,} – {last:,} of {total:,}{more}" if place < total else ""
    return Pager(
        told or counted, address(last) if last < total else None, address(max(0, place - size) or None) if place else None
    )


def by_record(address: Address, told: str, following: int | str | None, before: int | str | None) -> Pager:
    """A page of a list that grows at its head, newest first: what goes on after a record, and the head again."""
    return Pager(told, address(following) if following else None, address(None) if before else None, BY_TIME)
