"""How people are taken to behave in a replay: when they answer, when they are away, what they send back."""

from typing import Annotated, Literal

from pydantic import Field

from baton.project.declared import Declared, Duration, Instant, Name
from baton.project.ownership import HandoffRule


class Interval(Declared):
    """From an instant up to, not including, another."""

    since: Instant
    until: Instant


class Decline(Declared):
    """Send back the offers of an edge whose evidence shows `when`, e.g. `auc < 0.70`; `reason` is what the giver reads.

    The giver is taken to mend it within their own time to answer, and offers it again.
    """

    edge: Name
    when: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.]{0,62} *(<|<=|>|>=|==) *-?[0-9.]{1,20}$")]
    reason: str = Field(min_length=1)


class Behaviour(Declared):
    """One person in a replay. Without `answers` they never do.

    `hours` are working hours such as `Mon-Fri 09:00-17:00` in `zone`; time outside them does not count. `away` are
    declared absences, in which duties fall to others; in `silent` ones nobody knows, and deadlines pass. Who `approves` the
    rollout policy does so on the first day; any other approval is given when asked, after the time to answer.
    """

    answers: Duration | None = None
    hours: str | None = None
    zone: str = "UTC"
    away: tuple[Interval, ...] = ()
    silent: tuple[Interval, ...] = ()
    declines: tuple[Decline, ...] = ()
    approves: tuple[Literal["rollout"], ...] = ()


class Policy(Declared):
    """A people policy for `baton replay --policy`: how each person behaves, and hand-off rules to try out."""

    people: dict[Name, Behaviour] = {}
    handoffs: dict[str, HandoffRule] = {}
