"""What every stage of a step shares: the house, the office with its draft and team, the instant, and who acts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from baton.app.house import House
from baton.app.lifecycle.offering import current, hand_over
from baton.app.lifecycle.office import Office
from baton.kernel.clock import EPOCH
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.team.handoff import Check, Handoff, Result
from baton.team.team import Team


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the loop."""

    house: House
    office: Office

    @property
    def draft(self) -> Draft:
        """The changes of this step."""
        return self.office.draft

    @property
    def team(self) -> Team:
        """The team in force."""
        return self.office.team

    @property
    def now(self) -> datetime:
        """The instant of the step."""
        return self.office.now

    @property
    def number(self) -> int:
        """What appends are recognised by when the step is repeated: its instant, in whole minutes since 1970."""
        return (self.now - EPOCH) // timedelta(minutes=1)

    def act(self, phase: str, actor: str = SYSTEM) -> Act:
        """An act in the role of whoever does the work of a phase."""
        return self.office.act(phase, actor)

    def hand_over(
        self,
        edge: str,
        subject: str,
        evidence: Mapping[str, Any],
        checks: tuple[Check, ...],
        pin: Mapping[str, str] | None = None,
    ) -> Handoff:
        """The hand-off of a subject along an edge: offered now if it was not yet, and answered by policy if policy may.

        `pin` is what is handed over, by digest: when it has changed while the offer is open, a new round begins.
        """
        return hand_over(self.office, edge, Result(subject, evidence, checks, pin or {}))

    def current(self, edge: str, subject: str) -> Handoff | None:
        """The latest round of a hand-off."""
        return current(self.draft, edge, subject)
