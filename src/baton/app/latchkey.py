"""The latchkey: by what the keeper of a workspace's files is known in a browser, while nobody has an identity there.

Whoever can write the workspace's files draws a link; the link is good once, and is exchanged for what the browser shows from
then on. Only digests are kept, in a file of the workspace that is its owner's alone.
"""

import fcntl
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from baton.app.bootstrap import open_passwords
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import Corrupt, NotFound, Refused, Unavailable

T = TypeVar("T")
LINK, STAY = timedelta(hours=1), timedelta(days=7)
"""How long a link waits to be used, and how long a browser is known after that."""
MOST: Final = 50
"""Browsers that are known at once, and links that wait; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A browser that is known: until when, and as which person of the team it acts, empty for nobody."""

    until: datetime
    as_name: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """All that is kept: links and browsers by their digests, the addresses of running consoles with their processes, and whether
    a link was ever drawn."""

    links: Mapping[str, datetime] = field(default_factory=dict)
    stays: Mapping[str, Stay] = field(default_factory=dict)
    doors: Mapping[str, int] = field(default_factory=dict)
    drawn: bool = False


class Latchkey:
    """The links and browsers of one workspace. Processes and threads that change them take turns."""

    def __init__(self, workspace: Path) -> None:
        self._path = workspace / "latchkey.json"

    @property
    def cut(self) -> bool:
        """Whether a link was ever drawn here."""
        return self._read().drawn

    def draw(self, at: datetime) -> str:
        """The code of a new link, told once."""
        code = open_passwords()[1]()

        def with_link(keys: Keys) -> Keys:
            return replace(keys, links=_last({**keys.links, _digest(code): at + LINK}), drawn=True)

        self._change(with_link, at)
        return code

    def turn(self, code: str, at: datetime) -> tuple[str, datetime]:
        """What a browser shows from now on, and until when, for the code of a link. Raises Refused when it was used, or is over."""
        text, until, used = open_passwords()[1](), at + STAY, list[str]()

        def exchanged(keys: Keys) -> Keys:
            if not code or _digest(code) not in keys.links:
                return keys
            used.append(code)
            links = {digest: end for digest, end in keys.links.items() if digest != _digest(code)}
            return replace(keys, links=links, stays=_last({**keys.stays, _digest(text): Stay(until)}))

        self._change(exchanged, at)
        if not used:
            raise Refused(
                "this link does not hold",
                where="the address",
                why="it was used, is more than an hour old, or is another workspace's",
                fix="baton console --link draws another one",
            )
        return text, until

    def stay(self, text: str, at: datetime) -> Stay | None:
        """The browser that shows this; None when it is not known, or no more."""
        found = self._read().stays.get(_digest(text))
        return found if found is not None and at < found.until else None

    def name(self, text: str, as_name: str, at: datetime) -> None:
        """From now on the browser acts as this person; as nobody when empty."""

        def named(keys: Keys) -> Keys:
            known = keys.stays.get(_digest(text))
            return keys if known is None else replace(keys, stays={**keys.stays, _digest(text): replace(known, as_name=as_name)})

        self._change(named, at)

    def end(self, text: str, at: datetime) -> None:
        """The browser is known no more."""
        gone = _digest(text)
        self._change(lambda keys: replace(keys, stays={d: each for d, each in keys.stays.items() if d != gone}), at)

    def hang(self, address: str, at: datetime) -> None:
        """Note that this process answers at an address."""
        self._change(lambda keys: replace(keys, doors=_last({**keys.doors, address: os.getpid()})), at)

    def door(self) -> str:
        """Where a console of this workspace answers now; of several the last that began. Raises NotFound when none does."""
        for address in reversed(list(self._read().doors)):
            if _answers(address):
                return address
        raise NotFound(
            "no console runs over this workspace", where=str(self._path.parent), fix="start one: baton console, or baton up"
        )

    def _read(self) -> Keys:
        try:
            with self._path.open("rb") as stream:
                told = os.fstat(stream.fileno())
                if told.st_mode & 0o077 or told.st_uid != os.getuid():
                    raise Unavailable(
                        "the latchkey is not its owner's alone",
                        where=str(self._path),
                        why="whoever writes it may do as anybody here",
                        fix=f"rm {self._path}, then: baton console --link",
                    )
                return msgspec.json.decode(stream.read(), type=Keys)
        except FileNotFoundError:
            return Keys()
        except OSError as error:
            raise Unavailable("the latchkey cannot be read", where=str(self._path), why=str(error.strerror or error)) from error
        except msgspec.MsgspecError as error:
            raise Corrupt(
                "the latchkey cannot be read",
                where=str(self._path),
                why=str(error),
                fix=f"rm {self._path}, then: baton console --link",
            ) from error

    def _change(self, to: Callable[[Keys], Keys], at: datetime) -> None:
        lock = -1
        try:
            lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._read()
            after = to(_living(before, at))
            if after != before:
                self._write(msgspec.json.format(msgspec.json.encode(after), indent=1))
        except OSError as error:
            raise Unavailable(
                "the latchkey cannot be written",
                where=str(self._path),
                why=error.strerror or str(error),
                fix="free some space on the disk",
            ) from error
        finally:
            if lock >= 0:
                os.close(lock)

    def _write(self, data: bytes) -> None:
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self._path)


def _living(keys: Keys, at: datetime) -> Keys:
    """Without what is over."""
    links = {digest: until for digest, until in keys.links.items() if at < until}
    stays = {digest: each for digest, each in keys.stays.items() if at < each.until}
    doors = {address: pid for address, pid in keys.doors.items() if _runs(pid)}
    return replace(keys, links=links, stays=stays, doors=doors)


def _runs(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1):
        return True
    return False


def _last(known: Mapping[str, T]) -> Mapping[str, T]:
    return dict(list(known.items())[-MOST:])


def _digest(text: str) -> str:
    return digest_bytes(text.encode())
