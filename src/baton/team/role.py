"""The role catalogue: what each role promises, does, knows and uses, and how a person grows into it.

Data, not rules: nothing here decides who may act. Which role a title means is `project/roles.py`'s business.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Texts: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A step of seniority. `years` of experience and yearly `salary` in thousands of US dollars, as told; guidance only."""

    title: str
    years: str = ""
    salary: str = ""


@dataclass(frozen=True, slots=True)
class Skills:
    """What a role must know, should know, may know, and how its people work with others."""

    essential: Texts = ()
    important: Texts = ()
    nice: Texts = ()
    soft: Texts = ()


@dataclass(frozen=True, slots=True)
class Role:
    """One role. `choose_if` says whom it suits, `measured_by` what its work is measured by, `titles` what else it is called."""

    name: str
    promise: str
    areas: Texts = ()
    duties: Texts = ()
    skills: Skills = Skills()
    tools: Texts = ()
    levels: tuple[Level, ...] = ()
    choose_if: Texts = ()
    measured_by: Texts = ()
    titles: Texts = ()


@dataclass(frozen=True, slots=True)
class Milestone:
    """A stretch of the roadmap: what to learn and what to do in so many months."""

    stage: str
    months: str
    learn: Texts
    do: Texts = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every role, what all of them share, and the roadmap along which a person grows."""

    roles: Mapping[str, Role]
    also_known: Texts = ()
    shared_by_all: Texts = ()
    roadmap: tuple[Milestone, ...] = ()

    def essential(self, role: str) -> Texts:
        """The essential skills of a role; none when it is not in the catalogue or names none."""
        found = self.roles.get(role)
        return found.skills.essential if found is not None else ()

    def stage_for(self, skill: str) -> str:
        """The first stretch of the roadmap on which a skill is learnt, empty when it is on none."""
        return next((each.stage for each in self.roadmap if any(_meets(skill, word) for word in each.learn)), "")


def catalogue_from(told: Mapping[str, Any], titles: Mapping[str, Texts]) -> Catalogue:
    """The catalogue out of its file's plain values; `titles` are the titles that mean each role."""
    roles = {name: _role(name, value, titles.get(name, ())) for name, value in told["roles"].items()}
    return Catalogue(
        roles=roles,
        also_known=_texts(told.get("also_known")),
        shared_by_all=_texts(told.get("shared_by_all")),
        roadmap=tuple(
            Milestone(str(each["stage"]), str(each["months"]), _texts(each["learn"]), _texts(each.get("do")))
            for each in told.get("roadmap", ())
        ),
    )


def _role(name: str, told: Mapping[str, Any], titles: Texts) -> Role:
    kinds = told.get("skills", {})
    return Role(
        name=name,
        promise=str(told["promise"]),
        areas=_texts(told.get("areas")),
        duties=_texts(told.get("duties")),
        skills=Skills(*(_texts(kinds.get(kind)) for kind in ("essential", "important", "nice", "soft"))),
        tools=_texts(told.get("tools")),
        levels=tuple(
            Level(str(each["title"]), str(each.get("years", "")), str(each.get("salary", ""))) for each in told.get("levels", ())
        ),
        choose_if=tuple(text.removeprefix("you like ") for text in _texts(told.get("choose_if"))),
        measured_by=_texts(told.get("measured_by")),
        titles=titles,
    )


def _texts(value: Any) -> Texts:
    return tuple(str(each) for each in value or ())


def has(declared: Iterable[str], skill: str) -> bool:
    """Whether declared skills include one of the catalogue.

    Upper case, hyphens and levels in parentheses do not count; of `A or B` one is enough, of `A and B` both are needed.
    """
    known = tuple(declared)
    parts = (skill, *_plain(skill).split(" and "))
    whole, *each = (any(_meets(one, part) for one in known) for part in parts)
    return whole or all(each)


def missing(declared: Iterable[str], wanted: Iterable[str]) -> Texts:
    """The wanted skills that are not among the declared ones, in order."""
    known = tuple(declared)
    return tuple(skill for skill in wanted if not has(known, skill))


@dataclass(frozen=True, slots=True)
class Fit:
    """How a role suits somebody: the essential skills they have of it, and what to learn next, most needed first."""

    role: Role
    have: Texts
    next: Texts


def fits(catalogue: Catalogue, declared: Iterable[str]) -> tuple[Fit, ...]:
    """Every role with what somebody who declares these skills has of it and lacks; the best fit first, else in order."""
    known = tuple(declared)
    found = []
    for role in catalogue.roles.values():
        have = tuple(skill for skill in role.skills.essential if has(known, skill))
        lacks = missing(known, (*role.skills.essential, *role.skills.important))
        found.append(Fit(role, have, lacks))
    return (
        tuple(sorted(found, key=lambda fit: -len(fit.have) / max(1, len(fit.role.skills.essential)))) if known else tuple(found)
    )


def _meets(declared: str, wanted: str) -> bool:
    """Whether one declared skill is one of the alternatives of a wanted one."""
    return bool({_plain(each) for each in declared.split(" or ")} & {_plain(each) for each in wanted.split(" or ")})


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\([^)]*\)", "", text).replace("-", " ").casefold().split())
