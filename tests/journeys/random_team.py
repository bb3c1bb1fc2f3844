"""A team in a world that deals blows at random: people come, go, delegate and answer, offers expire, processes die.

Everything goes through the doors that the loop and the commands use. After every event the promise is checked by a slow
definition of its own: at that instant exactly one reachable person is accountable for each phase, nobody waits in vain.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from baton.app.lifecycle.answering import answer
from baton.app.lifecycle.coming import come_back, delegate, go_away, leave
from baton.app.lifecycle.offering import hand_over, renew, send_back
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import declare, recorded_team
from baton.kernel.errors import BatonError
from baton.ledger.draft import Draft
from baton.ledger.fact import Act, Change, Record
from baton.ledger.ports import Head, State
from baton.project.ownership import TeamFile
from baton.project.phase import PHASES
from baton.team.consultation import Consultation, commented
from baton.team.edge import EDGES
from baton.team.handoff import Check, Handoff, Result, accepted
from baton.team.person import Delegation, Person
from baton.team.task import Task, done
from baton.team.team import Team

R = TypeVar("R", bound=Record)
START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OWNED = TeamFile.model_validate(
    {
        "project": "random",
        "people": [
            {"name": "pia", "roles": ["product-manager"], "deputy": "dan"},
            {"name": "dan", "roles": ["data-scientist"], "deputy": "eve"},
            {"name": "eve", "roles": ["ml-engineer", "data-engineer"], "deputy": "max"},
            {"name": "max", "roles": ["mlops-engineer"]},
            {"name": "kim", "roles": ["sre", "devops-engineer", "data-engineer"], "deputy": "max"},
            {"name": "lee", "roles": ["mlops-engineer", "ml-engineer"], "deputy": "kim"},
        ],
        "handoffs": {
            name: {"accept": "person" if place % 3 else "policy", "within": f"{place + 2}h"}
            | (
                {"consult": {"quorum": 2, "within": "5h", "default": "stop" if place % 2 else "proceed"}}
                if place % 4 == 1
                else {}
            )
            for place, name in enumerate(EDGES)
        },
    }
)
NAMES = tuple(member.name for member in OWNED.people)
CRASHES = ("before", "between", "after")


class Crash(Exception):
    """The process died here."""


class Memory:
    """As much of a state as a draft needs, in dictionaries: what was committed is there, what was not never was."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Record]] = defaultdict(dict)
        self.standing: dict[tuple[str, str], dict[str, Record]] = defaultdict(dict)
        self.size, self.told, self.faults = 0, set[tuple[str, int]](), list[str]()
        self.last = START

    def head(self) -> Head:
        """How many facts there are."""
        return Head(self.size, "")

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id."""
        return self.records[kind.KIND].get(id)  # type: ignore[return-value]

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 0) -> list[R]:
        """Records of a kind, in one of the statuses when any is given."""
        found = (
            self.records[kind.KIND] if not status else {k: v for one in status for k, v in self.standing[kind.KIND, one].items()}
        )
        return list(found.values())  # type: ignore[arg-type]

    def commit(self, changes: Sequence[Change], **_: object) -> Head:
        """All changes; an escalation told twice for one level is a fault."""
        for change in changes:
            record = change.record
            before = self.records[record.KIND].get(record.id)
            if before is not None:
                self.standing[record.KIND, before.status].pop(record.id, None)
            self.records[record.KIND][record.id] = self.standing[record.KIND, record.status][record.id] = record
            if change.verb == "escalated":
                key = (record.id, change.payload["level"])
                self.faults += [f"{key} was escalated twice"] if key in self.told else []
                self.told.add(key)
            self.last = change.act.recorded_at or change.act.at
        self.size += len(changes)
        return self.head()


class Perilous(Draft):
    """A draft in which every record that is gathered is a failpoint."""

    def __init__(self, state: State, world: "World") -> None:
        super().__init__(state)
        self._world = world

    def record(self, act: Act, record: R, verb: str, reason: str, **payload: Any) -> R:
        """Gather a change, unless the process dies here."""
        self._world.crash("between")
        return super().record(act, record, verb, reason, **payload)


class World:
    """One team over a state. `crash` is asked at each failpoint; the same seed gives the same blows."""

    def __init__(
        self, state: State | Memory, seed: int, crash: Callable[[str], None] = lambda point: None, now: datetime = START
    ) -> None:
        self.state, self.chance, self.crash = state, random.Random(seed), crash
        self.now, self.refused, self.subject = now, 0, 0
        self.act(lambda world, office: None)

    @property
    def present(self) -> datetime:
        """The instant of an act: what the clock shows, but never before what is on the record."""
        if isinstance(self.state, Memory):
            return max(self.now, self.state.last)
        last = self.state.facts(after=max(0, self.state.head().size - 1))
        return max([self.now, *(fact.recorded_at for fact in last)])

    def act(self, deed: "Callable[[World, Office], object]") -> None:
        """One act in one transaction, dying at a failpoint when the world says so."""
        draft = Perilous(cast("State", self.state), self)
        now = self.present
        if not self.state.all(Person):
            declare(draft, OWNED, now)
        office = Office(draft, recorded_team(draft, OWNED), OWNED, now)
        try:
            deed(self, office)
        except BatonError:
            if deed is _tick:
                raise
            self.refused += 1
            return
        self.crash("before")
        if draft.changes:
            draft.commit({}, {})
        self.crash("after")

    def blow(self) -> str:
        """One random event; returns its name."""
        name = self.chance.choices(list(_DEEDS), [weight for weight, _ in _DEEDS.values()])[0]
        deed = _DEEDS[name][1]
        self.act(deed)
        return name

    def pick(self, kind: type[Handoff], status: str) -> Handoff | None:
        """A random record of a kind in a status."""
        found = self.state.all(kind, status=(status,))
        return self.chance.choice(found) if found else None


def _later(world: World, office: Office) -> None:
    world.now += world.chance.choice((HOUR / 60, HOUR, 3 * HOUR, 12 * HOUR))


def _jump(world: World, office: Office) -> None:
    world.now = max(START, world.now + world.chance.choice((-9, -1, 48, 200)) * HOUR)


def _tick(world: World, office: Office) -> None:
    answer(office, {})


def _offer(world: World, office: Office) -> None:
    if len(office.draft.all(Handoff, status=("offered",))) > 12:
        return
    world.subject += 1
    check = Check("gate", passed=world.chance.random() < 0.9, detail="drawn")
    result = Result(
        f"turn-{world.chance.randrange(world.subject)}", {"n": world.subject}, (check,), {"code": str(world.chance.randrange(3))}
    )
    hand_over(office, world.chance.choice(list(EDGES)), result)


def _accept(world: World, office: Office) -> None:
    made = world.pick(Handoff, "offered")
    if made is not None and not made.consultation:
        by = world.chance.choice((made.waiting_on, world.chance.choice(NAMES)))
        office.draft.record(office.act_of(by, made.taken_in), accepted(office.team, made, by, office.now), "accepted", "drawn")


def _decline(world: World, office: Office) -> None:
    made = world.pick(Handoff, "offered")
    if made is not None and not made.consultation:
        send_back(office, made, world.chance.choice((made.waiting_on, world.chance.choice(NAMES))), "drawn")


def _mend(world: World, office: Office) -> None:
    """A task is done, or its result is offered again."""
    for task in office.draft.all(Task, status=("open",))[:3]:
        handoff = office.draft.get(Handoff, task.cause)
        if handoff is not None and not handoff.open and world.chance.random() < 0.3:
            renew(office, handoff, Result(handoff.subject, {"mended": True}, (), handoff.pin), "drawn")
        else:
            office.draft.record(
                office.act_of(task.owner, task.phase), done(task, task.owner, office.now, "drawn"), "done", "drawn"
            )


def _comment(world: World, office: Office) -> None:
    found = office.draft.all(Consultation, status=("open",))
    if found:
        one, by = world.chance.choice(found), world.chance.choice(NAMES)
        stance = world.chance.choice(("agree", "object", "abstain"))
        office.draft.record(office.act_of(by, one.phase), commented(one, by, stance, "drawn", office.now), "commented", stance)


def _leave(world: World, office: Office) -> None:
    leave(office, world.chance.choice(NAMES), "pia", "drawn")


def _return(world: World, office: Office) -> None:
    come_back(office, world.chance.choice(NAMES), "pia", "drawn")


def _away(world: World, office: Office) -> None:
    since = office.now + world.chance.choice((0, 0, 5, 30)) * HOUR
    go_away(office, world.chance.choice(NAMES), since, since + world.chance.choice((4, 40, 200)) * HOUR, "pia", "drawn")


def _delegate(world: World, office: Office) -> None:
    phases = tuple(world.chance.sample(PHASES, world.chance.choice((0, 1, 3))))
    giver, to = world.chance.choice(NAMES), world.chance.choice(NAMES)
    delegate(office, giver, Delegation(to, office.now, office.now + world.chance.choice((2, 30, 90)) * HOUR, phases), giver)


_DEEDS: dict[str, tuple[int, Callable[[World, Office], None]]] = {
    "later": (20, _later),
    "jump": (1, _jump),
    "tick": (20, _tick),
    "offer": (14, _offer),
    "accept": (10, _accept),
    "decline": (4, _decline),
    "mend": (8, _mend),
    "comment": (6, _comment),
    "leave": (4, _leave),
    "return": (9, _return),
    "away": (5, _away),
    "delegate": (7, _delegate),
}


def broken(team: Team, at: datetime, phases: Iterable[str] = PHASES) -> list[str]:
    """Every breach of the promise at an instant, by a definition that does not share a line with the engine's."""
    there = [
        person.id
        for person in team.people
        if person.status == "active"
        and person.unreachable_since is None
        and not any(absence.since <= at < absence.until for absence in person.absences)
    ]
    faults = [] if there else [f"nobody is reachable at {at}"]
    for phase in phases:
        answers = {team.accountable(phase, at).person.id for _ in range(2)}
        if len(answers) != 1 or not answers <= set(there):
            faults.append(f"{phase}: {answers} of {there} at {at}")
    return faults


def stuck(state: State | Memory, team: Team, at: datetime) -> list[str]:
    """What waits beyond its time although the people's step was just done."""
    talking = {each.id for each in state.all(Consultation, status=("open",)) if each.deadline > at}
    waiting = [each for each in state.all(Handoff, status=("offered",)) if each.consultation not in talking]
    late = [f"{each.id} should have moved on by {each.deadline}" for each in waiting if each.deadline <= at]
    gone = [f"{each.id} waits on {each.waiting_on}" for each in waiting if not any(p.id == each.waiting_on for p in team.active)]
    return late + gone


def dropped(state: State | Memory, team: Team) -> list[str]:
    """Results that nobody has in hand, and escalations told twice."""
    known = {person.id for person in team.people}
    faults = [
        f"{each.id} waits on {each.waiting_on}"
        for each in state.all(Handoff, status=("offered",))
        if each.waiting_on not in known
    ]
    tasks = {task.cause for task in state.all(Task)}
    for status in ("lapsed", "declined"):
        for each in state.all(Handoff, status=(status,)):
            faults += [f"{each.id} was {status} and is nobody's task"] * (each.id not in tasks and each.answered_by != "policy")
    return faults
