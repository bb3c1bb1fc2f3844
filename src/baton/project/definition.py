"""What a project declares in `baton.yaml`, as frozen values. Reading order is lifecycle order.

Every model forbids unknown keys; `loader` turns a violation into a mistake with file and line.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from baton.project.behaviour import Behaviour
from baton.project.declared import Declared, Duration, Instant, Latency, Name, Share, Size
from baton.project.ownership import Ownership
from baton.project.tablename import SCORES


class Criterion(Declared):
    """A success criterion: a metric and the bound it must keep. Metrics: auc, brier, logloss."""

    metric: Literal["auc", "brier", "logloss"]
    at_least: float | None = None
    at_most: float | None = None


class OutcomeValue(Declared):
    """Money per decision by outcome, positive is gain; `threshold` is the score from which the positive action is taken."""

    currency: str = "USD"
    threshold: Share = 0.5
    true_positive: float = 0.0
    false_positive: float = 0.0
    true_negative: float = 0.0
    false_negative: float = 0.0


class Problem(Declared):
    """The business question, what counts as success, what an outcome is worth, and who cares."""

    question: str = Field(min_length=1)
    success: tuple[Criterion, ...] = ()
    value: OutcomeValue = OutcomeValue()
    stakeholders: tuple[str, ...] = ()


class Source(Declared):
    """A table that arrives over time. A row exists for Baton from its `known_at` on; without that column, from the start."""

    path: Path
    key: tuple[Name, ...] = Field(min_length=1)
    known_at: Name | None = None
    columns: tuple[Name, ...] = ()
    contract: Path | None = None


class Entity(Declared):
    """What is scored: one row of a source, found by its key."""

    source: Name
    key: Name


class LabelRule(Declared):
    """How the truth of an entity becomes known: a numeric column of a source, true when above `above` (or equal to `equals`)."""

    source: Name
    column: Name
    above: float | None = None
    equals: float | str | None = None


class Decision(Declared):
    """When Baton itself asks for predictions: at every multiple of `every`, for the entities whose `at` lies in [now + lead[0], now + lead[1])."""

    every: Duration = timedelta(hours=1)
    at: Name
    lead: tuple[Duration, Duration]


class Recipe(Declared):
    """How a model is trained. `holdout` is the latest stretch of labels, never trained on, that the gate is decided on.

    Trials learn from the latest `search_rows` rows, the chosen one is fitted on all.
    """

    learners: tuple[Literal["lightgbm", "linear"], ...] = ("lightgbm", "linear")
    trials: int = Field(default=4, ge=1, le=500)
    seed: int = 7
    holdout: Duration | Share = timedelta(days=7)
    validation: Duration | Share = timedelta(days=7)
    window: Duration | None = None
    search_rows: int = Field(default=100_000, ge=1000)
    abort_after: Duration = timedelta(minutes=30)
    params: dict[str, dict[str, float | int | str | bool]] = {}


class Gates(Declared):
    """What a candidate must reach: minimum quality on the hold-out, and not worse than the champion by more than `margin` (Brier)."""

    minimum: tuple[Criterion, ...] = ()
    margin: float = Field(default=0.002, ge=0)
    slices: tuple[Name, ...] = ()
    slice_floor: int = Field(default=200, ge=20)


class RolloutStep(Declared):
    """A stage of a release: `shadow` answers nothing, `canary` answers for a share of entities; it lasts at least `hold`."""

    kind: Literal["shadow", "canary"]
    share: Share = 1.0
    hold: Duration = timedelta(days=1)


class GuardRule(Declared):
    """What the server itself takes a canary out for, at the event that proves it worse, with nobody else running.

    `errors` are requests it cannot score, `slow` cut points of the latency (at most five). `alpha` is the chance, over the
    whole life of a release, that one that is no worse is rolled back, whatever watches it.
    """

    errors: bool = True
    slow: tuple[Latency, ...] = ()
    alpha: float = Field(default=0.05, gt=0, lt=0.5)


class StandIn(Declared):
    """The score that is answered when no version can."""

    answer: Share


class Variant(Declared):
    """A named challenger of an A/B comparison: a version, and the share of entities that it answers for."""

    version: int = Field(ge=1)
    share: float = Field(gt=0, lt=1)


class Comparison(Declared):
    """An A/B comparison: named versions against the live one with fixed shares, until decided or for as long as it `lasts`."""

    variants: dict[Name, Variant] = Field(min_length=1)
    lasts: Duration = timedelta(days=14)


class Bandit(Declared):
    """Named versions beside the live one, weighed anew every day by what they earned (Thompson sampling).

    `reward` is what counts as one: a true label, a false one, or a right answer. No arm falls below `floor`. A bandit never
    promotes.
    """

    variants: dict[Name, int] = Field(min_length=1)
    reward: Literal["label", "no-label", "right"] = "right"
    floor: float = Field(default=0.05, gt=0, lt=0.5)


class Rollout(Declared):
    """How a new version reaches all traffic.

    `strategy`: by `steps`; `all-at-once`; `blue-green`, where the version before is kept warm for `keep` and stands in;
    `champion-challenger`, where it scores silently until it is proved better. It may be worse by `margin` (Brier) at most;
    `risk` is the chance of a false proof of that. What is not proved after `latest` in one step is rolled back, or held for
    a person (`overdue`). `where` names the only values of inputs for which a canary answers. `fallback` answers when live
    cannot. `ab` and `bandit` compare versions beside the live one, apart from releases.
    """

    strategy: Literal["steps", "all-at-once", "blue-green", "champion-challenger"] = "steps"
    steps: tuple[RolloutStep, ...] = (RolloutStep(kind="shadow"), RolloutStep(kind="canary", share=0.2))
    margin: float = Field(default=0.01, ge=0)
    risk: float = Field(default=0.05, gt=0, lt=0.5)
    latest: Duration = timedelta(days=14)
    overdue: Literal["roll-back", "hold"] = "roll-back"
    keep: Duration = timedelta(days=1)
    where: dict[Name, tuple[str, ...]] = {}
    guard: GuardRule = GuardRule()
    fallback: Literal["previous"] | StandIn | None = None
    ab: Comparison | None = None
    bandit: Bandit | None = None
    baseline: bool = True


class Monitor(Declared):
    """What is watched. Detectors look every day and alarm on average at most once in `false_alarm_days` when nothing is wrong.

    `calibration` is the difference of mean score and truth that is tolerated, `novelty` the share of rows outside the
    training range of a feature; `settle` is how many days a new version is left alone.
    """

    calibration: float = Field(default=0.01, gt=0, lt=0.1)
    novelty: float = Field(default=0.10, gt=0, lt=1)
    false_alarm_days: int = Field(default=1825, ge=10)
    maturity: Duration = timedelta(days=1)
    settle: Duration = timedelta(days=14)
    watch: tuple[Name, ...] = ()
    error_rate: Share = 0.01
    latency_ms: float = Field(default=250, gt=0)


class Retraining(Declared):
    """Brakes of the loop: at least `cooldown` between proposals and at most `budget` of them in any 365 days."""

    cooldown: Duration = timedelta(days=21)
    budget: int = Field(default=8, ge=0)


HOOKS = ("https://", "http://", "${")
"""How an address begins that is posted to; the last is a variable that holds one."""
FILES = (".parquet", ".csv")
"""How the name of a file ends that rows can be written to."""


class Scoring(Declared):
    """A batch that the loop scores at its daily step, every so many days: the rows of a source (`from`) or of a query.

    `to` is a file in the project or a webhook that the scores also go to, `drift` the excess stability index from which
    they are withheld.
    """

    every: Duration = timedelta(days=1)
    source: Annotated[Name | None, Field(alias="from")] = None
    sql: str | None = None
    table: Name = SCORES
    to: str | None = None
    drift: Annotated[float, Field(gt=0)] = 0.25


class LogRule(Declared):
    """How predictions are kept until the loop collects them.

    `sync` is what an answer waits for: `none`, that the operating system has the record, so that it survives a kill;
    `group`, that it is on the disk together with what queued meanwhile; `each`, that it is there by a sync of its own.
    `most` bounds what waits to be collected (a size such as 2GiB; without it the disk does). `when_full`, requests are
    refused, or answered with their records dropped and counted.
    """

    sync: Literal["none", "group", "each"] = "none"
    most: Size | None = None
    when_full: Literal["refuse", "drop"] = "refuse"


class Serving(Declared):
    """How the model server of `baton up` behaves: the processes that share its port, and the milliseconds that a request may
    have to wait before it is refused at once. A replay has one process."""

    workers: int = Field(default=1, ge=1, le=16)
    wait_ms: int = Field(default=200, ge=1, le=60_000)
    log: LogRule = LogRule()


class Fault(Declared):
    """Something that is broken on purpose, at the first occasion from `at` on: the `candidate` when it is packaged, or the
    `canary` when it first answers. What is broken is its calibration, after every gate was passed."""

    at: Instant
    broken: Annotated[Literal["candidate", "canary"], Field(alias="break")]


class ReplayPlan(Declared):
    """The stretch of history to replay, when the first model goes live, and how each person is taken to behave.

    `zone` and `days` tell a resampled control what a day is: local days of that zone, by this column of each source
    (its known time when not named). `faults` are broken on purpose, on the record.
    """

    start: Instant
    live: Instant
    until: Instant
    people: dict[Name, Behaviour] = {}
    zone: str = "UTC"
    days: dict[Name, Name] = {}
    faults: tuple[Fault, ...] = ()


class Definition(Ownership):
    """A whole project."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    problem: Problem
    sources: dict[Name, Source] = Field(min_length=1)
    entity: Entity
    label: LabelRule
    decision: Decision | None = None
    features: Path = Path("features.py")
    recipe: Recipe = Recipe()
    gates: Gates = Gates()
    rollout: Rollout = Rollout()
    monitor: Monitor = Monitor()
    retraining: Retraining = Retraining()
    scoring: dict[Name, Scoring] = {}
    serving: Serving = Serving()
    replay: ReplayPlan | None = None
