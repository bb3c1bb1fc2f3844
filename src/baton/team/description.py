"""A team as it is described: its matrix, the hand-offs as each role wrote them, whose files are whose. What the lint reads.

A description may contradict itself; the team in force (`team/team.py`) may not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from baton.team.edge import Edge
from baton.team.raci import Matrix
from baton.team.team import Team

GROUPS = ("all", "technical")
"""Names that mean several roles of the team at once."""
OUTSIDE = ("stakeholders",)
"""Names that mean people outside the team: hand-offs to them are not judged."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a role's list of hand-offs, as that role wrote it. `way` is `to`, `from`, or `with` for both ways."""

    writer: str
    way: str
    other: str
    payload: str

    @property
    def subject(self) -> str:
        """The hand-off that the line speaks of, as it is shown."""
        return f"{self.giver} {'<->' if self.way == 'with' else '->'} {self.receiver}"

    @property
    def giver(self) -> str:
        """The role that gives; of a line both ways, its writer."""
        return self.other if self.way == "from" else self.writer

    @property
    def receiver(self) -> str:
        """The role that receives; of a line both ways, the other one."""
        return self.writer if self.way == "from" else self.other

    def same(self, other: Line) -> bool:
        """Whether both lines name the payload in the same words; case and spaces do not count."""
        return _words(self.payload) == _words(other.payload)

    def meets(self, other: Line) -> bool:
        """Whether two lines can be the two ends of one edge: `with` fits any line of the other role about this one."""
        across = self.writer == other.other and self.other == other.writer and self.writer != self.other
        return across and ("with" in (self.way, other.way) or self.way != other.way)


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """Who is said to own a path, and the phase whose work it is; None when it is no phase's and is not judged."""

    path: str
    owner: str
    phase: str | None


@dataclass(frozen=True, slots=True)
class TeamModel:
    """`roles` and `phases` are those that anybody speaks of, `matrix` those with columns and rows.

    `edges` are the agreed hand-offs from phase to phase, `by_person` the names of those that a person must accept,
    `consulting` of those before which the consulted are asked; they matter only with a `team` of people.
    """

    phases: tuple[str, ...]
    roles: tuple[str, ...]
    matrix: Matrix
    lines: tuple[Line, ...] = ()
    files: tuple[OwnedFile, ...] = ()
    edges: tuple[Edge, ...] = ()
    by_person: frozenset[str] = frozenset()
    consulting: frozenset[str] = frozenset()
    team: Team | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The roles that some row of the matrix names, in order."""
        return tuple(dict.fromkeys(role for row in self.matrix.values() for role in row))


def lines_of(edges: Iterable[Edge], matrix: Matrix) -> tuple[Line, ...]:
    """Agreed hand-offs between phases as both roles would write them: from who does the work to who answers for the next.

    An edge that begins and ends with one role is no line between roles.
    """
    found: list[Line] = []
    for edge in edges:
        gives, takes = _first(matrix, edge.giver, "RA"), _first(matrix, edge.receiver, "AR")
        if gives and takes and gives != takes:
            found += [Line(gives, "to", takes, edge.payload), Line(takes, "from", gives, edge.payload)]
    return tuple(found)


def _first(matrix: Matrix, phase: str, letters: str) -> str:
    row = matrix.get(phase, {})
    return next((role for letter in letters for role, borne in row.items() if letter in borne), "")


Pair: TypeAlias = tuple[Line, Line]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Lines between two roles, one to one: edges that both ends wrote, and lines that only one end wrote."""

    pairs: tuple[Pair, ...]
    alone: tuple[Line, ...]

    def handed(self, giver: str, receiver: str) -> bool:
        """Whether both ends wrote a hand-off from one role to another, whatever they call its payload."""
        return any((giver, receiver) in _ends(pair) for pair in self.pairs)


@dataclass(slots=True)
class _Open:
    lines: list[Line]
    pairs: list[Pair] = field(default_factory=list)

    def pair(self, fits: Callable[[Line, Line], bool]) -> None:
        """Pair whatever fits among the lines that are left, in the order in which they were written."""
        left: list[Line] = []
        for line in self.lines:
            found = next((known for known in left if fits(known, line)), None)
            if found is None:
                left.append(line)
            else:
                left.remove(found)
                self.pairs.append((found, line))
        self.lines = left


def paired(lines: Iterable[Line]) -> Pairing:
    """Pair the lines: the same words first, then opposite directions, then `with`. Lines about groups pair with nothing."""
    found = _Open([line for line in lines if line.other not in (*GROUPS, *OUTSIDE)])
    found.pair(lambda one, other: one.meets(other) and one.same(other) and "with" not in (one.way, other.way))
    found.pair(lambda one, other: one.meets(other) and one.same(other))
    found.pair(lambda one, other: one.meets(other) and "with" not in (one.way, other.way))
    found.pair(Line.meets)
    return Pairing(tuple((one, other) if one.way != "with" else (other, one) for one, other in found.pairs), tuple(found.lines))


def _ends(pair: Pair) -> tuple[tuple[str, str], ...]:
    """From whom to whom a pair hands: the direction that one end names, both ways when neither does."""
    one, other = pair
    told = ((one.giver, one.receiver),)
    return told if one.way != "with" else (*told, (other.giver, other.receiver))


def model_from(told: Mapping[str, Any]) -> TeamModel:
    """A team model out of a file's plain values, in the form of the sample that is shipped."""
    return TeamModel(
        phases=tuple(told["phases"]),
        roles=tuple(told["roles"]),
        matrix=told["raci"],
        lines=tuple(
            Line(writer, way, line[way], line["payload"])
            for writer, written in told["handoffs"].items()
            for line in written
            for way in ("to", "from", "with")
            if way in line
        ),
        files=tuple(OwnedFile(each["path"], each["owner"], each["phase"]) for each in told["files"]),
    )
