"""What a contract demands, as values, and the verdict over a batch: pure decisions over counts, no I/O.

A row rule rejects single rows. A measure is one number over a batch that must lie within bounds. A missing value (null, or
NaN in a float column) breaks `required` only; every other rule passes over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from baton.kernel.clock import duration_text, iso

if TYPE_CHECKING:
    import pyarrow as pa

RuleKind = Literal[
    "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern", "oneOf", "unique",
]  # fmt: skip
Limit: TypeAlias = None | int | float | str | date | datetime | tuple[str | int | float, ...]
Metric = Literal["rowCount", "nullValues", "missingValues", "invalidValues", "duplicateValues"]

_WORDS = {
    "minimum": "below the minimum",
    "maximum": "above the maximum",
    "exclusiveMinimum": "not above",
    "exclusiveMaximum": "not below",
    "multipleOf": "no multiple of",
    "minLength": "shorter than",
    "maxLength": "longer than",
    "pattern": "not of the pattern",
    "oneOf": "none of",
}
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Rule:
    """A demand on every row: `columns` has one name, or several for a `unique` key; `limit` belongs to the kind."""

    name: str
    kind: RuleKind
    columns: tuple[str, ...]
    limit: Limit = None

    @property
    def column(self) -> str:
        """The first column the rule speaks of."""
        return self.columns[0]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a number must lie; None leaves a side open. `equal` and `between` are what they say, ends included."""

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    equal: float | None = None
    unequal: float | None = None
    outside: tuple[float, float] | None = None

    def broken(self, value: float) -> str | None:
        """Why the value is out of bounds in words, or None when it is within."""
        tests: tuple[tuple[bool, str], ...] = (
            (self.equal is not None and value != self.equal, f"must be {_number(self.equal)}"),
            (self.unequal is not None and value == self.unequal, f"must not be {_number(self.unequal)}"),
            (self.above is not None and not value > self.above, f"must be greater than {_number(self.above)}"),
            (self.at_least is not None and not value >= self.at_least, f"must be at least {_number(self.at_least)}"),
            (self.below is not None and not value < self.below, f"must be less than {_number(self.below)}"),
            (self.at_most is not None and not value <= self.at_most, f"must be at most {_number(self.at_most)}"),
            (self.outside is not None and self.outside[0] <= value <= self.outside[1], f"must not lie in {self.outside}"),
        )
        return next((words for failed, words in tests if failed), None)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number over a batch, in rows or in `percent` of the rows; `values` are the valid or the missing ones."""

    name: str
    metric: Metric
    bounds: Bounds
    columns: tuple[str, ...] = ()
    percent: bool = False
    values: tuple[str | int | float | None, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How a rule or measure fared over `of` rows: how many broke it (or the measured number), and in words when it is broken."""

    rule: str
    value: float
    of: int
    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a batch keeps its contract, with every reason why not and the result of every rule that spoke."""

    state: Literal["kept", "broken"]
    reasons: tuple[str, ...]
    results: tuple[RuleResult, ...]

    @property
    def kept(self) -> bool:
        """Whether the contract is kept."""
        return self.state == "kept"


def reason(rule: Rule, value: object) -> str:
    """Why a row is rejected, with the value that broke the rule. For `unique` the value is the tuple of the columns' values."""
    if rule.kind == "required":
        return f"{rule.column} is missing and required"
    if rule.kind == "unique":
        values = value if isinstance(value, tuple) else (value,)
        told = ", ".join(f"{name} = {_shown(part)}" for name, part in zip(rule.columns, values, strict=True))
        return f"an earlier row has the same {told}"
    length = f" ({len(str(value))} characters)" if rule.kind in ("minLength", "maxLength") else ""
    return f"{rule.column} is {_shown(value)}{length}, {_WORDS[rule.kind]} {_shown(rule.limit)}"


def decide(
    rows: int,
    rejected: Mapping[str, int],
    measured: tuple[RuleResult, ...] = (),
    *,
    tolerance: float = 0.01,
    late: str | None = None,
) -> Verdict:
    """The verdict over a batch of `rows` rows of which `rejected[rule]` were rejected, each counted once.

    Broken when the rejected share is above `tolerance` (0 to 1), a measure is out of bounds, or `late` says so.
    """
    total = sum(rejected.values())
    results = (*(RuleResult(name, count, rows, not count) for name, count in sorted(rejected.items())), *measured)
    reasons = [result.reason for result in measured if not result.passed]
    if total > tolerance * rows:
        worst = ", ".join(f"{name} {count}" for name, count in sorted(rejected.items(), key=lambda item: (-item[1], item[0]))[:3])
        reasons.insert(0, f"{total} of {rows} rows rejected ({total / max(rows, 1):.1%}, tolerated {tolerance:.1%}): {worst}")
    if late:
        reasons.append(late)
    return Verdict("broken" if reasons else "kept", tuple(reasons), results)


def lateness(newest: datetime | None, now: datetime, freshness: timedelta | None) -> str | None:
    """Words when the newest row is older than promised at `now`, else None. `newest` None: no row is known yet."""
    if freshness is None or (newest is not None and now - newest <= freshness):
        return None
    since = f"the newest row is known since {iso(newest)}" if newest else "no row is known"
    return f"not fresh: {since}, promised is one within {duration_text(freshness)} before {iso(now)}"


def measure(rows: pa.Table, what: Measure) -> RuleResult:
    """Take a measure over a batch and compare it with its bounds."""
    count = _counted(rows, what)
    value = 100 * count / max(rows.num_rows, 1) if what.percent else float(count)
    broken = what.bounds.broken(value)
    told = f"{what.name} is {_number(value)}{' %' if what.percent else ''} of {rows.num_rows} rows and {broken}" if broken else ""
    return RuleResult(what.name, value, rows.num_rows, broken is None, told)


def _counted(rows: pa.Table, what: Measure) -> int:
    import pyarrow.compute as pc

    if what.metric == "rowCount":
        return int(rows.num_rows)
    if what.metric == "duplicateValues":
        return int(rows.num_rows - rows.group_by(list(what.columns)).aggregate([]).num_rows)
    column = rows[what.columns[0]]
    if what.metric == "nullValues":
        return int(column.null_count)
    values = column.to_pylist()
    if what.metric == "missingValues":
        return sum(value is None or value in what.values for value in values)
    known = [value for value in values if value is not None]
    bad = {value for value in set(known) if what.values and value not in what.values}
    if what.pattern is not None:
        texts = column.cast("string").drop_null()
        return int(pc.sum(pc.invert(pc.match_substring_regex(texts, what.pattern))).as_py() or 0)
    return sum(value in bad for value in known)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value) if value.tzinfo else value.isoformat()
    if isinstance(value, float):
        return _number(value)
    text = f"'{value}'" if isinstance(value, str) else ", ".join(map(_shown, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"
