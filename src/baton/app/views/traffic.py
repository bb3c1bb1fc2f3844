"""Who answers now, who only scores, who stands in, and what holds traffic back; what a roll-back would do."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.app.lifecycle.turn import Turn
from baton.app.views.newest import newest
from baton.delivery.release import BEFORE, TRIAL, Release, Return, return_of, standby_of
from baton.ledger.ports import StateReader
from baton.project.definition import Rollout
from baton.registry.version import ModelVersion
from baton.team.override import Override


@dataclass(frozen=True, slots=True)
class Part:
    """One version in traffic: as what (`live`, `canary`, an arm's name, `challenger`, `baseline`, `stand-in`), and its share of entities."""

    name: str
    release: Release
    share: float = 0.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who answers (shares sum to 1), who scores silently, who answers while live cannot, and the overrides that hold."""

    answering: tuple[Part, ...]
    silent: tuple[Part, ...]
    standby: Part | None
    default: float | None
    where: str
    halt: Override | None
    overrides: tuple[Override, ...]


def traffic(records: StateReader, policy: Rollout | None) -> Traffic:
    """Who answers now; nobody while everything is halted."""
    live, trial = _first(records, ("live",)), _first(records, TRIAL)
    holds = records.latest(Override, status=("holding", "asked"), limit=50)
    halt = next((each for each in holds if each.kind == "halt" and each.status == "holding"), None)
    rest = tuple(each for each in holds if each is not halt)
    if live is None:
        return Traffic((), (), None, None, "", halt, rest)
    sharing = [*([trial] if trial is not None and trial.status == "canary" else []), *_arms(records)]
    answering = [Part("live", live, max(0.0, 1 - sum(each.share for each in sharing)), f"version {live.version}")]
    answering += [Part(each.variant or "canary", each, each.share, f"version {each.version}") for each in sharing if each.share]
    where = "; ".join(f"{name}: {', '.join(values)}" for name, values in policy.where.items()) if policy is not None else ""
    default = policy.fallback.answer if policy is not None and policy.fallback not in (None, "previous") else None  # type: ignore[union-attr]
    return Traffic(
        tuple(answering), tuple(_silent(records, live, trial, policy)), _standby(records, policy), default, where, halt, rest
    )


def _first(records: StateReader, status: Sequence[str]) -> Release | None:
    return newest(records, Release, status=status)


def _arms(records: StateReader) -> list[Release]:
    return sorted(records.latest(Release, status=("arm",), limit=20), key=lambda each: each.variant)


def _silent(records: StateReader, live: Release, trial: Release | None, policy: Rollout | None) -> list[Part]:
    found = []
    if trial is not None:
        share = "every row it does not answer" if trial.status == "canary" else "every row"
        found.append(Part("challenger", trial, words=f"version {trial.version} scores {share}"))
    first = next(iter(records.all(Release, limit=1)), None)
    if first is not None and first.version != live.version and (policy is None or policy.baseline):
        found.append(Part("baseline", first, words=f"version {first.version}, the first, is kept as it was"))
    return found


def _standby(records: StateReader, policy: Rollout | None) -> Part | None:
    found = standby_of(records.latest(Release, status=BEFORE, limit=50), policy)
    if found is None:
        return None
    what = "is kept warm" if found.status == "kept" else "answers while live cannot"
    return Part("stand-in", found, words=f"version {found.version} {what}")


def returning(records: StateReader) -> Return | None:
    """What a roll-back now would end and bring back; None when there is nothing to go back to."""
    known = [*records.latest(Release, status=("live", *TRIAL), limit=10), *records.latest(Release, status=BEFORE, limit=50)]
    gone = {each.version for each in records.latest(ModelVersion, status=("deleted",), limit=1000)}
    return return_of(known, gone)


def asked_by_hand(records: StateReader, release: Release) -> Override | None:
    """The promotion of a release that people asked for and that has not come yet."""
    waiting = records.latest(Override, status=("holding", "asked"), limit=50)
    return next((each for each in waiting if (each.kind, each.subject) == ("promote", release.id)), None)


def turned_away(records: StateReader, limit: int = 10) -> list[Turn]:
    """Turns whose candidate the gate did not let through, newest first: an override of the gate would let them go on."""
    failed = records.latest(Turn, status=("failed",), limit=5 * limit)
    return [each for each in failed if each.candidate and not each.version][:limit]
