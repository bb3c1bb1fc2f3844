"""What the team needs from outside: channels that carry messages to people, artefacts by reference, proofs by command,
and who somebody is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from baton.kernel.errors import Refused, Unavailable
from baton.team.identity import Book
from baton.team.reference import Pinned, Reference


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to one person in one piece. `key` is the idempotency key: a message that is sent again bears it again.

    `notices` are the ids of what it tells, `at` the instant of this attempt (UTC).
    """

    key: str
    to: str
    title: str
    words: str
    urgent: bool
    notices: tuple[str, ...]
    at: datetime


class Channel(Protocol):
    """A way to one address. Sends within a bounded time, or raises."""

    def send(self, message: Message) -> str:
        """Deliver; returns the receipt: what the other side answered, at most 200 signs.

        Raises Unavailable when trying again may help (Busy when the other side says from when on), Refused when this
        address will not take it (Gone when it never will).
        """
        ...


class Busy(Unavailable):
    """The other side asks to wait `after` before the next attempt."""

    def __init__(self, what: str, after: timedelta, *, where: str = "", why: str = "") -> None:
        super().__init__(what, where=where, why=why)
        self.after = after


class Gone(Refused):
    """The other side says that nobody is there any more."""


class Unset(Refused):
    """An address that no channel of this installation can serve: something is not set up here, not broken there."""


class References(Protocol):
    """Looks at artefacts that Baton did not make. Nothing is changed, copied or kept."""

    def pin(self, reference: Reference) -> Pinned:
        """What a reference names at this moment: the form of it that cannot move, and the digest of the bytes.

        Of that form, `pin` gives the same digest as long as the artefact is the same. Raises NotFound when there is no
        such artefact, Corrupt when it is not what its own text states, InvalidInput when it can never be pinned,
        Unavailable when whoever holds it does not answer.
        """
        ...


class Checks(Protocol):
    """Runs the commands that a result must pass."""

    def run(self, arguments: tuple[str, ...], within: timedelta) -> "Ran":
        """Run a command without a shell, its processes ended after `within`. Raises InvalidInput when it cannot start."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: `status` 0 is success, None when it was stopped. `output` is the SHA-256 of all it wrote, `tail` the end."""

    status: int | None
    output: str
    size: int
    tail: str

    def told(self) -> Mapping[str, Any]:
        """For the record, in plain values."""
        return {"status": self.status, "output": f"sha256:{self.output}", "bytes": self.size, "tail": self.tail}


class Credentials(Protocol):
    """Keeps the credentials of a workspace, outside the ledger. Safe to use from several processes."""

    def read(self) -> Book:
        """All of it as last kept; an empty book when there is none. Raises Corrupt when it cannot be read."""
        ...

    def change(self, to: Callable[[Book], Book]) -> Book:
        """Keep what `to` makes of the present book, held against all other changes; nothing is kept when it raises."""
        ...


class Passwords(Protocol):
    """Hashes passwords slowly, and checks them."""

    def hashed(self, password: str) -> str:
        """A hash with its salt and parameters."""
        ...

    def fits(self, hashed: str, password: str) -> bool:
        """Whether the password is the one that was hashed; with an empty hash it takes as long and fits never."""
        ...


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a person types where, within so many seconds; `whole` is the address with the code in it, empty without one."""

    code: str
    place: str
    whole: str
    seconds: float


class Errand(Protocol):
    """A login that a person confirms at the provider, in a browser anywhere."""

    def begin(self) -> Invitation:
        """What the person is told. Raises Refused when the provider knows no such login."""
        ...

    def token(self, wait: Callable[[float], None]) -> str:
        """The ID token, once it is confirmed; `wait` lets seconds pass. Raises Refused when it is not, in time."""
        ...


class Passage(Protocol):
    """A login at the provider in the browser that asks: there with a request, back with a code."""

    def begin(self, back: str, state: str, nonce: str, challenge: str) -> str:
        """The address to send the browser to; it comes back to `back` with `state` and a code.

        `nonce` will be in the ID token; `challenge` is the SHA-256 of the verifier, in base64url without padding.
        Raises Refused when the provider knows no such login.
        """
        ...

    def token(self, code: str, back: str, verifier: str) -> str:
        """The ID token for a code. Raises Refused when the provider does not take the code or the verifier."""
        ...


class Provider(Protocol):
    """An identity provider whose ID tokens are taken."""

    def errand(self) -> Errand:
        """A login that is confirmed anywhere, with a code that the person compares."""
        ...

    def passage(self) -> Passage:
        """A login in the browser that asks."""
        ...

    def claims(self, token: str, at: datetime) -> Mapping[str, Any]:
        """What a token says, its signature, issuer, audience and times verified at that instant.

        Raises Refused when it does not hold, Unavailable when the provider does not answer.
        """
        ...
