"""The address of a person on a channel: where it leads, told without its secrets, and whether it is gone.

working ──the other side says it is gone──▶ gone ──delivers again, tried after a day──▶ working
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from baton.kernel.ids import derived_id

REST = timedelta(days=1)
"""How long an address that is gone is left alone before it is tried again."""


@dataclass(frozen=True, slots=True)
class Address:
    """One contact of one person, as far as the record must know it. `shown` holds no token and no password."""

    KIND: ClassVar[str] = "address"
    id: str
    status: str
    person: str
    shown: str
    since: datetime
    reason: str = ""

    def rests(self, at: datetime) -> bool:
        """Whether it is left alone at that instant."""
        return self.status == "gone" and at - self.since < REST


def address_id(person: str, contact: str) -> str:
    """The id of a contact of a person."""
    return derived_id("address", person, contact)


def shown(contact: str) -> str:
    """A contact as it may be told: a mail address whole, of everything else the scheme, and the host of a webhook."""
    if contact.startswith("mailto:") and not contact.startswith("mailto://"):
        return contact.partition("?")[0]
    scheme, separator, _ = contact.partition("://")
    if not separator:
        return "an unknown kind of contact"
    if scheme not in ("http", "https"):
        return f"{scheme}://…"
    try:
        parts = urlsplit(contact)
        return f"{scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}/…"
    except ValueError:
        return f"{scheme}://…"
