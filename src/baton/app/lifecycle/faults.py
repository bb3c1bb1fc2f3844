"""Faults that a replay declares: a model that is broken on purpose after every gate was passed, on the record.

They show what a rollout is for. What breaks is the calibration inside the bundle, which is packed and sealed anew: all
scores are far too high, and nothing before production can tell.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal

from baton.app.lifecycle.step import Step
from baton.delivery.release import Release
from baton.kernel.ids import derived_id
from baton.project.definition import Fault
from baton.registry.bundle import Calibration, pack, unpack

BROKEN = Calibration((0.0, 1.0), (0.55, 1.0))
"""What was 0.2 becomes 0.64."""


@dataclass(frozen=True, slots=True)
class Injection:
    """A declared fault that was injected: into which version, and which bundle took the place of which."""

    KIND: ClassVar[str] = "fault"
    id: str
    status: str
    version: int
    at: datetime
    before: str
    after: str


def at_package(step: Step, version: int, bundle: str) -> str:
    """The bundle of a version that is packaged: the one given, or a broken one when a fault is due."""
    fault = _due(step, "candidate")
    return bundle if fault is None else _inject(step, fault, version, bundle)


def at_canary(step: Step, before: Release, release: Release) -> Release:
    """A release that becomes a canary: as it is, or with a broken bundle when a fault is due. What was compared silently
    before was another file, so nothing but the canary can tell."""
    fault = _due(step, "canary") if before.status != "canary" else None
    return release if fault is None else replace(release, bundle=_inject(step, fault, release.version, release.bundle))


def _due(step: Step, broken: Literal["candidate", "canary"]) -> Fault | None:
    plan = step.house.definition.replay
    if plan is None or step.house.workspace.clock != "replay":
        return None
    done = {each.id for each in step.draft.all(Injection)}
    waiting = (each for each in plan.faults if each.broken == broken and each.at <= step.now and _id(each) not in done)
    return next(waiting, None)


def _inject(step: Step, fault: Fault, version: int, digest: str) -> str:
    house = step.house
    bundle = unpack(house.artifacts.get(digest), house.artifacts.seal_of(digest), house.keys.verify)
    broken = house.artifacts.put(pack(replace(bundle.manifest, calibration=BROKEN), bundle.model, bundle.features))
    house.artifacts.seal(broken, house.keys.seal(broken.encode()))
    words = f"declared in the replay plan: the {fault.broken} of version {version} is broken, its scores are far too high"
    step.draft.record(step.act("deploy"), Injection(_id(fault), "injected", version, step.now, digest, broken), "injected", words)
    return broken


def _id(fault: Fault) -> str:
    return derived_id("fault", fault.broken, fault.at.isoformat())
