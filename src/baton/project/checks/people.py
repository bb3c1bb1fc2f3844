"""Who is there, who owns what, and who answers by when."""

from collections.abc import Iterator

from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.checks.ground import PHASES, Ground, Matrix
from baton.project.document import Where, shown


def people(ground: Ground) -> Iterator[Mistake]:
    """Names are told apart, roles are known, deputies are there."""
    names = [person.name for person in ground.definition.people]
    for place, person in enumerate(ground.definition.people):
        where: Where = ("people", place)
        if person.name in names[:place]:
            yield ground.lines.mistake(
                (*where, "name"), f"two people are called '{person.name}'", "give each a name of their own"
            )
        for number, role in enumerate(person.roles):
            if role not in ground.roles:
                what = f"{person.name} wears an unknown role '{shown(role)}'"
                yield ground.lines.mistake((*where, "roles", number), what, did_you_mean(role, ground.roles))
        if person.deputy == person.name:
            yield ground.lines.mistake(
                (*where, "deputy"), f"{person.name} cannot be their own deputy", "name another person, or nobody"
            )
        elif person.deputy is not None and person.deputy not in names:
            what = f"the deputy of {person.name}, '{shown(person.deputy)}', is not among the people"
            yield ground.lines.mistake((*where, "deputy"), what, did_you_mean(person.deputy, set(names) - {person.name}))


def matrix_roles(ground: Ground) -> Iterator[Mistake]:
    """Rows of the matrix speak of known roles."""
    for phase, row in ground.definition.raci.items():
        for role in (role for role in row if role not in ground.roles):
            yield ground.lines.mistake(
                ("raci", phase, role), f"unknown role '{shown(role)}' in raci.{phase}", did_you_mean(role, ground.roles)
            )


def owners(ground: Ground) -> Iterator[Mistake]:
    """Every phase has one accountable role, and somebody wears it."""
    worn = {role for person in ground.definition.people for role in person.roles}
    declared: Matrix = ground.definition.raci
    rows = declared if ground.matrix is None else ground.matrix
    for phase in PHASES if ground.matrix is not None else rows:
        where: Where = ("raci", phase) if phase in declared else ("people",)
        accountable = [role for role, letter in rows.get(phase, {}).items() if letter in ("A", "RA")]
        if len(accountable) > 1:
            what = f"'{phase}' has {len(accountable)} accountable roles: {', '.join(accountable)}"
            yield ground.lines.mistake(where, what, f"leave A with one; the others can be R, e.g. '{accountable[0]}: RA'")
        elif not accountable:
            yield ground.lines.mistake(
                where, f"nobody is accountable for '{phase}'", f"give one role an A: 'raci: {{{phase}: {{ml-engineer: RA}}}}'"
            )
        elif accountable[0] in ground.roles and accountable[0] not in worn:
            what = f"'{phase}' has no owner: {accountable[0]} is accountable and nobody wears that role"
            other = sorted(worn & set(ground.roles)) or ["ml-engineer"]
            fix = f"add '{accountable[0]}' to a person's roles, or give the phase away: 'raci: {{{phase}: {{{other[0]}: RA}}}}'"
            yield ground.lines.mistake(where, what, fix)


def handoffs(ground: Ground) -> Iterator[Mistake]:
    """Hand-offs leave time to answer."""
    for name, rule in ground.definition.handoffs.items():
        if not rule.within:
            yield ground.lines.mistake(
                ("handoffs", name, "within"), f"hand-off '{shown(name)}' leaves no time to answer", "write e.g. 'within: 2d'"
            )


def answers(ground: Ground) -> Iterator[Mistake]:
    """Answers are expected of declared people."""
    plan, names = ground.definition.replay, {person.name for person in ground.definition.people}
    for name in plan.answers if plan else ():
        if name not in names:
            yield ground.lines.mistake(
                ("replay", "answers", name),
                f"replay.answers names '{shown(name)}', who is not among the people",
                did_you_mean(name, names),
            )
