"""Releases as plain values: where each stands, what was asked of it, and the evidence at the latest look."""

from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import read_state
from baton.delivery.picture import evidence_picture
from baton.delivery.reading import Reading
from baton.delivery.release import TRIAL, Release
from baton.delivery.weighing import Weighing
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.ledger.ports import StateReader


def releases(folder: Path) -> list[dict[str, Any]]:
    """Every release, newest first, without its readings."""
    with read_state(folder) as (_, state):
        found = [_plain(state, release) for release in reversed(state.all(Release))]
    return [{**release, "readings": len(release["readings"])} for release in found]


def release(folder: Path, name: str | None) -> dict[str, Any]:
    """One release with all its readings: the one named, else the newest on trial, else the newest. Raises NotFound."""
    with read_state(folder) as (_, state):
        return _plain(state, _named(state.all(Release), name))


def picture(folder: Path, name: str | None, reading: str | None) -> str:
    """The evidence on a release as an SVG: of the reading named, else of the one that decided, else of the first."""
    with read_state(folder) as (_, state):
        found = _named(state.all(Release), name)
        weighing = state.get(Weighing, found.group or found.id)
    if weighing is None or not weighing.readings:
        raise NotFound(
            f"nothing was weighed of {found.id} yet", why="evidence comes with the next daily step", fix="baton status"
        )
    drawn = _drawn(weighing, reading)
    proves = weighing.status == "advance" and drawn.proof is not None
    return evidence_picture(drawn, drawn.proof if proves else None)


def _named(found: list[Release], name: str | None) -> Release:
    if name is None:
        newest = [*(each for each in found if each.status in TRIAL), *reversed(found)]
        if newest:
            return newest[0]
        raise NotFound("there is no release yet", why="the first one starts when a first model is trained", fix="baton status")
    named = next((each for each in found if name in (each.id, str(each.version))), None)
    if named is None:
        raise NotFound(f"there is no release {name!r}", fix=did_you_mean(name, [each.id for each in found]))
    return named


def _drawn(weighing: Weighing, name: str | None) -> Reading:
    names = [each.name for each in weighing.readings]
    wanted = name or next((each for each in weighing.because if each in names), names[0])
    if wanted not in names:
        raise NotFound(f"there is no reading {wanted!r}", fix=did_you_mean(wanted, names))
    return weighing.readings[names.index(wanted)]


def _plain(state: StateReader, found: Release) -> dict[str, Any]:
    weighing = state.get(Weighing, found.group or found.id)
    told: dict[str, Any] = msgspec.to_builtins(found)
    look: dict[str, Any] = msgspec.to_builtins(weighing) if weighing is not None else {}
    return {
        **told,
        "weighed_at": look.get("at"),
        "move": look.get("status"),
        "because": look.get("because", []),
        "why": look.get("reason", ""),
        "readings": look.get("readings", []),
    }
