"""What comes from what, around whichever thing one asks for: sources, features, training sets, versions, releases, incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from baton.app.views.relation import KINDS, WIDEST, Arrow, Point, Relations, day_of
from baton.data.standing import SourceState
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.kernel.errors import NotFound
from baton.ledger.ports import StateReader
from baton.project.definition import Definition
from baton.registry.version import ModelVersion

DEPTH = 2
"""Steps from the middle that are shown, either way."""
MOST = 48
"""Nodes of one picture."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The neighbourhood of a node; `hidden` is how many neighbours are not shown."""

    middle: Point
    points: tuple[Point, ...]
    arrows: tuple[Arrow, ...]
    hidden: int = 0


def lineage(
    records: StateReader, of: str, plan: Mapping[str, Any] | None = None, definition: Definition | None = None, depth: int = DEPTH
) -> Lineage:
    """Where `kind:name` comes from and what came of it, so many steps either way. Raises NotFound for what is not on record.

    Features are told by `plan` (the archive's); without it by what versions used, and then not of which source they are.
    """
    known = Relations(records, plan, definition)
    middle = known.point(of)
    if middle is None:
        raise NotFound(
            f"nothing on record is '{of[:80]}'", where="of", fix=f"write kind:name, of the kinds {', '.join(KINDS)}: version:1"
        )
    walk = _Walk(known, replace(middle, middle=True))
    walk.go(known.before, depth)
    # the features of a source lead to every version: that is shown around one of them
    walk.go(known.after, 1 if middle.kind == "features" else depth)
    points = tuple(sorted(walk.found.values(), key=lambda each: KINDS.index(each.kind)))
    return Lineage(walk.middle, points, tuple(walk.arrows.values()), walk.hidden)


def beginnings(records: StateReader, definition: Definition | None = None, limit: int = 20) -> list[tuple[str, str]]:
    """Nodes that one may begin with, as id and words: sources, and the latest versions, releases and incidents."""
    declared = definition.sources if definition is not None else ()
    names = list(dict.fromkeys((*declared, *(each.id for each in records.all(SourceState, limit=limit)))))
    return [
        *((f"source:{name}", "source") for name in names[:limit]),
        *((f"version:{each.version}", each.status) for each in records.latest(ModelVersion, limit=limit)),
        *((f"release:{each.id}", f"version {each.version}, {each.status}") for each in records.latest(Release, limit=limit)),
        *((f"incident:{each.id}", f"{each.signal}, {day_of(each.opened_at)}") for each in records.latest(Incident, limit=limit)),
    ]


class _Walk:
    """What was found on the way from the middle."""

    def __init__(self, known: Relations, middle: Point) -> None:
        self._known, self.middle = known, middle
        self.found: dict[str, Point] = {middle.id: middle}
        self.arrows: dict[tuple[str, str], Arrow] = {}
        self.hidden = 0

    def go(self, step: Callable[[str], list[Arrow]], depth: int) -> None:
        """So many steps in one direction, nearest first."""
        edge, seen = [self.middle.id], {self.middle.id}
        for _ in range(depth):
            reached = dict.fromkeys(other for here in edge for other in self._reached(step(here), here))
            edge = [other for other in reached if other not in seen]
            seen.update(edge)

    def _reached(self, arrows: Iterable[Arrow], here: str) -> list[str]:
        reached = []
        room = MOST if self.middle.kind == "features" else WIDEST
        for arrow in arrows:
            other = arrow.source if arrow.target == here else arrow.target
            point = self.found.get(other) or self._known.point(other)
            if point is None:
                continue
            if other not in self.found and (room <= 0 or len(self.found) >= MOST):
                self.hidden += 1
                continue
            room -= other not in self.found
            self.found[other] = point
            self.arrows[arrow.source, arrow.target] = arrow
            reached.append(other)
        return reached
