"""The team lint: where a team as it is described would drop the baton, each finding with its reason and what to change.

Pure: from a team model to findings. The rules here read the description alone; those about people (`team/hat.py`) run
only when there are any.
"""

from collections.abc import Callable, Iterable, Iterator

from baton.team.description import GROUPS, Line, TeamModel, paired
from baton.team.finding import Finding
from baton.team.hat import RULES as ABOUT_PEOPLE
from baton.team.raci import role_with


def lint(model: TeamModel) -> tuple[Finding, ...]:
    """Every finding, rule by rule in their order."""
    found = [finding for rule in _RULES for finding in rule(model)]
    if model.team is not None:
        found += [finding for rule in ABOUT_PEOPLE for finding in rule(model, model.team)]
    return tuple(found)


def _vague(model: TeamModel) -> Iterator[Finding]:
    for line in model.lines:
        if line.other in GROUPS:
            yield Finding(
                "vague-edge",
                line.subject,
                f"{line.writer} names '{line.other}' for '{line.payload}': a group is not an owner, so nobody has to act",
                "name one role at the other end, and let it write the same line",
            )


def _dangling(model: TeamModel) -> Iterator[Finding]:
    for line in _in_order(model, paired(model.lines).alone):
        back = {"to": "from", "from": "to", "with": "with"}[line.way]
        known = line.other in model.roles
        silent = f"{line.other} wrote no line for it" if known else f"'{line.other}' is no role of this team"
        yield Finding(
            "dangling-edge",
            line.subject,
            f"only {line.writer} names '{line.payload}'; {silent}",
            f"let {line.other} write '{back} {line.writer}: {line.payload}', or remove the line of {line.writer}"
            if known
            else f"name one of {', '.join(model.roles)}",
        )


def _payload(model: TeamModel) -> Iterator[Finding]:
    differing = [pair for pair in paired(model.lines).pairs if not pair[0].same(pair[1])]
    places = {line: place for place, line in enumerate(_in_order(model, (_shown(model, *pair) for pair in differing)))}
    for one, other in sorted(differing, key=lambda pair: places[_shown(model, *pair)]):
        yield Finding(
            "payload-mismatch",
            _shown(model, one, other).subject,
            f"{one.writer} says '{one.payload}', {other.writer} says '{other.payload}': each may wait for something else",
            "agree on one wording, and let both ends write it",
        )


def _shown(model: TeamModel, one: Line, other: Line) -> Line:
    """The line that names a pair: the one with a direction, else that of the role that comes first."""
    return one if one.way != "with" else _in_order(model, (one, other))[0]


def _in_order(model: TeamModel, lines: Iterable[Line]) -> list[Line]:
    """By giver in the order of the roles, then by receiver."""
    order = {role: place for place, role in enumerate(model.roles)}
    return sorted(lines, key=lambda line: (order.get(line.giver, len(order)), line.receiver))


def _split(model: TeamModel) -> Iterator[Finding]:
    pairing = paired(model.lines)
    for phase in model.matrix:
        doers, owners = role_with(model.matrix, phase, "R"), role_with(model.matrix, phase, "A")
        together = not doers or not owners or set(doers) & set(owners)
        if together or any(pairing.handed(doer, owner) for doer in doers for owner in owners):
            continue
        yield Finding(
            "split-without-handoff",
            phase,
            f"the work is with {' and '.join(doers)}, the answer for it with {owners[0]}, and nothing is handed from one to the other",
            f"let both ends write what {doers[0]} hands to {owners[0]}; in a project, e.g. "
            f"'edges: {{{phase}-result: {{giver: {phase}, receiver: {phase}, payload: …}}}}'",
        )


def _roles(model: TeamModel) -> Iterator[Finding]:
    for role in (role for role in model.roles if role not in model.columns):
        yield Finding(
            "missing-role",
            role,
            f"{role} is described, but the matrix has no column for it: it is neither asked nor told",
            f"give it a letter in each phase, at least I; in a project, in the rows of 'raci' that concern {role}",
        )


def _phases(model: TeamModel) -> Iterator[Finding]:
    for phase in (phase for phase in model.phases if phase not in model.matrix):
        yield Finding(
            "missing-phase",
            phase,
            f"{phase} is a phase of the loop, but the matrix has no row for it: nobody answers for it",
            f"add a row, e.g. 'raci: {{{phase}: {{ml-engineer: RA}}}}'",
        )


def _idle(model: TeamModel) -> Iterator[Finding]:
    for role in model.columns:
        if not any(set("RA") & set(row.get(role, "")) for row in model.matrix.values()):
            yield Finding(
                "idle-role",
                role,
                f"{role} is in the matrix and never R nor A: it owns nothing and does nothing",
                f"give {role} the work that it does (R) in some phase, or take it out of the matrix",
            )


def _accountables(model: TeamModel) -> Iterator[Finding]:
    for phase in model.matrix:
        owners = role_with(model.matrix, phase, "A")
        if not owners:
            fix = f"give one role of the row an A, e.g. 'raci: {{{phase}: {{ml-engineer: RA}}}}'"
            yield Finding("no-accountable", phase, "no role of its row has an A: nobody answers for it", fix)
        elif len(owners) > 1:
            reason = f"{' and '.join(owners)} are all accountable: each may believe that another one is"
            yield Finding("two-accountables", phase, reason, f"leave the A with one; the others can be R, e.g. {owners[0]}")


def _files(model: TeamModel) -> Iterator[Finding]:
    for file in model.files:
        if file.phase is None or set("RA") & set(model.matrix.get(file.phase, {}).get(file.owner, "")):
            continue
        doers = tuple(dict.fromkeys((*_bearing(model, file.phase, "A"), *_bearing(model, file.phase, "R"))))
        yield Finding(
            "file-clash",
            file.path,
            f"{file.owner} owns it, yet in {file.phase} {file.owner} is neither R nor A",
            f"give it to {' or '.join(doers) or 'a role of the phase'}, or give {file.owner} an R in {file.phase}",
        )


def _bearing(model: TeamModel, phase: str, letter: str) -> tuple[str, ...]:
    return role_with(model.matrix, phase, letter) if phase in model.matrix else ()


_RULES: tuple[Callable[[TeamModel], Iterator[Finding]], ...] = (
    _vague,
    _dangling,
    _payload,
    _split,
    _roles,
    _phases,
    _idle,
    _files,
    _accountables,
)
