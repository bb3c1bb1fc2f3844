"""The newest record of a kind: what most looks begin with."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from baton.ledger.fact import Record
from baton.ledger.ports import StateReader

R = TypeVar("R", bound=Record)


def newest(
    records: StateReader, kind: type[R], *, status: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> R | None:
    """The record of a kind that appeared last, of those with such a status and such fields; None without any."""
    return next(iter(records.latest(kind, status=status, where=where, limit=1)), None)
