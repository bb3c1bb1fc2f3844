"""`baton release`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.cli.table import table


@click.group()
def release() -> None:
    """Releases on their way into traffic, and the evidence on which they advance or are rolled back."""


@release.command("list", cls=Owned, action="read")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def list_(where: Where, plain: bool) -> None:
    """Every release, newest first."""
    from baton.app.views.release import releases

    found = releases(where.workspace)
    rows = [
        [
            each["id"],
            str(each["version"]),
            each["variant"] or each["status"],
            f"{each['share']:.1%}",
            _day(each["since"]),
            each["reason"][:60],
        ]
        for each in found
    ]
    click.echo(as_json(found) if plain else table(["release", "version", "as", "share", "since", ""], rows))


@release.command(cls=Owned, action="read")
@click.argument("name", required=False, metavar="[ID]")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.option("--picture", type=click.Path(path_type=Path), default=None, help="Write the evidence to this SVG file.")
@click.option("--reading", default=None, metavar="NAME", help="Which reading the picture shows.  [default: what decided]")
@click.pass_obj
def show(where: Where, name: str | None, plain: bool, picture: Path | None, reading: str | None) -> None:
    """What was asked of a release (by id or version; else the one on trial), and what the evidence says."""
    from baton.app.views.release import picture as drawn
    from baton.app.views.release import release as read

    told = read(where.workspace, name)
    if picture is not None:
        picture.write_text(drawn(where.workspace, name, reading) + "\n", encoding="utf-8")
    click.echo(as_json(told) if plain else _page(told))


def _page(told: Mapping[str, Any]) -> str:
    share = f" for {told['share']:.1%} of entities" if told["status"] in ("canary", "arm") else ""
    name = f" ({told['variant']})" if told["variant"] else ""
    head = f"{told['id']}{name}: version {told['version']} is {told['status']}{share} since {_day(told['since'])}"
    if not told["readings"]:
        return f"{head}\n\n{told['reason'] or 'Nothing was weighed yet.'}"
    rows = [_row(each) for each in told["readings"]]
    headings = ["reading", "decided", "exposed", "estimate", "bounds", "harm", "decides at", "proof", "decides at"]
    move = f"At {_day(told['weighed_at'])}: {told['move']}. {told['why']}"
    words = [f"  {each['name']}: {each['sentence']}" for each in told["readings"]]
    return "\n".join([head, "", table(headings, rows), "", *words, "", move])


def _row(each: Mapping[str, Any]) -> list[str]:
    interval, proof = each["interval"] or {}, each["proof"] or {}
    exposed = max((arm["exposures"] for arm in each["arms"]), default=0)
    return [
        each["name"],
        each["decided"],
        f"{exposed:,}",
        _number(interval.get("estimate")),
        f"{_number(interval.get('low'))} to {_number(interval.get('high'))}" if interval else "–",
        f"{each['harm']['evidence']:.3g}",
        f"{each['harm']['threshold']:.3g}",
        f"{proof['evidence']:.3g}" if proof else "–",
        f"{proof['threshold']:.3g}" if proof else "–",
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _day(text: object) -> str:
    return str(text or "")[:16].replace("T", " ")
