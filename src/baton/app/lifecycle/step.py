"""What every stage of a daily step shares: the house, the draft, the instant, and who acts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baton.app.house import House
from baton.kernel.ids import derived_id
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.project.definition import HandoffRule
from baton.team.handoff import EDGES, Check, Handoff, by_policy, offer


@dataclass(frozen=True, slots=True)
class Step:
    """One daily step at `now`; `number` counts days since 1970."""

    house: House
    draft: Draft
    now: datetime
    number: int

    def act(self, phase: str, actor: str = SYSTEM) -> Act:
        """An act in the role of whoever does the work of a phase."""
        team = self.house.team
        return Act(actor, team.role_in(team.responsible(phase), phase), self.now)

    def hand_over(self, edge: str, subject: str, evidence: Mapping[str, Any], checks: tuple[Check, ...]) -> Handoff:
        """The hand-off of a subject along an edge: offered now if it was not yet, and answered by policy if policy may."""
        known = self.draft.get(Handoff, derived_id("handoff", edge, subject))
        if known is not None:
            return known
        rule = self.house.definition.handoffs.get(edge, HandoffRule())
        made = offer(self.house.team, edge, subject, self.now, rule, evidence, checks)
        self.draft.record(self.act(EDGES[edge].giver), made, "offered", made.payload)
        answered = by_policy(made, self.now)
        if answered is not made:
            self.draft.record(self.act(EDGES[edge].receiver, "policy"), answered, answered.status, answered.reason)
        return answered
