"""Coverage and tenure as read by the edges: of the declared team, or of what the workspace's ledger knows."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import open_state
from baton.app.declared import load_owned
from baton.app.lifecycle.people import recorded_team
from baton.app.seat import present_of
from baton.app.views.catalogue import catalogue
from baton.app.views.team import waiting
from baton.app.workspace import find
from baton.kernel.clock import SystemClock, iso
from baton.ledger.fact import Fact
from baton.ledger.ports import State
from baton.team import coverage as covering
from baton.team.charter import Charter, team_of
from baton.team.departure import without
from baton.team.person import Person
from baton.team.role import Catalogue
from baton.team.team import Team
from baton.team.tenure import Became, Proof, Tenure, prove, totals

PAGE = 50_000
"""Facts read at a time."""
ALL = 1_000_000
"""More open things than there are: none is left out."""


def coverage(project: Path, workspace: Path, moment: datetime | None, gone: Sequence[str]) -> dict[str, Any]:
    """Who covers what at an instant (the present when None), and what follows when `gone` leave or are away.

    Without a workspace the declared team is judged. A past instant is judged by what the ledger knew then, a future one by
    what it knows now. Raises InvalidProject, or NotFound for an unknown person.
    """
    owned = load_owned(project).owned
    if find(workspace) is None:
        at = moment or SystemClock().now()
        return _told(team_of(owned), at, covering.Open(), gone) | {"of": "declared"}
    with open_state(workspace) as (opened, state):
        at = moment or present_of(opened, state)
        records = state if moment is None else state.as_of(moment)
        return _told(recorded_team(records, owned), at, waiting(records, ALL), gone) | {"of": "recorded"}


def _told(team: Team, at: datetime, waiting: covering.Open, gone: Sequence[str]) -> dict[str, Any]:
    known = catalogue()
    told = covering.coverage(team, at, waiting, known.essential)
    return {
        "at": iso(at),
        "fallbacks": told.fallbacks,
        "gaps": [{"phase": cover.phase, "why": cover.gap} for cover in told.phases if cover.gap],
        "phases": [_cover(known, cover) for cover in told.phases],
        "people": [msgspec.to_builtins(load) for load in told.people],
        "skills": "declared" if any(person.skills for person in team.active) else "not declared",
        "without": list(gone),
        "consequences": msgspec.to_builtins(without(team, gone, at, waiting)) if gone else [],
    }


def _cover(known: Catalogue, cover: covering.Cover) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(cover)
    lacks = [{"skill": skill, "stage": known.stage_for(skill)} for skill in cover.lacks]
    return plain | {"bus_factor": len(cover.able), "fallback": cover.fallback, "lacks": lacks}


def tenure(workspace: Path) -> dict[str, Any]:
    """Who was accountable when, from the first charter on record to the workspace's present, as the ledger's facts prove it.

    Raises NotFound when there is no workspace.
    """
    with open_state(workspace) as (opened, state):
        until, history = present_of(opened, state), tuple(_history(state))
    latest = max((each.at for each in history), default=until)
    return _proof(prove(history, max(until, latest)))


def _history(state: State) -> Iterator[Became]:
    """Charters and people as every fact left them, in the ledger's order."""
    found = (fact for kind in ("charter.", "person.") for fact in _facts(state, kind))
    for fact in sorted(found, key=lambda fact: fact.seq):
        if fact.subject_kind == Charter.KIND:
            yield Became(fact.recorded_at, msgspec.convert(fact.state, Charter))
        else:
            yield Became(fact.recorded_at, msgspec.convert(fact.state, Person))


def _facts(state: State, kind: str) -> Iterator[Fact]:
    page = state.facts(kind=kind, limit=PAGE)
    while page:
        yield from page
        page = state.facts(kind=kind, after=page[-1].seq, limit=PAGE)


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "since": iso(proof.since) if proof.since else None,
        "until": iso(proof.until),
        "looks": proof.looks,
        "orphan_minutes": _minutes(proof.orphaned),
        "torn": len(proof.torn),
        "fallbacks": len(proof.fallbacks),
        "fallback_minutes": _minutes(sum((each.length for each in proof.fallbacks), timedelta())),
        "minutes_by_way": {via: _minutes(length) for via, length in totals(proof).items()},
        "tenures": [_tenure(each) for each in proof.tenures],
    }


def _tenure(tenure: Tenure) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(tenure)
    return plain | {"since": iso(tenure.since), "until": iso(tenure.until), "fallback": tenure.fallback}


def _minutes(length: timedelta) -> float:
    return round(length / timedelta(minutes=1), 3)
