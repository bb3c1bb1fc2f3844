"""`baton loadtest`."""

import json
import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baton.cli.main import as_json
from baton.cli.right import Owned
from baton.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from baton.app.load.target import Target
    from baton.app.loadtest import Plan, Report, Step
    from baton.serving.capacity import Fit

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")


@click.command(cls=Owned, action="serve")
@click.argument("url")
@click.option("--body", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A request: JSON, or .jsonl with one a line, sent in turn.")  # fmt: skip
@click.option("--entities", default=None, metavar="KEY,KEY", help="Ask by key instead, one entity a request, in turn.")
@click.option("--objective", default="50ms", show_default=True, help="The latency to hold, e.g. 20ms or 1s.")
@click.option("--quantile", default=0.99, show_default=True, type=click.FloatRange(0.5, 0.9999), help="The share of requests that must hold it.")  # fmt: skip
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.05, 60), help="Length of each step.")
@click.option("--target", "goal", default=None, type=click.FloatRange(min=0, min_open=True), metavar="RPS", help="Requests a second to plan for.")  # fmt: skip
@click.option("--steps", default="1,2,4,8,16,32,64", show_default=True, help="Requests under way at once, step by step; six for a law.")  # fmt: skip
@click.option("--token-env", default=None, metavar="NAME", help="Variable that holds the server's token.")
@click.option("--i-may-load-this-host", "consent", is_flag=True, help="For a server on another machine.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
def loadtest(
    url: str,
    body: Path | None,
    entities: str | None,
    objective: str,
    quantile: float,
    seconds: float,
    goal: float | None,
    steps: str,
    token_env: str | None,
    *,
    consent: bool,
    plain: bool,
) -> None:
    """Load the model server at URL: what it carries within a latency objective, what limits it, how many are needed.

    Without --body or --entities the request is made from the server's own description, /openapi.json. Stop it with Ctrl-C:
    what was found so far is told.
    """
    from baton.app.load.target import read_target
    from baton.app.loadtest import Plan
    from baton.app.loadtest import loadtest as load

    target = read_target(url, _token(token_env), consent=consent)
    numbers, limit = _numbers(steps), _seconds(objective)
    plan = Plan(target, _bodies(target, body, entities), numbers, seconds, limit, quantile, goal)
    if not plain:
        click.echo(
            f"{target.url}: {len(plan.bodies)} request{'s' if len(plan.bodies) != 1 else ''} in turn, at most {plan.longest:.0f} s"
        )
    report = load(plan, (lambda _: None) if plain else (lambda step: click.echo(_line(step, plan))))
    click.echo(as_json(_values(report)) if plain else _told(report))
    if report.interrupted:
        sys.exit(130)


def _bodies(target: "Target", body: Path | None, entities: str | None) -> list[bytes]:
    from baton.app.load.example import described_body

    if body is not None and entities is not None:
        raise InvalidInput("--body and --entities are two ways to say what to ask", fix="leave one of them out")
    if entities is not None:
        return [json.dumps({"entities": [key]}).encode() for key in entities.split(",") if key]
    if body is None:
        return [described_body(target)]
    found = body.read_bytes()
    return [line for line in found.splitlines() if line.strip()] if body.suffix == ".jsonl" else [found]


def _token(variable: str | None) -> str:
    if variable is None:
        return ""
    token = os.environ.get(variable, "")
    if not token:
        raise NotFound(f"the variable {variable} is not set", where="--token-env", fix=f"export {variable}=TOKEN")
    return token


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no list of numbers", where="--steps", fix="e.g. --steps 1,2,4,8,16,32") from error


def _seconds(text: str) -> float:
    match = _SPAN.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise InvalidInput(f"'{text}' is no latency", where="--objective", fix="write it like 50ms or 1.5s")
    return float(match[1]) * (0.001 if match[2] == "ms" else 1)


def _line(step: "Step", plan: "Plan") -> str:
    what = f"{step.connections:>5} under way" if step.offered is None else f"{step.offered:>9,.0f}/s asked"
    quantile = "" if plan.quantile == 0.99 else f"   {_named(plan)} {_ms(step.quantile)}"
    kept = "" if step.offered is None else "   held" if step.kept else "   missed"
    return f"  {what:<16} {step.rate:>9,.0f}/s answered   p50 {_ms(step.p50)}   p99 {_ms(step.p99)}{quantile}   errors {step.errors}{kept}"


def _told(report: "Report") -> str:
    plan, found = report.plan, report.fit
    lines = ["stopped: what was found so far"] if report.interrupted else []
    if report.capacity is not None:
        lines.append(
            f"capacity   {report.capacity:,.0f}/s with {_named(plan)} within {_ms(plan.objective).strip()}{_beyond(report)}"
        )
    if found is not None:
        lines += _law(found)
    elif report.steps:
        lines.append("law        not fitted: it takes six different --steps")
    lines += _planned(report)
    if report.limited_by_tester:
        lines.append(f"careful    {report.limited_by_tester}: the server may carry more than is told here")
    return "\n".join(lines)


def _law(found: "Fit") -> list[str]:
    law = found.law
    best = "it levels off" if law.best == math.inf else f"most at N* = {law.best:.0f} under way"
    rows = [
        ("λ", f"{law.alone:,.0f}/s", f"{found.alone.low:,.0f}–{found.alone.high:,.0f}", "one alone"),
        ("α", f"{law.queueing:.4f}", f"{found.queueing.low:.4f}–{found.queueing.high:.4f}", "queueing"),
        ("β", f"{law.agreeing:.6f}", f"{found.agreeing.low:.6f}–{found.agreeing.high:.6f}", "agreeing"),
        ("", _rate(law.ceiling), f"{_rate(found.ceiling.low)}–{_rate(found.ceiling.high)}", f"ceiling; {best}"),
    ]
    head = f"law        X(N) = λN/(1 + α(N−1) + βN(N−1)), typical error {found.error:.1%}"
    return [head, *(f"           {name:<1} {value:>10}  ({sure})  {what}" for name, value, sure, what in rows)]


def _beyond(report: "Report") -> str:
    best = max((step.rate for step in report.steps), default=0.0)
    return f"; {best:,.0f}/s without regard to latency" if best else ""


def _planned(report: "Report") -> list[str]:
    goal, needed, free = report.plan.goal, report.replicas, report.headroom
    if goal is None or free is None:
        return []
    if needed is None:
        return [
            f"target     {goal:,.0f}/s: no number of replicas holds the objective; relax --objective, or make the model smaller"
        ]
    one = f"one server has {free:.0%} headroom" if free >= 0 else "one server is too few"
    return [f"target     {goal:,.0f}/s: {one}; {needed} needed, {needed + 1} so that one may fail"]


def _values(report: "Report") -> Mapping[str, Any]:
    plan, found = report.plan, report.fit
    told: dict[str, Any] = _finite(
        {
            "url": plan.target.url,
            "objective_seconds": plan.objective,
            "quantile": plan.quantile,
            "seconds": plan.seconds,
            "steps": [asdict(step) for step in report.steps],
            "trials": [asdict(step) for step in report.trials],
            "capacity": report.capacity,
            "law": None if found is None else {**asdict(found), "best": found.law.best, "most": found.law.ceiling},
            "target": plan.goal,
            "headroom": report.headroom,
            "replicas": report.replicas,
            "own_ceiling": report.own_ceiling,
            "limited_by_tester": report.limited_by_tester,
            "interrupted": report.interrupted,
        }
    )
    return told


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _named(plan: "Plan") -> str:
    return f"p{plan.quantile * 100:g}"


def _ms(seconds: float) -> str:
    return "     –   " if math.isnan(seconds) else f"{seconds * 1000:>6.1f} ms"


def _rate(rate: float) -> str:
    return "none" if rate == math.inf else f"{rate:,.0f}/s"
