"""Contradictions among the declared people, teams, matrix rows, hand-offs and files; pure.

The same checks serve a whole project and a `team.yaml` that holds nothing else. Every check returns what it found.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from zoneinfo import ZoneInfo

from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import IMPERSONAL
from baton.project.behaviour import Behaviour, Policy
from baton.project.document import Lines, Where, shown
from baton.project.ownership import Ownership
from baton.project.phase import PHASES
from baton.project.roles import ROLES

Matrix: TypeAlias = Mapping[str, Mapping[str, str]]
"""Who does what: phase → role → letter (R, A, C, I or RA)."""
HOURS = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)-(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)"
)
"""Working hours as they are written: `Mon-Fri 09:00-17:00`."""
CONTACT = re.compile(
    r"mailto:[^@\s,;<>]+@[^@\s,;<>]+|https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])(:\S+|/\S*)?|(?!https?:)[a-z][a-z0-9+]*://\S+"
)
"""Addresses that notices go to: mail, webhooks, and whatever Apprise knows by its scheme."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the checks look at."""

    owned: Ownership
    lines: Lines
    matrix: Matrix | None
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    told_at: Where = ("replay", "people")

    @property
    def names(self) -> list[str]:
        """The names of the people, in order."""
        return [person.name for person in self.owned.people]


def ownership_check(
    owned: Ownership,
    lines: Lines,
    matrix: Matrix | None = None,
    *,
    skip: frozenset[str] = frozenset(),
    behaviours: Mapping[str, Behaviour] | None = None,
) -> tuple[Mistake, ...]:
    """Everything in the ownership sections that contradicts itself.

    `matrix` is the matrix in force, defaults included; without it the declared rows are judged alone. Checks that read
    a section in `skip` are left out. `behaviours` are those of a replay.
    """
    ground = _Ground(owned, lines, matrix, behaviours or {})
    checks = (check for sections, check in _CHECKS if not skip & set(sections.split()))
    return tuple(mistake for check in checks for mistake in check(ground))


def policy_check(policy: Policy, owned: Ownership, lines: Lines) -> tuple[Mistake, ...]:
    """Everything in a people policy that contradicts itself or the team."""
    rules = owned.model_copy(update={"handoffs": policy.handoffs})
    ground = _Ground(rules, lines, None, policy.people, ("people",))
    return (*_behaviours(ground), *_handoffs(ground))


def _people(ground: _Ground) -> Iterator[Mistake]:
    names = ground.names
    for place, person in enumerate(ground.owned.people):
        where: Where = ("people", place)
        if person.name in names[:place]:
            what = f"two people are called '{person.name}'"
            yield ground.lines.mistake((*where, "name"), what, "give each a name of their own")
        if person.name.casefold() in IMPERSONAL:
            what = f"nobody can be called '{person.name}': the record has acts under it that no person did"
            yield ground.lines.mistake((*where, "name"), what, f"write another name, e.g. '{person.name}-smith'")
        yield from _roles(ground, person.name, person.roles, where)
        if person.deputy == person.name:
            what = f"{person.name} cannot be their own deputy"
            yield ground.lines.mistake((*where, "deputy"), what, "name another person, or nobody")
        elif person.deputy is not None and person.deputy not in names:
            what = f"the deputy of {person.name}, '{shown(person.deputy)}', is not among the people"
            yield ground.lines.mistake((*where, "deputy"), what, did_you_mean(person.deputy, set(names) - {person.name}))
        if not person.roles and not any(person.name in team.members for team in ground.owned.teams.values()):
            yield ground.lines.mistake(where, f"{person.name} wears no role", "add e.g. 'roles: [data-scientist]'")


def _contacts(ground: _Ground) -> Iterator[Mistake]:
    for place, person in enumerate(ground.owned.people):
        told = [(("people", place, "contact"), person.contact)] if person.contact else []
        for where, contact in [*told, *((("people", place, "contacts", n), text) for n, text in enumerate(person.contacts))]:
            if CONTACT.fullmatch(contact) is None:
                what = f"the contact of {shown(person.name)}, '{shown(contact)}', is no address that a notice can go to"
                fix = "write e.g. 'mailto:ann@shop.example', 'https://…' (http to this machine only), or 'slack://…'"
                yield ground.lines.mistake(where, what, fix)


def _roles(ground: _Ground, who: str, roles: tuple[str, ...], where: Where) -> Iterator[Mistake]:
    for number, role in enumerate(roles):
        if role not in ROLES:
            what = f"{who} wears an unknown role '{shown(role)}'"
            yield ground.lines.mistake((*where, "roles", number), what, did_you_mean(role, ROLES))


def _teams(ground: _Ground) -> Iterator[Mistake]:
    for name, team in ground.owned.teams.items():
        yield from _roles(ground, f"team {name}", team.roles, ("teams", name))
        for number, member in enumerate(team.members):
            if member not in ground.names:
                what = f"team {name} names '{shown(member)}', who is not among the people"
                yield ground.lines.mistake(("teams", name, "members", number), what, did_you_mean(member, ground.names))


def _matrix_roles(ground: _Ground) -> Iterator[Mistake]:
    for phase, row in ground.owned.raci.items():
        for role in (role for role in row if role not in ROLES):
            what = f"unknown role '{shown(role)}' in raci.{phase}"
            yield ground.lines.mistake(("raci", phase, role), what, did_you_mean(role, ROLES))


def _owners(ground: _Ground) -> Iterator[Mistake]:
    worn = {role for person in ground.owned.people for role in person.roles}
    worn |= {role for team in ground.owned.teams.values() for role in team.roles}
    declared: Matrix = ground.owned.raci
    rows = declared if ground.matrix is None else ground.matrix
    for phase in PHASES if ground.matrix is not None else rows:
        where: Where = ("raci", phase) if phase in declared else ("people",)
        accountable = [role for role, letter in rows.get(phase, {}).items() if letter in ("A", "RA")]
        if len(accountable) > 1:
            what = f"'{phase}' has {len(accountable)} accountable roles: {', '.join(accountable)}"
            yield ground.lines.mistake(where, what, f"leave A with one; the others can be R, e.g. '{accountable[0]}: RA'")
        elif not accountable:
            fix = f"give one role an A: 'raci: {{{phase}: {{ml-engineer: RA}}}}'"
            yield ground.lines.mistake(where, f"nobody is accountable for '{phase}'", fix)
        elif accountable[0] in ROLES and accountable[0] not in worn:
            what = f"'{phase}' has no owner: {accountable[0]} is accountable and nobody wears that role"
            other = sorted(worn & set(ROLES)) or ["ml-engineer"]
            fix = f"add '{accountable[0]}' to a person's roles, or give the phase away: 'raci: {{{phase}: {{{other[0]}: RA}}}}'"
            yield ground.lines.mistake(where, what, fix)


def _handoffs(ground: _Ground) -> Iterator[Mistake]:
    for name, rule in ground.owned.handoffs.items():
        if not rule.within:
            what = f"hand-off '{shown(name)}' leaves no time to answer"
            yield ground.lines.mistake(("handoffs", name, "within"), what, "write e.g. 'within: 2d'")


def _waivers(ground: _Ground) -> Iterator[Mistake]:
    for place, waiver in enumerate(ground.owned.waivers):
        if waiver in ground.owned.waivers[:place]:
            what = f"the waiver of {shown(waiver.kind)} for {shown(waiver.subject)} is written twice"
            yield ground.lines.mistake(("waivers", place), what, "remove one of them")


def _behaviours(ground: _Ground) -> Iterator[Mistake]:
    for name, behaviour in ground.behaviours.items():
        where: Where = (*ground.told_at, name)
        if name not in ground.names:
            what = f"{'.'.join(map(str, ground.told_at))} names '{shown(name)}', who is not among the people"
            yield ground.lines.mistake(where, what, did_you_mean(name, ground.names))
        if behaviour.hours is not None and HOURS.fullmatch(behaviour.hours) is None:
            what = f"the hours of {shown(name)}, '{shown(behaviour.hours)}', are not understood"
            yield ground.lines.mistake((*where, "hours"), what, "write e.g. 'Mon-Fri 09:00-17:00'")
        if not is_zone(behaviour.zone):
            what = f"the zone of {shown(name)}, '{shown(behaviour.zone)}', is no time zone"
            yield ground.lines.mistake((*where, "zone"), what, "write e.g. 'America/New_York' or 'UTC'")
        for kind in ("away", "silent"):
            for number, interval in enumerate(getattr(behaviour, kind)):
                if interval.since >= interval.until:
                    what = f"{shown(name)} is {kind} for no time"
                    yield ground.lines.mistake((*where, kind, number), what, "let 'until' be later than 'since'")


def is_zone(name: str) -> bool:
    """Whether a text names a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


_CHECKS: tuple[tuple[str, Callable[[_Ground], Iterator[Mistake]]], ...] = (
    ("people", _people),
    ("people", _contacts),
    ("people teams", _teams),
    ("raci", _matrix_roles),
    ("people teams raci", _owners),
    ("handoffs", _handoffs),
    ("waivers", _waivers),
    ("people replay", _behaviours),
)
