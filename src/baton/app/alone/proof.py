"""Checks of an offer: commands that are run before anything is recorded, and what they showed."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from baton.kernel.clock import duration_text
from baton.kernel.errors import InvalidInput
from baton.team.handoff import Check
from baton.team.ports import Checks, Ran


@dataclass(frozen=True, slots=True)
class Proof:
    """One check that ran: the verdict, and for the record the command, how it ended, its output's digest and last lines."""

    check: Check
    told: dict[str, Any]


def named(text: str, what: str, example: str) -> tuple[str, str]:
    """Read NAME=VALUE. Raises InvalidInput with an example."""
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise InvalidInput(f"'{text[:80]}' is not NAME=VALUE", where=what, fix=f"{what} {example}")
    return name.strip(), value.strip()


def number_or_text(value: str) -> int | float | str:
    """A value as typed: a finite number when it is one, else the text."""
    for kind in (int, float):
        try:
            found = kind(value)
        except (ValueError, OverflowError):
            continue
        return found if abs(found) < 2**53 else value
    return value


def proved(checks: Checks, wanted: Sequence[tuple[str, str]], within: timedelta) -> tuple[Proof, ...]:
    """Run commands by name, one after the other, all of them. Raises InvalidInput for one that cannot be read or started."""
    return tuple(_proof(name, command, checks.run(_split(name, command), within), within) for name, command in wanted)


def _split(name: str, command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise InvalidInput(
            f"the command of check '{name}' cannot be read", where="--check", why=str(error), fix="close its quotes"
        ) from error


def _proof(name: str, command: str, ran: Ran, within: timedelta) -> Proof:
    ended = f"stopped after {duration_text(within)}" if ran.status is None else f"exit {ran.status}"
    last = ran.tail.splitlines()[-1:] if ran.tail else []
    detail = ": ".join([ended, *(line.strip()[:200] for line in last)])
    return Proof(Check(name, ran.status == 0, detail), {"command": command, **ran.told()})
