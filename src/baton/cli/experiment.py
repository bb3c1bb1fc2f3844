"""`baton experiment`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from baton.cli.main import as_json
from baton.cli.right import Owned
from baton.cli.table import table

if TYPE_CHECKING:
    from baton.app.views.experiment import Plan


@click.group()
def experiment() -> None:
    """Analyse experiments: variants that units were drawn into, and a metric of theirs."""


@experiment.command(cls=Owned, action="project.check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--variant", required=True, metavar="COL", help="Column that tells what each unit was given.")
@click.option("--metric", required=True, metavar="COL", help="Column of the outcome: 0 and 1, or numbers.")
@click.option(
    "--kind", type=click.Choice(["auto", "proportion", "mean"]), default="auto", show_default=True, help="What the metric is."
)
@click.option(
    "--covariate", default="", metavar="COL", help="A number from before the experiment, to narrow the intervals (CUPED)."
)
@click.option("--unit", default="", metavar="COL", help="Who a row is about, to tell when units repeat.")
@click.option("--control", default="", metavar="NAME", help="The variant compared with.  [default: 'control', or the commonest]")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="Error rate, over all variants.",
)
@click.option(
    "--share",
    "shares",
    multiple=True,
    metavar="NAME=SHARE",
    help="Assigned share of a variant; may be repeated.  [default: equal]",
)
@click.option("--effect", type=float, default=None, help="The difference that matters, to tell how many more units show it.")
@click.option(
    "--sequential", "looks", is_flag=True, help="As looked at after every row, in the table's order; for metrics of 0 and 1."
)
@click.option(
    "--better",
    type=click.Choice(["higher", "lower"]),
    default="higher",
    show_default=True,
    help="With --sequential: which way is better.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.9, min_open=True),
    default=0.1,
    show_default=True,
    help="With --sequential: part of the control's rate that is no harm.",
)
@click.option(
    "--picture", type=click.Path(path_type=Path), default=None, help="With --sequential: write the evidence to this SVG file."
)
@click.option("--json", "plain", is_flag=True, help="For machines.")
def analyse(
    file: Path,
    variant: str,
    metric: str,
    kind: Literal["auto", "proportion", "mean"],
    covariate: str,
    unit: str,
    control: str,
    alpha: float,
    shares: tuple[str, ...],
    effect: float | None,
    looks: bool,
    better: Literal["higher", "lower"],
    margin: float,
    picture: Path | None,
    plain: bool,
) -> None:
    """Analyse an experiment in a CSV or Parquet file, one row a unit: split first, then every variant against the control."""
    from baton.app.views.experiment import Plan, fixed

    if picture is not None and not looks:
        raise click.UsageError("--picture draws the evidence of every look: add --sequential")
    plan = Plan(
        variant, metric, covariate, unit, control, kind, alpha, tuple(_share(each) for each in shares), effect, better, margin
    )
    if looks:
        _sequential(file, plan, picture, plain)
        return
    told = fixed(file, plan)
    click.echo(as_json(told) if plain else _page(told))


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        number = float(share)
    except ValueError:
        number = -1.0
    if not name or not 0 < number < float("inf"):
        raise click.UsageError(f"--share {text}: write NAME=SHARE, e.g. control=0.9")
    return name, number


def _page(told: Mapping[str, Any]) -> str:
    percent = told["kind"] == "proportion" and told["effects"][0]["method"].startswith("Newcombe")
    rows = [
        [each["name"], f"{each['units']:,}", f"{each['mean']:.3%}" if percent else f"{each['mean']:.6g}"]
        for each in told["samples"]
    ]
    lines = [told["split"]["sentence"], "", table(["variant", "units", "share" if percent else "mean"], rows), ""]
    lines += [each["sentence"] for each in told["effects"]]
    if told["variance_kept"] < 1:
        lines.append(f"The covariate took {1 - told['variance_kept']:.0%} of the variance away.")
    if told["needed"]:
        lines.append(
            "More units needed to show the effect asked for: "
            + ", ".join(f"{name} {count:,}" for name, count in told["needed"].items())
        )
    return "\n".join([*lines, *(f"warning: {each}" for each in told["warnings"])])


def _sequential(file: Path, plan: "Plan", picture: Path | None, plain: bool) -> None:
    from baton.app.views.experiment import sequential

    readings, pictures = sequential(file, plan)
    if picture is not None:
        picture.write_text(pictures[-1] + "\n", encoding="utf-8")
    if plain:
        click.echo(as_json(readings))
        return
    rows = [
        [each["name"], each["decided"], f"{asked['evidence']:.3g}", f"{asked['threshold']:.3g}", each["sentence"]]
        for each in readings
        for asked in [each["proof"] if each["decided"] == "no worse" else each["harm"]]
    ]
    click.echo(table(["", "decided", "evidence", "of", ""], rows))
