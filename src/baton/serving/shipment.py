"""Shipments: published scores on their way to a file or a webhook.

due ──▶ delivered
 ├──missed, tried again──▶ due
 └──▶ failed ──asked for again──▶ due
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from baton.kernel.errors import InvalidInput
from baton.kernel.ids import derived_id
from baton.ledger.move import Moves, move
from baton.project.definition import FILES, HOOKS

MOVES: Moves = {
    "due": frozenset({"due", "delivered", "failed"}),
    "failed": frozenset({"due", "delivered", "failed"}),
    "delivered": frozenset(),
}
PART = 1000
"""Rows in one request to a webhook."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class Shipment:
    """The scores of one run for one place. `to` is the place as it may be shown, `sent` how many parts it has taken,
    `receipt` what it answered last, `next_try` when it is tried again (UTC)."""

    KIND: ClassVar[str] = "shipment"
    id: str
    status: str
    run: str
    to: str
    sent: int = 0
    attempts: int = 0
    receipt: str = ""
    error: str = ""
    next_try: datetime | None = None


def shipment_of(run: str, address: str, shown: str) -> Shipment:
    """The shipment of a run to an address; the same two give the same one."""
    return Shipment(derived_id("shipment", run, address), "due", run, shown)


def part_key(run: str, part: int) -> str:
    """The idempotency key of one part: sent again it is the same."""
    return f"{run}-{part}"


def is_hook(address: str) -> bool:
    """Whether an address is a webhook's, or a variable that holds one."""
    return address.startswith(HOOKS)


def form_of(address: str) -> str:
    """`.parquet` or `.csv`. Raises InvalidInput when the file's name tells neither."""
    suffix = Path(address).suffix.lower()
    if suffix not in FILES:
        raise InvalidInput(
            f"scores cannot be delivered to '{address}'",
            where="to",
            why="its name ends neither in .parquet nor in .csv, and it is no https:// address",
            fix="write e.g. scores.parquet, scores.csv or https://hooks.shop.example/scores",
        )
    return suffix


def delivered(shipment: Shipment, sent: int, receipt: str) -> Shipment:
    """The shipment once all of it was taken."""
    return move(shipment, MOVES, "delivered", sent=sent, attempts=shipment.attempts + 1, receipt=receipt, error="", next_try=None)


def missed(shipment: Shipment, sent: int, error: str, at: datetime, after: timedelta = timedelta()) -> Shipment:
    """The shipment after an attempt that may succeed later: tried again after a while that doubles, or as long as was asked."""
    if shipment.attempts + 1 >= MOST_TRIES:
        return failed(shipment, sent, error)
    wait = max(after, min(FIRST_WAIT * 2**shipment.attempts, LONGEST_WAIT))
    return move(shipment, MOVES, "due", sent=sent, attempts=shipment.attempts + 1, error=error, next_try=at + wait)


def failed(shipment: Shipment, sent: int, error: str) -> Shipment:
    """The shipment when trying again cannot help."""
    return replace(move(shipment, MOVES, "failed", sent=sent, attempts=shipment.attempts + 1, error=error), next_try=None)
