"""Contradictions inside a definition and with the files around it. Pure but for asking whether files are there.

Each check names the sections it reads, so that a broken section silences only what depends on it. Nothing raises:
every check returns the mistakes it found.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias, get_args
from zoneinfo import ZoneInfo

from baton.kernel.clock import iso
from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.definition import Criterion, Definition, Phase
from baton.project.document import Lines, Where, shown
from baton.project.roles import ROLES

Matrix: TypeAlias = Mapping[str, Mapping[str, str]]
"""Who does what: phase → role → letter (R, A, C, I or RA)."""

PHASES: tuple[str, ...] = get_args(Phase)
"""The phases of the loop, in order."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the checks look at."""

    definition: Definition
    lines: Lines
    folder: Path
    matrix: Matrix | None
    roles: Collection[str]


def cross_check(
    definition: Definition,
    lines: Lines,
    folder: Path,
    matrix: Matrix | None = None,
    *,
    roles: Collection[str] = ROLES,
    skip: frozenset[str] = frozenset(),
) -> tuple[Mistake, ...]:
    """Everything that contradicts itself or the files in `folder`.

    `matrix` is the ownership matrix in force, defaults included; with it every phase needs one accountable role that
    somebody wears. Without it the declared rows are judged alone. Checks that read a section in `skip` are left out.
    """
    ground = _Ground(definition, lines, folder, matrix, roles)
    checks = (check for sections, check in _CHECKS if not skip & set(sections.split()))
    return tuple(mistake for check in checks for mistake in check(ground))


def _people(ground: _Ground) -> Iterator[Mistake]:
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


def _matrix_roles(ground: _Ground) -> Iterator[Mistake]:
    for phase, row in ground.definition.raci.items():
        for role in (role for role in row if role not in ground.roles):
            yield ground.lines.mistake(
                ("raci", phase, role), f"unknown role '{shown(role)}' in raci.{phase}", did_you_mean(role, ground.roles)
            )


def _owners(ground: _Ground) -> Iterator[Mistake]:
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


def _sources(ground: _Ground) -> Iterator[Mistake]:
    for name, source in ground.definition.sources.items():
        where: Where = ("sources", name)
        yield from _file(ground, (*where, "path"), source.path, f"the file of source '{name}'", may_be_absolute=True)
        if source.contract is not None:
            yield from _file(ground, (*where, "contract"), source.contract, f"the contract of source '{name}'")
        doubles = sorted({column for column in source.key if source.key.count(column) > 1})
        if doubles:
            yield ground.lines.mistake(
                (*where, "key"), f"the key of '{name}' lists '{doubles[0]}' twice", "name each column once"
            )


def _features(ground: _Ground) -> Iterator[Mistake]:
    yield from _file(ground, ("features",), ground.definition.features, "the feature file")


def _file(ground: _Ground, where: Where, path: Path, what: str, *, may_be_absolute: bool = False) -> Iterator[Mistake]:
    text = shown(path.as_posix())
    normal = os.path.normpath(path)
    if path.is_absolute() and not may_be_absolute:
        yield ground.lines.mistake(
            where, f"{what} is named by an absolute path: {text}", "keep it in the project and write its path from there"
        )
    elif not path.is_absolute() and Path(normal).parts[:1] == (os.pardir,):
        fix = "move it into the project" + (
            ", or write its absolute path if it is meant to live elsewhere" if may_be_absolute else ""
        )
        yield ground.lines.mistake(where, f"{what} lies outside the project: {text}", fix)
    elif not _is_there(ground.folder / path):
        yield ground.lines.mistake(where, f"{what} is not there: {text}", _nearest_file(ground.folder, path))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # too long, or with bytes that no file system takes: nothing is there
        return False


def _nearest_file(folder: Path, path: Path) -> str:
    parent = (folder / path).parent
    try:
        there = [entry.name for entry in sorted(parent.iterdir())[:200] if not entry.name.startswith(".")]
    except (OSError, ValueError):
        return f"create it, or correct the path; it is looked up from {folder}"
    return f"{did_you_mean(path.name, there[:20])} (looked in {parent})"


def _subjects(ground: _Ground) -> Iterator[Mistake]:
    sources = ground.definition.sources
    for section, name in (("entity", ground.definition.entity.source), ("label", ground.definition.label.source)):
        if name not in sources:
            yield ground.lines.mistake(
                (section, "source"), f"{section}.source is '{name}', which is no source", did_you_mean(name, sources)
            )
    entity = ground.definition.entity
    if entity.source in sources and entity.key not in sources[entity.source].key:
        known = ", ".join(sources[entity.source].key)
        what = f"entity.key is '{entity.key}', but a row of '{entity.source}' is found by {known}"
        yield ground.lines.mistake(("entity", "key"), what, did_you_mean(entity.key, sources[entity.source].key))


def _label(ground: _Ground) -> Iterator[Mistake]:
    label = ground.definition.label
    if (label.above is None) == (label.equals is None):
        what = "label has both 'above' and 'equals'" if label.above is not None else "label does not say when it is true"
        yield ground.lines.mistake(("label",), what, "write one of 'above: 15' (a number beyond it is true) or 'equals: 1'")


def _times(ground: _Ground) -> Iterator[Mistake]:
    definition, lines = ground.definition, ground.lines
    source = definition.sources.get(definition.label.source)
    timed = source is None or source.known_at is not None
    for name in ("holdout", "validation", "window"):
        length = getattr(definition.recipe, name)
        if isinstance(length, timedelta) and not timed:
            default = "" if name in definition.recipe.model_fields_set else " (the default)"
            fix = f"add 'known_at: COLUMN' to sources.{definition.label.source}, or write " + (
                "no window" if name == "window" else f"a share: '{name}: 0.2'"
            )
            what = f"recipe.{name} is a stretch of time{default}, but source '{definition.label.source}' does not say when its rows are known"
            yield lines.mistake(("recipe", name), what, fix)
    if definition.replay is not None and not timed:
        what = f"a replay needs to know when labels arrive, and source '{definition.label.source}' has no known_at"
        yield lines.mistake(
            ("replay",), what, f"add 'known_at: COLUMN' to sources.{definition.label.source}, or delete the replay"
        )


def _recipe(ground: _Ground) -> Iterator[Mistake]:
    recipe, lines = ground.definition.recipe, ground.lines
    for name in ("holdout", "validation", "window", "abort_after"):
        length = getattr(recipe, name)
        if length is not None and not length:
            yield lines.mistake(("recipe", name), f"recipe.{name} is nothing", "write a length above 0")
    shares = [length for length in (recipe.holdout, recipe.validation) if isinstance(length, float)]
    if sum(shares) >= 1:
        what = f"holdout and validation take {sum(shares):.0%} of the labels and leave none to train on"
        yield lines.mistake(
            ("recipe", "holdout" if recipe.holdout in shares else "validation"), what, "write e.g. 'holdout: 0.2'"
        )
    if not recipe.learners:
        yield lines.mistake(("recipe", "learners"), "recipe.learners is empty", "write e.g. 'learners: [lightgbm, linear]'")


def _criteria(ground: _Ground) -> Iterator[Mistake]:
    listed: tuple[tuple[Where, tuple[Criterion, ...]], ...] = (
        (("problem", "success"), ground.definition.problem.success),
        (("gates", "minimum"), ground.definition.gates.minimum),
    )
    for where, criteria in listed:
        for number, criterion in enumerate(criteria):
            yield from _criterion((*where, number), criterion, ground.lines)


def _criterion(where: Where, criterion: Criterion, lines: Lines) -> Iterator[Mistake]:
    metric, low, high = criterion.metric, criterion.at_least, criterion.at_most
    good, bad = ("at_least", "at_most") if metric == "auc" else ("at_most", "at_least")
    if low is None and high is None:
        example = "0.7" if metric == "auc" else "0.2" if metric == "brier" else "0.6"
        yield lines.mistake(where, f"the criterion on {metric} has no bound", f"add '{good}: {example}'")
    elif getattr(criterion, good) is None:
        better = "more" if metric == "auc" else "less"
        yield lines.mistake(
            (*where, bad), f"{bad} never asks anything of {metric}: {better} is better", f"write '{good}' instead"
        )
    elif low is not None and high is not None and low > high:
        yield lines.mistake(where, f"no {metric} is at least {low:g} and at most {high:g}", "swap the bounds, or keep one")
    elif metric in ("auc", "brier") and not all(0 <= bound <= 1 for bound in (low, high) if bound is not None):
        yield lines.mistake((*where, good), f"{metric} lies between 0 and 1, the bound does not", "write a number from 0 to 1")


def _decision(ground: _Ground) -> Iterator[Mistake]:
    decision = ground.definition.decision
    if decision is None:
        return
    if not decision.every:
        yield ground.lines.mistake(("decision", "every"), "decision.every is nothing", "write e.g. 'every: 1h'")
    if decision.lead[0] >= decision.lead[1]:
        yield ground.lines.mistake(
            ("decision", "lead"), "decision.lead ends before it begins", "write the nearer bound first: '[1h, 2h]'"
        )


def _slices(ground: _Ground) -> Iterator[Mistake]:
    slices = ground.definition.gates.slices
    for number, name in enumerate(slices):
        if name in slices[:number]:
            yield ground.lines.mistake(("gates", "slices", number), f"slice '{name}' is listed twice", "keep one of them")


def _rollout(ground: _Ground) -> Iterator[Mistake]:
    last, canary = 0.0, False
    for number, step in enumerate(ground.definition.rollout.steps):
        where: Where = ("rollout", "steps", number)
        if step.kind == "shadow":
            if canary:
                yield ground.lines.mistake(where, "a shadow after a canary is a step back", "put shadow steps first")
            continue
        canary = True
        if not step.share:
            yield ground.lines.mistake(
                (*where, "share"), "a canary with share 0 answers nobody", "write e.g. 'share: 0.1', or 'kind: shadow'"
            )
        elif step.share < last:
            what = f"the canary's share falls from {last:g} to {step.share:g}"
            yield ground.lines.mistake((*where, "share"), what, "order canaries by growing share")
        last = max(last, step.share)


def _handoffs(ground: _Ground) -> Iterator[Mistake]:
    for name, rule in ground.definition.handoffs.items():
        if not rule.within:
            yield ground.lines.mistake(
                ("handoffs", name, "within"), f"hand-off '{shown(name)}' leaves no time to answer", "write e.g. 'within: 2d'"
            )


def _replay(ground: _Ground) -> Iterator[Mistake]:
    plan = ground.definition.replay
    if plan is None:
        return
    for early, late in (("start", "live"), ("live", "until")):
        first, second = getattr(plan, early), getattr(plan, late)
        if first >= second:
            what = f"replay.{late} ({iso(second)}) is not after replay.{early} ({iso(first)})"
            yield ground.lines.mistake(("replay", late), what, "order them: start, then live, then until")
    if not _is_zone(plan.zone):
        yield ground.lines.mistake(
            ("replay", "zone"), f"replay.zone '{shown(plan.zone)}' is no time zone", "write e.g. 'America/New_York' or 'UTC'"
        )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


def _days(ground: _Ground) -> Iterator[Mistake]:
    plan, sources = ground.definition.replay, ground.definition.sources
    for name in plan.days if plan else ():
        if name not in sources:
            yield ground.lines.mistake(
                ("replay", "days", name), f"replay.days names '{name}', which is no source", did_you_mean(name, sources)
            )


def _answers(ground: _Ground) -> Iterator[Mistake]:
    plan, names = ground.definition.replay, {person.name for person in ground.definition.people}
    for name in plan.answers if plan else ():
        if name not in names:
            yield ground.lines.mistake(
                ("replay", "answers", name),
                f"replay.answers names '{shown(name)}', who is not among the people",
                did_you_mean(name, names),
            )


_CHECKS: tuple[tuple[str, Callable[[_Ground], Iterator[Mistake]]], ...] = (
    ("people", _people),
    ("raci", _matrix_roles),
    ("people raci", _owners),
    ("sources", _sources),
    ("features", _features),
    ("sources entity label", _subjects),
    ("label", _label),
    ("sources label recipe replay", _times),
    ("recipe", _recipe),
    ("problem gates", _criteria),
    ("decision", _decision),
    ("gates", _slices),
    ("rollout", _rollout),
    ("handoffs", _handoffs),
    ("replay", _replay),
    ("people replay", _answers),
    ("sources replay", _days),
)
