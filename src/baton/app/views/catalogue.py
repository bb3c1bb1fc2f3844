"""The role catalogue as read by the edges."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import msgspec

from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.project.document import read_document
from baton.project.roles import ROLES, role_named
from baton.team.raci import DEFAULT
from baton.team.role import Catalogue, Role, catalogue_from, fits, has, missing

FILE = "roles.yaml"
"""The catalogue's file, shipped inside the package."""


def catalogue() -> Catalogue:
    """The catalogue that is shipped."""
    return catalogue_from(read_document((files("baton.team") / FILE).read_bytes(), FILE).value, ROLES)


def roles() -> dict[str, Any]:
    """Every role with the phases it is accountable for and responsible in by default, and what all roles share."""
    known = catalogue()
    return {
        "roles": [_plain(role) for role in known.roles.values()],
        "also_known": list(known.also_known),
        "shared_by_all": list(known.shared_by_all),
    }


def role(name: str) -> dict[str, Any]:
    """One role by its name or any of its titles. Raises NotFound with the nearest one."""
    return _plain(_named(catalogue(), name))


def guide(name: str | None, skills: Sequence[str]) -> dict[str, Any]:
    """Which role fits whom and what to learn next: of one role when named, ranked by what somebody knows when told."""
    known = catalogue()
    wanted = _named(known, name) if name else None
    told = [
        {
            "role": fit.role.name,
            "promise": fit.role.promise,
            "choose_if": list(fit.role.choose_if),
            "have": list(fit.have),
            "essential": list(fit.role.skills.essential),
            "next": [{"skill": skill, "stage": known.stage_for(skill)} for skill in fit.next],
            "later": list(missing(skills, fit.role.skills.nice)),
            "levels": msgspec.to_builtins(fit.role.levels),
        }
        for fit in fits(known, skills)
        if wanted in (None, fit.role)
    ]
    return {
        "skills": list(skills),
        "unknown": [{"skill": each, "why": did_you_mean(each, _words(known))} for each in skills if not _asked_for(known, each)],
        "fits": told,
        "shared_by_all": list(known.shared_by_all),
        "roadmap": msgspec.to_builtins(known.roadmap),
    }


def _wanted(known: Catalogue) -> Iterator[str]:
    for role in known.roles.values():
        kinds = role.skills
        yield from (*kinds.essential, *kinds.important, *kinds.nice, *kinds.soft, *role.tools)


def _asked_for(known: Catalogue, skill: str) -> bool:
    """Whether some role has a use for a skill: whole, or as one of two."""
    return any(has((skill,), part) for wanted in _wanted(known) for part in (wanted, *wanted.split(" and ")))


def _words(known: Catalogue) -> Iterator[str]:
    """The essential skills, each for itself and without its level."""
    for role in known.roles.values():
        for skill in role.skills.essential:
            yield from re.split(r" or | and ", re.sub(r" \([^)]*\)", "", skill))


def _named(known: Catalogue, name: str) -> Role:
    found = known.roles.get(role_named(name) or "")
    if found is None:
        titles = {title: role for role in known.roles for title in (role, *ROLES.get(role, ()))}
        raise NotFound(
            f"there is no role '{name}'", where="the role catalogue", why=did_you_mean(name, titles), fix="baton team roles"
        )
    return found


def _plain(role: Role) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(role)
    letters = {phase: row.get(role.name, "") for phase, row in DEFAULT.items()}
    return {
        **told,
        "accountable": [phase for phase, letter in letters.items() if "A" in letter],
        "responsible": [phase for phase, letter in letters.items() if "R" in letter],
    }
