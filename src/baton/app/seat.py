"""The seat: where one act of a person or a job from outside is done. Opens the state, knows who acts, commits with witness."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from baton.app.bootstrap import open_desk
from baton.app.identity import acting
from baton.app.lifecycle.office import Office
from baton.app.views.present import stands_at
from baton.app.workspace import Workspace, keep_witness
from baton.kernel.clock import SystemClock
from baton.kernel.errors import InvalidInput
from baton.ledger.draft import Draft
from baton.ledger.fact import KEEPER, POLICY, SYSTEM, Act, Record
from baton.ledger.ports import LedgerReader, State
from baton.team.actor import Actor
from baton.team.permission import Verdict, require

R = TypeVar("R", bound=Record)


class SignedDraft(Draft):
    """A draft whose facts about people's acts say how they showed who they are, and for whom they acted."""

    def __init__(self, state: State, how: str) -> None:
        super().__init__(state)
        self._how, self.for_whom = how, ""

    def record(self, act: Act, record: R, verb: str, reason: str, **payload: Any) -> R:
        """Gather a change, signed."""
        if act.actor not in (SYSTEM, POLICY, ""):
            payload = {**({"for": self.for_whom} if self.for_whom else {}), **payload, "how": self._how}
        return super().record(act, record, verb, reason, **payload)


@dataclass(frozen=True, slots=True)
class Seat:
    """One act from outside: the office it is done in, who does it, and the project and workspace that it is about."""

    project: Path
    workspace: Workspace
    state: State
    office: Office
    draft: SignedDraft
    actor: Actor

    @property
    def now(self) -> datetime:
        """The instant of the act."""
        return self.office.now

    def name(self, default: str = "") -> str:
        """Who acts, by name; `default` where nobody was named and nobody needs to be. Raises InvalidInput when it must be said."""
        if self.actor.kind != KEEPER:
            return self.actor.name
        people = self.office.team.active
        if default or len(people) == 1:
            return default or people[0].id
        raise InvalidInput(
            "who does this?", why=f"people of the team: {', '.join(p.id for p in people)}", fix="name them: --as NAME"
        )

    def allow(self, action: str, name: str, phase: str = "", subject: str = "") -> Verdict:
        """Let the act through, or raise Refused; from now on the facts say for whom a delegate acts."""
        who = Actor(name) if self.actor.kind == KEEPER else self.actor
        verdict = require(self.office.team, who, action, self.now, phase, subject)
        self.draft.for_whom = verdict.for_whom
        return verdict

    def commit(self) -> None:
        """Put everything on the record. Raises Conflict when somebody else was first."""
        keep_witness(self.workspace, self.draft.commit({}, expect={}))


@contextmanager
def seat(project: Path, folder: Path, named: str | None) -> Iterator[Seat]:
    """A seat at an existing workspace for whoever is at the door. Raises NotFound when there is none, Refused as `acting` does."""
    with seat_of(project, folder, acting(project, folder, named)) as here:
        yield here


@contextmanager
def seat_of(project: Path, folder: Path, actor: Actor) -> Iterator[Seat]:
    """A seat for somebody whose identity is known already, such as whoever showed a token to the API."""
    with open_desk(project, folder) as desk:
        yield desk.seat(actor)


def present_of(workspace: Workspace, state: LedgerReader) -> datetime:
    """The instant at which an act of a person is recorded: the present, or where a replayed workspace stands.

    Never before the last fact: a clock that was set back must not act in a past that others decided on already.
    """
    stands = stands_at(state)
    last = max((fact.recorded_at for fact in state.facts(after=max(0, state.head().size - 1))), default=None)
    present = stands if workspace.clock == "replay" and stands is not None else SystemClock().now()
    return present if last is None else max(present, last)
