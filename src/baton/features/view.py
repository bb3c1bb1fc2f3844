"""Feature views: one definition from which the training set and the served values both come.

A project's `features.py` calls `entity`, `latest`, `window` and `on_request`; `plan_from_source` runs that file and
collects the calls into a FeaturePlan. The plan is a frozen value: what it says is what training computes and what the
server looks up.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from baton.kernel.clock import parse_duration
from baton.kernel.digest import digest
from baton.kernel.errors import InvalidProject, Mistake
from baton.kernel.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

AGGREGATES = ("count", "sum", "mean", "min", "max", "std", "last", "age")
DECIDED_AT = "decided_at"
FRESHEST = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class EntityColumns:
    """Columns of the entity's own row that are features as they stand."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class LatestView:
    """The last row of a source per key that was known at decision time and is not older than `ttl`."""

    source: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    ttl: timedelta

    @cached_property
    def name(self) -> str:
        """The view's address in the online store."""
        return f"latest.{self.source}.{'+'.join(self.key)}.{digest(list(self.columns))[:8]}"

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of the features it yields, in order."""
        return tuple(f"{self.source}_{column}" for column in self.columns)


@dataclass(frozen=True)
class WindowView:
    """Aggregates of a source's column over the rows of a key known in (now − span, now], half open so that no row counts twice.

    Values are carried as integers (floats in fixed point of 1e-6), so sums are exact whatever the order. `last` is by
    (known_at, row key); `age` is seconds since the last row. An empty window counts 0 and is null otherwise.
    """

    source: str
    key: tuple[str, ...]
    column: str
    over: tuple[str, ...]
    aggregates: tuple[str, ...]
    clip: tuple[int, int] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads besides its key."""
        return (self.column,)

    @cached_property
    def spans(self) -> tuple[timedelta, ...]:
        """The windows' lengths, in the order of `over`."""
        return tuple(parse_duration(span) for span in self.over)

    @cached_property
    def name(self) -> str:
        """The view's address in the online store."""
        bounds = f".{self.clip[0]}..{self.clip[1]}" if self.clip else ""
        return (
            f"window.{self.source}.{'+'.join(self.key)}.{self.column}{bounds}.{'+'.join(self.aggregates)}.{'+'.join(self.over)}"
        )

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of the features it yields: spans outside, aggregates inside."""
        prefix = "_".join(self.key)
        return tuple(f"{prefix}_{self.column}_{aggregate}_{span}" for span in self.over for aggregate in self.aggregates)


@dataclass(frozen=True, slots=True)
class RequestFunction:
    """A function of values that are known at the request: numpy arrays in, one numpy array of the same length out."""

    name: str
    inputs: tuple[str, ...]
    function: "Callable[..., np.ndarray[Any, Any]]" = field(compare=False)


View = LatestView | WindowView


@dataclass(frozen=True)
class FeaturePlan:
    """All a project's features, in the order in which the model sees them."""

    entity_columns: tuple[str, ...]
    views: tuple[View, ...]
    requests: tuple[RequestFunction, ...]
    source: str = field(default="", repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every feature name: the entity's columns, then the views', then the request functions'."""
        return (
            *self.entity_columns,
            *(name for view in self.views for name in view.features),
            *(call.name for call in self.requests),
        )

    @cached_property
    def digest(self) -> str:
        """Identity of the definition: SHA-256 of its source text."""
        return digest(self.source)

    def entity_needs(self) -> tuple[str, ...]:
        """Columns that the entity's row must have: features, view keys and inputs of request functions."""
        return self._needs

    @cached_property
    def _needs(self) -> tuple[str, ...]:
        made = {DECIDED_AT, *(name for view in self.views for name in view.features), *(call.name for call in self.requests)}
        keys = (column for view in self.views for column in view.key)
        inputs = (column for call in self.requests for column in call.inputs if column not in made)
        return tuple(dict.fromkeys((*self.entity_columns, *keys, *inputs)))


_collecting: ContextVar[list[Any] | None] = ContextVar("collecting", default=None)


@contextmanager
def _collect() -> "Iterator[list[Any]]":
    found: list[Any] = []
    token = _collecting.set(found)
    try:
        yield found
    finally:
        _collecting.reset(token)


T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _add(value: T) -> T:
    found = _collecting.get()
    if found is not None:
        found.append(value)
    return value


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def entity(columns: Sequence[str]) -> EntityColumns:
    """Use columns of the entity's own row as features. Numbers stay numbers, texts become categories."""
    return _add(EntityColumns(_names(columns)))


def latest(source: str, *, key: str | Sequence[str], columns: Sequence[str], ttl: str | None = None) -> LatestView:
    """Join the last row of `source` known at decision time, by `key` (columns of the entity with the same names).

    A row older than `ttl` (e.g. "3h", by its known time) counts as absent, in training and in serving alike.
    """
    return _add(LatestView(source, _names(key), _names(columns), parse_duration(ttl) if ttl else FRESHEST))


def window(
    source: str,
    *,
    key: str | Sequence[str],
    over: Sequence[str],
    of: Mapping[str, Sequence[str]],
    clip: tuple[int, int] | None = None,
) -> tuple[WindowView, ...]:
    """Aggregate columns of `source` per `key` over trailing windows of known time.

    `over` lists spans ("1h", "7d"), `of` the aggregates by column, out of count, sum, mean, min, max, std, last, age.
    `clip` bounds each value before it is aggregated, so that one extreme row cannot rule a mean.
    Raises ValueError for a span without unit or an unknown aggregate.
    """
    for aggregate in (name for names in of.values() for name in names):
        if aggregate not in AGGREGATES:
            raise ValueError(f"unknown aggregate '{aggregate}': {did_you_mean(aggregate, AGGREGATES)}")
    spans = tuple(sorted(over, key=parse_duration))
    return tuple(_add(WindowView(source, _names(key), column, spans, tuple(names), clip)) for column, names in of.items())


def on_request(*, inputs: Sequence[str]) -> Callable[[F], F]:
    """Make a feature out of a function of entity columns, other features or `decided_at` (numpy datetime64[us])."""

    def register(function: F) -> F:
        _add(RequestFunction(function.__name__, _names(inputs), function))
        return function

    return register


def plan_from_source(text: str, file: str = "features.py") -> FeaturePlan:
    """Run a feature file and collect what it declares. Raises InvalidProject with the line of the mistake."""
    with _collect() as found:
        try:
            exec(compile(text, file, "exec"), {"__name__": "baton_project_features", "__file__": file})
        except (Exception, SystemExit) as error:
            raise InvalidProject(
                (Mistake(file, _line_of(error, file), f"{type(error).__name__}: {error}", "mend the feature file"),)
            ) from error
    plan = FeaturePlan(
        entity_columns=tuple(dict.fromkeys(name for item in found if isinstance(item, EntityColumns) for name in item.columns)),
        views=tuple(item for item in found if isinstance(item, LatestView | WindowView)),
        requests=tuple(item for item in found if isinstance(item, RequestFunction)),
        source=text,
    )
    _refuse_doubles(plan, file)
    return plan


def _line_of(error: BaseException, file: str) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _refuse_doubles(plan: FeaturePlan, file: str) -> None:
    names = plan.names
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise InvalidProject(
            (Mistake(file, 1, f"two features share a name: {', '.join(doubles)}", "drop one or rename the function"),)
        )
    if not names:
        raise InvalidProject((Mistake(file, 1, "no feature is declared", 'add e.g. entity(columns=["…"])'),))


def age_micros(view: LatestView) -> int:
    """The view's TTL in microseconds."""
    return view.ttl // timedelta(microseconds=1)
