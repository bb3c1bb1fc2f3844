"""The room of features: what the models see, how it is made, how it is spread, and how far it has strayed."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import Response

from baton.app.views import features as view
from baton.kernel.clock import iso
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.web import pager, wording
from baton.web.draw.bars import Bar, bars
from baton.web.draw.canvas import NARROW, fits
from baton.web.draw.histogram import histogram
from baton.web.draw.series import Line, series
from baton.web.marks import tolerated, went_live
from baton.web.page import Look, Page, of_predictions
from baton.web.pages.lineage import plan_of

A_PAGE = 100
MOST_BARS = 12
"""The latest versions whose weights are drawn, beside the live one."""
LATELY = timedelta(days=30)
"""The days whose predictions tell the share of missing values and the present spread."""
ORDERS = ("view", "importance", "drift", "missing", "name")
LOGGED = {"keep": "as it is", "hash": "hashed", "drop": "left out"}


def features(look: Look) -> Response:
    """All features: what the record tells at once, what the feature file declares with the fragment that follows."""
    asked = _asked(look)
    shown = view.features(look.records, None, **asked, limit=A_PAGE)
    proofs = view.parity(look.records)
    return look.show(
        "features.html", listing=shown, plan=None, trouble="", proofs=proofs, rest=_rest(look), **_around(look, shown, asked)
    )


def listing(look: Look) -> Response:
    """The list with what the feature file declares and the prediction log tells."""
    asked = _asked(look)
    plan, trouble = plan_of(look)
    missing = look.archive.ask("missing", **_lately(look))["missing"]
    shown = view.features(look.records, plan, **asked, limit=A_PAGE, missing=missing)
    return look.fragment("features/list.html", listing=shown, plan=plan, trouble=trouble, **_around(look, shown, asked))


def _asked(look: Look) -> dict[str, Any]:
    return {
        "asked": look.text("q"), "source": look.text("source"), "order": look.choice("order", ORDERS), "after": look.number("after", 0, 0, 10**6),
    }  # fmt: skip


def _rest(look: Look) -> str:
    asked = {name: value for name, value in look.request.query_params.items() if name in ("q", "source", "order", "after")}
    return look.url("/features-list", **asked)


def _around(look: Look, shown: view.Listing, asked: dict[str, Any]) -> dict[str, Any]:
    query = {"q": asked["asked"], "source": asked["source"], "order": asked["order"]}
    return {
        **asked,
        "orders": ORDERS,
        "pager": pager.by_place(lambda place: look.url("/features", **query, after=place), asked["after"], A_PAGE, shown.total),
    }


def _lately(look: Look) -> dict[str, Any]:
    return {"since": iso(look.at - LATELY), "end": iso(look.at), "until": iso(look.at)}


def feature(look: Look) -> Response:
    """One feature."""
    name = look.text("name")
    found = view.feature(look.records, name)
    if found is None:
        plan, _ = plan_of(look)
        found = view.feature(look.records, name, plan)
        if found is None:
            known = [each.name for each in view.everything(look.records, plan)]
            raise NotFound(f"there is no feature '{name}'", where="/features", fix=did_you_mean(name, known))
    weights = view.weights(look.records, name)
    return look.show(
        "features/feature.html", feature=found, weights=weights, strayed=_strayed(look, name), picture=_weighed(look, weights)
    )


def _weighed(look: Look, weights: list[view.Weight]) -> Any:
    if len(weights) < 2:
        return ""
    rows = [
        Bar(
            f"version {each.version}",
            (each.importance,),
            "accent" if each.status == "live" else "",
            look.url(f"/models/{each.version}"),
            f"place {each.place} of {each.of}",
        )
        for each in [*weights[:MOST_BARS], *(each for each in weights[MOST_BARS:] if each.status == "live")]
    ]
    return fits(lambda width: bars(rows, title="Importance by version", unit="%", width=width))


def _strayed(look: Look, name: str) -> dict[str, Any]:
    """The courses of drift and of the share outside the range, with the versions that took over."""
    known = view.course(look.records, name)
    there = [each for each in known if each.drift is not None or each.outside is not None]
    if not there:
        return {"drift": "", "outside": "", "days": 0, "last": None}
    events, limits = went_live(look, there[0].day), tolerated(look)
    drift = [(each.day, each.drift) for each in known]
    outside = [(each.day, each.outside) for each in known]
    return {
        "drift": fits(
            lambda width: series(
                [Line("", drift)], title=f"Drift of {name}", marks=events, within=(0, None), width=width, height=190
            )
        ),
        "outside": fits(
            lambda width: series(
                [Line("", outside, "s2")],
                title=f"Share outside the range of training, {name}",
                unit="%",
                marks=[*events, *limits],
                within=(0, None),
                width=width,
                height=190,
            )
        ),
        "days": len(there),
        "last": there[-1],
        "rows": [
            (wording.day(each.day), f"{each.drift:.3f}" if each.drift is not None else "–", wording.percent(each.outside))
            for each in reversed(there[-60:])
        ],
    }


def definition(look: Look) -> Response:
    """How a feature is made, as its file says now."""
    name = look.text("name")
    plan, trouble = plan_of(look)
    found = view.feature(look.records, name, plan)
    declared = found is not None and bool(found.form)
    used = view.parity(look.records, 1)
    same = used[0].digest == plan["digest"] if used and plan else None
    kind = plan["kinds"].get(name, "") if plan else ""
    file = str(look.definition.features) if look.definition is not None else ""
    return look.fragment(
        "features/definition.html",
        feature=found,
        declared=declared,
        trouble=trouble,
        same=same,
        kind=kind,
        file=file,
        logged=LOGGED,
    )


def months(look: Look) -> Response:
    """How a feature was spread, month by month."""
    name = look.text("name")
    found = look.archive.ask("months", feature=name, until=look.until)
    return look.fragment(
        "features/months.html",
        name=name,
        found=found,
        picture=_monthly(name, found),
        gaps=_gaps(name, found),
        rows=_month_rows(found),
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _monthly(name: str, found: dict[str, Any]) -> Any:
    each = [(_at(month["month"]), month) for month in found["months"]]
    if not each:
        return ""
    if found["shape"] == "number":
        band = [(at, month["p10"], month["p90"]) for at, month in each]
        lines = [Line("median", [(at, month["p50"]) for at, month in each], interval=band)]
        return fits(lambda width: series(lines, title=f"{name} by month", width=width))
    lines = [Line(value, [(at, month["shares"][place]) for at, month in each]) for place, value in enumerate(found["values"])]
    return fits(
        lambda width: series(
            lines if width > NARROW else lines[:3],
            title=f"{name} by month: shares of the most frequent values",
            unit="%",
            within=(0, None),
            width=width,
        )
    )


def _gaps(name: str, found: dict[str, Any]) -> Any:
    points = [(_at(month["month"]), month["missing"]) for month in found["months"]]
    if not any(value for _, value in points):
        return ""
    return fits(
        lambda width: series(
            [Line("", points, "s6")],
            title=f"Share of {name} missing, by month",
            unit="%",
            within=(0, None),
            width=width,
            height=130,
        )
    )


def _month_rows(found: dict[str, Any]) -> list[list[str]]:
    made = []
    for month in found["months"]:
        values = (
            [wording.words(month[name]) for name in ("p10", "p50", "p90")]
            if found["shape"] == "number"
            else [wording.percent(share) for share in month["shares"]]
        )
        made.append([f"{_at(month['month']):%b %Y}", wording.number(month["rows"]), wording.percent(month["missing"]), *values])
    return made


def shape(look: Look) -> Response:
    """How a feature is spread lately, beside what the live version saw in training."""
    name = look.text("name")
    version, candidate = view.candidate(look.records)
    found = look.archive.ask("beside_training", feature=name, candidate=candidate, **_lately(look))
    return look.fragment("features/shape.html", name=name, found=found, version=version, picture=_beside(name, version, found))


def _beside(name: str, version: int, found: dict[str, Any]) -> Any:
    if not found["rows"]:
        return ""
    if found["shape"] == "number":
        names = (f"training of version {version}" if found["reference"] else "training: not kept", "the last 30 days")
        return fits(
            lambda width: histogram(
                found["edges"],
                found["reference"],
                found["counts"],
                title=f"{name}: now and in training",
                names=names,
                width=width,
            )
        )
    share = [count / found["rows"] for count in found["counts"]]
    rows = [Bar(label, (value,)) for label, value in zip(found["labels"], share, strict=True)]
    rows += [Bar("all others", (found["others"] / found["rows"],), "idle")] if found["others"] else []
    return fits(lambda width: bars(rows, title=f"{name}: the most frequent values of the last 30 days", unit="%", width=width))


PAGES = (
    Page("GET", "/features", "read", features),
    Page("GET", "/features-list", "read", listing),
    Page("GET", "/features/{name}", "read", feature),
    Page("GET", "/features/{name}/definition", "read", definition),
    Page("GET", "/features/{name}/months", "read", of_predictions(months)),
    Page("GET", "/features/{name}/shape", "read", of_predictions(shape)),
)
