"""An experiment in a person's own table: read through the query engine, analysed by the delivery stage, told as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from baton.app.bootstrap import open_columns
from baton.delivery.experiment import Analysis, Kind, Observations, analyse, kind_of, units_missing
from baton.delivery.guardrail import Guardrail, declared, follow
from baton.delivery.mismatch import read_split
from baton.delivery.picture import evidence_picture
from baton.delivery.reading import Reading, voided
from baton.kernel.digest import finite
from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a table: its columns, the control (the commonest variant when empty), and the error rate.

    `shares` are the assigned ones (equal when empty). `effect` is the difference that matters, `margin` the part of the control's
    rate that a variant may be worse by.
    """

    variant: str
    metric: str
    covariate: str = ""
    unit: str = ""
    control: str = ""
    kind: Literal["auto", "proportion", "mean"] = "auto"
    alpha: float = 0.05
    shares: tuple[tuple[str, float], ...] = ()
    effect: float | None = None
    better: Literal["higher", "lower"] = "higher"
    margin: float = 0.1


def fixed(path: Path, plan: Plan) -> dict[str, Any]:
    """The analysis at the end of an experiment. Raises InvalidInput when the table does not hold one."""
    seen, control = _read(path, plan)
    kind: Kind | None = None if plan.kind == "auto" else plan.kind
    if kind == "proportion" and kind_of(seen.metric[seen.metric == seen.metric]) != "proportion":
        raise InvalidInput(f"column '{plan.metric}' holds more than zeros and ones", fix="ask for its mean: --kind mean")
    try:
        found = analyse(seen, control, kind, plan.alpha, dict(plan.shares) or None)
    except ValueError as error:
        raise InvalidInput(f"{path.name} holds no experiment", where=f"column '{plan.variant}'", why=str(error)) from None
    return {**_plain(found), "needed": units_missing(found, plan.effect, plan.alpha) if plan.effect else {}}


def sequential(path: Path, plan: Plan) -> tuple[list[dict[str, Any]], list[str]]:
    """The readings with a look after every row, in the table's order, and a picture of each: the split, then every variant."""
    seen, control = _read(path, plan)
    if kind_of(seen.metric) != "proportion":
        raise InvalidInput(
            f"column '{plan.metric}' holds more than zeros and ones",
            why="a mean without bounds that were declared beforehand can be tested once, at the end, and not at every look",
            fix="leave out --sequential, or make it an event: 1 above a value chosen beforehand, else 0",
        )
    names = [control, *sorted(set(seen.variant.tolist()) - {control})]
    shares = dict(plan.shares) or dict.fromkeys(names, 1.0)
    split = read_split(
        {tuple(shares.get(name, 0.0) for name in names): tuple(int((seen.variant == name).sum()) for name in names)}, tuple(names)
    )
    asked = declared(
        [Guardrail(name, plan.metric, good=plan.better == "higher", margin=plan.margin, arm=name) for name in names[1:]],
        plan.alpha,
    )
    readings = [split, *(voided(_follow(seen, each, control, shares), split) for each in asked)]
    return [_reading(each) for each in readings], [
        evidence_picture(each, each.proof if each.decided == "no worse" else None) for each in readings
    ]


def _follow(seen: Observations, guardrail: Guardrail, control: str, shares: Mapping[str, float]) -> Reading:
    """Among the units of a variant and the control, each is the variant's with its part of both shares."""
    both = shares.get(guardrail.name, 0.0) + shares.get(control, 0.0)
    rows = seen.kept((seen.variant == guardrail.name) | (seen.variant == control))
    treated, events = rows.variant == guardrail.name, rows.metric == 1
    return follow(guardrail, shares.get(guardrail.name, 0.0) / both, treated.tolist(), events.tolist())


def _read(path: Path, plan: Plan) -> tuple[Observations, str]:
    _refuse_plan(plan)
    texts = [each for each in (plan.variant, plan.unit) if each]
    numbers = [each for each in (plan.metric, plan.covariate) if each]
    found = open_columns()(path, texts, numbers)
    covariate = found[plan.covariate] if plan.covariate else None
    seen = Observations(found[plan.variant], found[plan.metric], covariate, found[plan.unit] if plan.unit else None)
    seen = seen.kept(seen.variant != "")
    counts = Counter(seen.variant.tolist())
    for name in (plan.control, *(name for name, _ in plan.shares)):
        if name and name not in counts:
            raise InvalidInput(
                f"no row is of variant '{name}'", where=f"column '{plan.variant}'", fix=did_you_mean(name, sorted(counts))
            )
    if not counts:
        raise InvalidInput(f"{path.name} has no row of any variant", where=f"column '{plan.variant}'", fix="give it rows")
    if len(counts) < 2 or len(counts) > 20:
        what = "one variant only" if len(counts) < 2 else f"{len(counts):,} variants"
        raise InvalidInput(f"column '{plan.variant}' names {what}", fix="name the column that tells what each unit was given")
    if plan.shares and (silent := sorted(set(counts) - dict(plan.shares).keys())):
        raise InvalidInput(
            f"the shares leave out {', '.join(silent)}",
            where="--share",
            why="a split is held against what was assigned to each variant",
            fix=f"add --share {silent[0]}=…; units that were assigned to none belong out of the table",
        )
    return seen, plan.control or _commonest(counts)


def _refuse_plan(plan: Plan) -> None:
    if plan.covariate and plan.covariate == plan.metric:
        raise InvalidInput(
            f"'{plan.metric}' is the metric and the covariate",
            where="--covariate",
            why="a covariate is from before the experiment: the metric itself takes the effect away",
            fix="name a column that was known before, or leave --covariate out",
        )
    if plan.effect is not None and not 0 < abs(plan.effect) < float("inf"):
        raise InvalidInput("the effect is no difference", where="--effect", fix="write how large a difference matters, e.g. 0.01")


def _commonest(counts: Mapping[str, int]) -> str:
    """`control` where a variant is called so, else the commonest, the first by name among equals."""
    return "control" if "control" in counts else min(counts, key=lambda name: (-counts[name], name))


def _plain(found: Analysis) -> dict[str, Any]:
    return dict(_finite(msgspec.to_builtins(found)))


def _reading(reading: Reading) -> dict[str, Any]:
    return dict(_finite(msgspec.to_builtins(reading)))


def _finite(value: Any) -> Any:
    """Plain values fit for JSON: None in place of NaN and infinities."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return finite(value, 12) if isinstance(value, float) else value
