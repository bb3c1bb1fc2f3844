"""Batch scoring: one version scores a whole table or query, and the scores are seen once they have been checked.

planned ──▶ scoring ──▶ checking ──▶ published
   └───────────┴───────────┤ └──▶ withheld ──a person decides──▶ published
                           └──▶ failed ──run again──▶ scoring

The same cause, which is the same rows, the same bundle, the same instant and the same table, is the same run: asked for
again it goes on where it stopped, or says that it is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from baton.evaluation.stability import deciles_of, distance, excess, shares_of
from baton.kernel.clock import floor_to, iso
from baton.kernel.digest import digest, finite
from baton.kernel.ids import derived_id
from baton.ledger.move import Moves, move

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOVES: Moves = {
    "planned": frozenset({"scoring", "failed"}),
    "scoring": frozenset({"checking", "failed"}),
    "checking": frozenset({"published", "withheld", "failed"}),
    "withheld": frozenset({"published"}),
    "failed": frozenset({"scoring"}),
    "published": frozenset(),
}
CHUNK = 50_000
"""Rows that are held with all their features at a time."""
DRIFT = 0.25
"""The excess stability index above which scores count as spread otherwise, if they also went far enough."""
APART = 0.2
"""How many standard deviations deciles have to lie apart on average to matter."""
FEWEST = 100
"""Fewer scores than this tell too little of their spread: of 50, one batch in seven would be withheld for nothing."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Profile:
    """How scores are spread: how many, mean and standard deviation, deciles, and the share of them in each bin between these."""

    rows: int
    mean: float
    spread: float
    deciles: Sequence[float]
    shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes a run the one it is. Of `source` and `query` one is given; `input` is the digest of the rows read, `as_of`
    the instant up to which they were known (UTC)."""

    bundle: str
    source: str
    query: str
    input: str
    as_of: datetime
    table: str

    @property
    def asked(self) -> str:
        """What was asked for, whatever it holds at the moment."""
        return digest([self.source, self.query, self.table])


@dataclass(frozen=True, slots=True)
class ScoringRun:
    """One batch of scores; from `threshold` on a label is true. `inputs` are the versions and digests of the tables behind it; `schedule` is who asked, empty for
    a person; `profile` is how its scores are spread, `reasons` what the check said of them."""

    KIND: ClassVar[str] = "scoring"
    id: str
    status: str
    version: int
    cause: Cause
    rows: int
    threshold: float
    planned_at: datetime
    chunk: int = CHUNK
    schedule: str = ""
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    profile: Profile | None = None
    reasons: Sequence[str] = ()
    ended_at: datetime | None = None
    decided_by: str = ""

    @property
    def open(self) -> bool:
        """Whether there is something left to do that needs nobody's decision."""
        return self.status not in ("published", "withheld")

    def spans(self) -> tuple[range, ...]:
        """The chunks: ranges of rows, in order."""
        return tuple(range(start, min(start + self.chunk, self.rows)) for start in range(0, self.rows, self.chunk))


@dataclass(frozen=True, slots=True)
class Standard:
    """What scores are held against, and what it is called."""

    name: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether scores may be seen, and why."""

    passed: bool
    reasons: tuple[str, ...]


def run_id(cause: Cause) -> str:
    """The id of the run of a cause."""
    return derived_id("scoring", cause.bundle, cause.asked, cause.input, iso(cause.as_of))


def moved(run: ScoringRun, status: str, **changed: Any) -> ScoringRun:
    """The run in another status. Raises Conflict when that move is not allowed."""
    return move(run, MOVES, status, **changed)


def profile_of(found: "Array") -> Profile:
    """How scores are spread; what is no number counts as no score."""
    import numpy as np

    scores = found[np.isfinite(found)]
    if not len(scores):
        return Profile(0, 0.0, 0.0, (), (1.0,))
    deciles = deciles_of(scores)
    return Profile(
        rows=len(scores),
        mean=finite(float(scores.mean())) or 0.0,
        spread=finite(float(scores.std())) or 0.0,
        deciles=tuple(float(decile) for decile in deciles),
        shares=tuple(finite(float(share)) or 0.0 for share in shares_of(scores, np.unique(deciles))),
    )


def check(scores: "Array", standard: Standard | None, tolerance: float = DRIFT) -> Verdict:
    """Hold the spread of scores against a standard's.

    They are spread otherwise when more of them moved than the number of rows explains, and far enough to matter.
    """
    import numpy as np

    if standard is None:
        return Verdict(True, ("nothing to compare with yet",))
    held = standard.profile
    if min(len(scores), held.rows) < FEWEST:
        return Verdict(True, (f"{min(len(scores), held.rows)} rows are too few to compare with {standard.name}",))
    found = excess(shares_of(scores, np.unique(held.deciles)), held.shares, len(scores), held.rows)
    apart = distance(deciles_of(scores), held.deciles, held.spread)
    told = f"index {found:.2f}, deciles {apart:.2f} deviations apart; mean {float(scores.mean()):.4f}, there {held.mean:.4f}"
    if found > tolerance and apart > APART:
        return Verdict(False, (f"scores are spread otherwise than those of {standard.name}", told))
    return Verdict(True, (f"scores are spread like those of {standard.name}", told))


def standard_of(run: ScoringRun, earlier: Sequence[ScoringRun], holdout: Profile | None) -> Standard | None:
    """What a run is held against: the last published run that was asked the same of the same bundle, else the hold-out."""
    alike = [
        each
        for each in earlier
        if each.status == "published"
        and each.id != run.id
        and each.profile is not None
        and (each.cause.asked, each.cause.bundle) == (run.cause.asked, run.cause.bundle)
    ]
    last = max(alike, key=lambda each: each.cause.as_of, default=None)
    if last is not None and last.profile is not None:
        return Standard(f"{last.id} ({last.cause.as_of:%Y-%m-%d})", last.profile)
    return None if holdout is None else Standard(f"the hold-out of version {run.version}", holdout)


def settled(run: ScoringRun, verdict: Verdict, profile: Profile, at: datetime) -> ScoringRun:
    """The run after its check."""
    checked = moved(run, "checking", profile=profile, reasons=verdict.reasons)
    return moved(checked, "published" if verdict.passed else "withheld", ended_at=at)


def published_anyway(run: ScoringRun, by: str, why: str, at: datetime) -> ScoringRun:
    """A run that was withheld, published on a person's word. Raises Conflict for any other run."""
    return replace(
        moved(run, "published", ended_at=at), decided_by=by, reasons=(*run.reasons, f"{by} published it anyway: {why}")
    )


def due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Whether a schedule that last ran at an instant is to run on the day of `now`: days count, not hours."""
    return last is None or floor_to(now, DAY) - floor_to(last, DAY) >= every
