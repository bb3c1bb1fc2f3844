"""Model versions: the list, what one was made of and how it was judged, who approved what, and two side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from baton.app.lifecycle.turn import Turn
from baton.app.views.newest import newest
from baton.app.views.release import about, served, signed, told_of
from baton.delivery.release import Release
from baton.kernel.errors import BatonError, Corrupt, NotFound
from baton.ledger.fact import Fact
from baton.ledger.ports import LedgerReader, StateReader
from baton.registry.ports import Artifacts
from baton.registry.version import ModelVersion
from baton.team.handoff import Handoff

T = TypeVar("T")
IN_TRAFFIC = ("live", "canary", "shadow", "arm", "kept")
"""The statuses of a release that a server knows."""
MOST_RELEASES = 1000
"""The newest releases among which those of a page's versions are looked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A version in the list: when it answered for all (until None: still), by whom, its share now."""

    version: ModelVersion
    live: tuple[tuple[datetime, datetime | None], ...]
    signed: tuple[str, ...]
    share: float
    status: str


@dataclass(frozen=True)
class Trial:
    """One parameter set that was tried: its log loss on the validation part."""

    number: int
    learner: str
    params: Mapping[str, Any] = field(default_factory=dict)
    loss: float | None = None
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """Quality on the hold-out where a feature has one value."""

    feature: str
    value: str
    rows: int
    auc: float | None
    brier: float | None


@dataclass(frozen=True, slots=True)
class Against:
    """The version less the champion of its day in Brier score, on the hold-out's rows, with an 80 % interval."""

    rows: int
    days: int
    champion_brier: float | None
    challenger_brier: float | None
    champion_auc: float | None
    challenger_auc: float | None
    difference: float
    low: float
    high: float
    margin: float
    answer: str


@dataclass(frozen=True)
class Made:
    """What the training job answered: how a version was chosen, fitted and judged."""

    chosen: Trial
    trials: tuple[Trial, ...] = ()
    importance: Mapping[str, float] = field(default_factory=dict)
    quality: Mapping[str, float | None] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()
    comparison: Against | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    signature: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ranked(self) -> list[Trial]:
        """The trials, best first."""
        return sorted(self.trials, key=lambda each: (each.loss is None, each.loss or 0.0, each.number))


def listed(
    records: StateReader, ledger: LedgerReader, until: datetime | None, status: str = "", before: str = "", limit: int = 25
) -> tuple[list[Row], str]:
    """Versions, newest first, those after the version `before`, and what to go on after (or empty)."""
    page = records.latest(ModelVersion, before=before, status=(status,) if status else (), limit=limit + 1)
    released: dict[int, list[Release]] = {}
    for each in records.latest(Release, limit=MOST_RELEASES):
        released.setdefault(each.version, []).append(each)
    rows = [_row(records, ledger, until, each, released.get(each.version, [])) for each in page[:limit]]
    return rows, page[limit - 1].id if len(page) > limit else ""


def _row(
    records: StateReader,
    ledger: LedgerReader,
    until: datetime | None,
    version: ModelVersion,
    releases: Sequence[Release],
) -> Row:
    told = {each.id: told_of(ledger, each, until, 40) for each in releases[:10]}
    spans = sorted((span for facts in told.values() for span in served(facts)), key=lambda span: span[0])
    approvals = [signed(records, each, told[each.id]) for each in releases[:10]]
    names = tuple(dict.fromkeys(each.by for approval in approvals if approval is not None for each in approval.given))
    now = next((each for each in releases if each.status in IN_TRAFFIC), None)
    share = _share(records, now) if now is not None else 0.0
    return Row(version, tuple(spans), names, share, now.status if now else version.status)


def _share(records: StateReader, release: Release) -> float:
    """What a release answers for now: the live one has what canary and arms leave."""
    if release.status != "live":
        return release.share
    return max(0.0, 1 - sum(each.share for each in records.latest(Release, status=("canary", "arm"), limit=20)))


def against(given: Handoff | None) -> Against | None:
    """A version and the champion of its day on the same rows, as the hand-off of its candidate tells; None when it does not."""
    told = given.evidence.get("comparison") if given is not None else None
    return msgspec.convert(told, Against) if told else None


def champion(records: StateReader, ledger: LedgerReader, version: ModelVersion, until: datetime | None) -> int | None:
    """The version that answered for all when another was trained; None when the record does not tell."""
    for each in records.latest(Release, limit=MOST_RELEASES):
        if each.version < version.version and each.live_at is not None and each.live_at <= version.trained_at:
            spans = served(told_of(ledger, each, until))
            if any(since <= version.trained_at and (end is None or version.trained_at <= end) for since, end in spans):
                return each.version
    return None


def predecessor(records: StateReader, version: ModelVersion) -> ModelVersion | None:
    """The version before this one, None for the first."""
    return records.get(ModelVersion, f"version-{version.version - 1}")


def releases_of(records: StateReader, version: int, limit: int = 10) -> list[Release]:
    """The releases of a version, newest first."""
    return records.latest(Release, where={"version": str(version)}, limit=limit)


def found(records: StateReader, number: int) -> ModelVersion:
    """The version of that number. Raises NotFound."""
    version = records.get(ModelVersion, f"version-{number}")
    if version is None:
        latest = newest(records, ModelVersion)
        why = f"the newest is version {latest.version}" if latest is not None else "none was trained yet"
        raise NotFound(f"there is no version {number}", where="the address", why=why, fix="look at the list of models")
    return version


def made_of(records: StateReader, artifacts: Artifacts, version: ModelVersion) -> tuple[Made | None, str]:
    """What the training job answered for a version; None and why in words when it cannot be read any more."""
    turn = records.get(Turn, version.turn)
    digest = str(version.lineage.get("candidate", "")) or (turn.candidate if turn is not None else "")
    if not digest:
        return None, "its training is not on record"
    try:
        return answer_of(artifacts, digest), ""
    except BatonError as error:
        return None, f"{error.what}{f': {error.why}' if error.why else ''}"


def answer_of(artifacts: Artifacts, digest: str) -> Made:
    """A training job's answer out of the store. Raises NotFound, or Corrupt when it is none."""
    try:
        return msgspec.json.decode(artifacts.get(digest), type=Made)
    except msgspec.MsgspecError as error:
        raise Corrupt("the training job's answer cannot be read", where=digest[:12], why=str(error)) from error


def history(
    records: StateReader, ledger: LedgerReader, version: ModelVersion, until: datetime | None, limit: int = 60
) -> tuple[list[Fact], bool]:
    """What is on record about a version, its turn and its releases, newest first, and whether there is more."""
    subjects = [("version.", version.id), *([("turn.", version.turn)] if version.turn else [])]
    subjects += [("release.", each.id) for each in releases_of(records, version.version)]
    facts = [fact for kind, subject in subjects for fact in about(ledger, kind, subject, until, limit + 1)]
    ordered = sorted(facts, key=lambda fact: -fact.seq)
    return ordered[:limit], len(ordered) > limit


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of two versions, each on rows of its own: `change` is the second less the first, `rows` the fewer of both."""

    name: str
    first: float | None
    second: float | None
    rows: int = 0

    @property
    def change(self) -> float | None:
        """The second less the first."""
        return None if self.first is None or self.second is None else self.second - self.first


def metrics(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> list[Difference]:
    """The metrics of two versions."""
    return [Difference(name, first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))]


def slices(first: Made | None, second: Made | None) -> list[Difference]:
    """The Brier score of every slice that either version was judged on, the largest differences first."""
    here, there = ({(each.feature, each.value): each for each in (made.slices if made else ())} for made in (first, second))
    keys = dict.fromkeys((*here, *there))
    told = [_slice(key, here.get(key), there.get(key)) for key in keys]
    return sorted(told, key=lambda each: -abs(each.change or 0.0))


def _slice(key: tuple[str, str], here: Slice | None, there: Slice | None) -> Difference:
    rows = min(each.rows for each in (here, there) if each is not None)
    return Difference(f"{key[0]} {key[1]}", here.brier if here else None, there.brier if there else None, rows)


def importance(first: ModelVersion, second: ModelVersion) -> list[Difference]:
    """The share of gain of every feature of two versions, the most important first."""
    names = dict.fromkeys((*first.importance, *second.importance))
    told = [Difference(name, first.importance.get(name), second.importance.get(name)) for name in names]
    return sorted(told, key=lambda each: -max(each.first or 0.0, each.second or 0.0))


def settings(first: Made | None, second: Made | None) -> list[tuple[str, Any, Any]]:
    """Learner, parameters, rounds and libraries of two versions, by name; None where one has none."""
    here, there = dict(_settings(first)), dict(_settings(second))
    return [(name, here.get(name), there.get(name)) for name in dict.fromkeys((*here, *there))]


def _settings(made: Made | None) -> Iterator[tuple[str, Any]]:
    if made is None:
        return
    yield "learner", made.chosen.learner
    yield "rounds", made.chosen.rounds
    yield from sorted(made.chosen.params.items())
    for name in ("cutoff", "rows", "seed", "recipe", "features", "python"):
        if name in made.manifest:
            yield name, made.manifest[name]
    libraries: Mapping[str, str] = made.manifest.get("libraries", {})
    yield from sorted(libraries.items())


def worst(slices: Sequence[Slice], overall: float | None, count: int = 3) -> frozenset[tuple[str, str]]:
    """The slices to look at first: those of highest Brier score, if they are above the whole."""
    ranked = sorted(slices, key=lambda each: -(each.brier or 0.0))[:count]
    return frozenset((each.feature, each.value) for each in ranked if overall is None or (each.brier or 0.0) > overall)
