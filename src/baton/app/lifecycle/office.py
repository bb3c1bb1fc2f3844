"""The office: what an act about ownership needs, whether the loop, a command or the API acts."""

from dataclasses import dataclass
from datetime import datetime

from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.project.ownership import Ownership
from baton.team.team import Team


@dataclass(frozen=True, slots=True)
class Office:
    """The draft that gathers changes, the team in force, the declared rules, and the instant (UTC)."""

    draft: Draft
    team: Team
    owned: Ownership
    now: datetime

    def act(self, phase: str, actor: str = SYSTEM) -> Act:
        """An act in the role of whoever does the work of a phase."""
        return Act(actor, self.team.role_in(self.team.responsible(phase, self.now), phase), self.now)

    def act_of(self, name: str, phase: str, at: datetime | None = None) -> Act:
        """An act of a person in the role they have in a phase; recorded now, effective `at` when that was earlier."""
        person = self.team.person(name)
        return Act(name, self.team.role_in(person, phase) if person is not None else "", at or self.now, self.now)
