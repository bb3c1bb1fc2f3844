"""Models: every version, what one was made of and how good it is, where it comes from, who said yes, and two side by side."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import Response
from fastapi.responses import FileResponse
from markupsafe import Markup

from baton.app.bootstrap import open_artifacts
from baton.app.views import models as view
from baton.app.views import release as trial
from baton.app.views.card import Subject, card_of, markdown
from baton.app.views.ingredients import ingredients
from baton.app.views.models import Difference, Made
from baton.app.views.newest import newest
from baton.app.views.seal import bundle_file, seal_of
from baton.app.views.voices import gate, voices
from baton.kernel.errors import BatonError
from baton.registry.version import MOVES, ModelVersion
from baton.web import pager, wording
from baton.web.download import MARKDOWN, written
from baton.web.draw.bars import Bar, bars
from baton.web.draw.canvas import fits
from baton.web.draw.reliability import Bin, reliability
from baton.web.page import Look, Page, of_predictions

PAGE = 25
TABS = ("card", "evaluation", "lineage", "approvals", "bundle", "history")
SLICES, FEATURES, TRIALS = 60, 15, 30
"""The most slices, features and trials that a page shows."""
NEWEST = 1_000_000_000
ABOVE_BEST = "Log loss above the best trial's"


def models(look: Look) -> Response:
    """The list."""
    status, before = look.choice("status", ("", *MOVES)), look.text("before")
    rows, after = view.listed(look.records, look.ledger, look.moment, status, before, PAGE)
    counts = look.records.counts(ModelVersion)
    total = counts.get(status, 0) if status else sum(counts.values())
    return look.show(
        "models.html",
        rows=rows,
        before=before,
        wanted=status,
        statuses=tuple(MOVES),
        counts=counts,
        total=total,
        pager=pager.by_record(
            lambda last: look.here(before=last), f"{len(rows)} of {wording.plural(total, 'version')}", after, before
        ),
        against={each.version.version: view.against(gate(look.records, each.version)) for each in rows},
    )


def version(look: Look) -> Response:
    """One version, a tab at a time."""
    found, tab = _version(look), look.choice("tab", TABS)
    before = view.predecessor(look.records, found)
    releases = view.releases_of(look.records, found.version)
    now = next((each for each in releases if each.status in view.IN_TRAFFIC), None)
    return look.show(
        "models/version.html",
        found=found,
        before=before,
        after=look.records.get(ModelVersion, f"version-{found.version + 1}"),
        release=now,
        tab=tab,
        tabs=TABS,
        change=view.metrics(before.metrics if before else {}, found.metrics),
        **_TABBED[tab](look, found),
    )


def _version(look: Look) -> ModelVersion:
    return view.found(look.records, look.number("version", 0, 1, NEWEST))


def _card(look: Look, found: ModelVersion) -> dict[str, Any]:
    made, trouble = view.made_of(look.records, open_artifacts(look.workspace), found)
    return {"trouble": trouble, "card": card_of(Subject(found, made, look.definition, look.team, look.at))}


def _evaluation(look: Look, found: ModelVersion) -> dict[str, Any]:
    made, trouble = view.made_of(look.records, open_artifacts(look.workspace), found)
    ranked = made.ranked[:TRIALS] if made is not None else []
    slices = sorted(made.slices, key=lambda each: -(each.brier or 0.0)) if made is not None else []
    marked = view.worst(slices, found.metrics.get("brier"))
    return {
        "trouble": trouble,
        "made": made,
        "gate": gate(look.records, found),
        "slices": slices[:SLICES],
        "slice_count": len(slices),
        "marked": marked,
        "slice_bars": fits(partial(_slice_bars, slices[:12], marked)) if slices else None,
        "importance": fits(partial(_importance, found)) if found.importance else None,
        "features": len(found.importance),
        "most": FEATURES,
        "trials": ranked,
        "above_best": ABOVE_BEST,
        "trial_bars": fits(partial(_trial_bars, made)) if made is not None and len(ranked) > 1 else None,
    }


def _slice_bars(slices: Sequence[view.Slice], marked: frozenset[tuple[str, str]], width: int) -> Markup:
    rows = [
        Bar(
            f"{each.feature} {each.value}",
            [each.brier],
            "bad" if (each.feature, each.value) in marked else "s1",
            note=f"{each.rows:,} rows",
        )
        for each in slices
    ]
    return bars(rows, title="Brier score by slice, worst first", width=width)


def _importance(found: ModelVersion, width: int) -> Markup:
    ranked = sorted(found.importance.items(), key=lambda each: -each[1])[:FEATURES]
    return bars([Bar(name, [value]) for name, value in ranked], title="Share of gain by feature", unit="%", width=width)


def _trial_bars(made: Made, width: int) -> Markup:
    """How far each trial is from the best one: the losses themselves differ too little to be seen."""
    known = [each for each in made.ranked[:TRIALS] if each.loss is not None]
    best = known[0].loss or 0.0 if known else 0.0
    rows = [
        Bar(
            f"{each.number} {each.learner}",
            [(each.loss or 0.0) - best],
            "good" if each.number == made.chosen.number else "s1",
            note="chosen" if each.number == made.chosen.number else "",
        )
        for each in known
    ]
    return bars(rows, title=ABOVE_BEST, width=width)


def _lineage(look: Look, found: ModelVersion) -> dict[str, Any]:
    told = ingredients(look.records, found)
    own = f"/models/{found.version}"
    places = {
        "features": look.url("/features"),
        "bundle": look.url(own, tab="bundle"),
        "candidate": look.url(own, tab="evaluation"),
    }
    leads = {each.ref: look.url(f"/data/{each.ref}") if each.kind == "source" else places.get(each.kind) for each in told.parts}
    return {"made": told, "leads": leads}


def _approvals(look: Look, found: ModelVersion) -> dict[str, Any]:
    return {"voices": voices(look.records, look.ledger, found, look.moment)}


def _bundle(look: Look, found: ModelVersion) -> dict[str, Any]:
    return {"seal": seal_of(look.workspace, found)}


def _history(look: Look, found: ModelVersion) -> dict[str, Any]:
    facts, more = view.history(look.records, look.ledger, found, look.moment)
    return {"facts": facts, "more": more}


_TABBED: Mapping[str, Callable[[Look, ModelVersion], dict[str, Any]]] = {
    "card": _card,
    "evaluation": _evaluation,
    "lineage": _lineage,
    "approvals": _approvals,
    "bundle": _bundle,
    "history": _history,
}


def card(look: Look) -> Response:
    """The model card as a file."""
    found = _version(look)
    made, _ = view.made_of(look.records, open_artifacts(look.workspace), found)
    text = markdown(card_of(Subject(found, made, look.definition, look.team, look.at)))
    return written(text, f"{_project(look)}-{found.version}-card.md", MARKDOWN)


def bundle(look: Look) -> Response:
    """The bundle as a file, as `baton bundle export` gives it."""
    found = _version(look)
    path, _ = bundle_file(look.workspace, found)
    return FileResponse(path, media_type="application/octet-stream", filename=f"{_project(look)}-{found.version}.bundle")


def seal(look: Look) -> Response:
    """The seal of the bundle, to stand beside it."""
    found = _version(look)
    _, signature = bundle_file(look.workspace, found)
    return written(signature.hex() + "\n", f"{_project(look)}-{found.version}.bundle.sig")


def _project(look: Look) -> str:
    return look.definition.project if look.definition is not None else "model"


def calibration(look: Look) -> Response:
    """Whether the version's scores meant what they said, in service."""
    return look.fragment("models/calibration.html", versions=[_calibrated(look, _version(look))])


def both_calibrations(look: Look) -> Response:
    """The calibration of two versions beside each other."""
    return look.fragment("models/calibration.html", versions=[_calibrated(look, each) for each in _pair(look)])


def _calibrated(look: Look, found: ModelVersion) -> dict[str, object]:
    try:
        told = look.archive.ask("calibration", version=found.version, until=look.until)
    except BatonError as error:
        return {"number": found.version, "told": None, "why": f"{error.what}. {error.why}".strip(), "picture": ""}
    known = [Bin(each["score"], each["observed"], each["count"], each["from"], each["to"]) for each in told["bins"]]
    title = f"Calibration of version {found.version} in service"
    return {"number": found.version, "told": told, "why": "", "picture": reliability(known, title=title, width=420)}


def _pair(look: Look) -> tuple[ModelVersion, ModelVersion]:
    there = newest(look.records, ModelVersion)
    last = there.version if there is not None else 1
    second = look.number("b", last, 1, NEWEST)
    return view.found(look.records, look.number("a", max(1, second - 1), 1, NEWEST)), view.found(look.records, second)


def compare(look: Look) -> Response:
    """Two versions side by side."""
    first, second = _pair(look)
    artifacts = open_artifacts(look.workspace)
    (here, _), (there, _) = (view.made_of(look.records, artifacts, each) for each in (first, second))
    slices = view.slices(here, there)
    names = (f"version {first.version}", f"version {second.version}")
    important = view.importance(first, second)[:FEATURES]
    newer = max(first, second, key=lambda each: each.version)
    release = next(iter(view.releases_of(look.records, newer.version, 1)), None)
    return look.show(
        "models/compare.html",
        first=first,
        second=second,
        made=(here, there),
        newer=newer.version,
        against=view.against(gate(look.records, newer)),
        champion=view.champion(look.records, look.ledger, newer, look.moment),
        metrics=view.metrics(first.metrics, second.metrics),
        slices=slices[:SLICES],
        slice_count=len(slices),
        slice_bars=fits(partial(_changes, slices[:12], f"Brier score of {names[1]} less that of {names[0]}")) if slices else None,
        importance=fits(partial(_paired, important, names)) if important else None,
        settings=view.settings(here, there),
        release=release,
        weighing=trial.weighing_of(look.records, release) if release is not None else None,
    )


def _changes(slices: Sequence[Difference], title: str, width: int) -> Markup:
    rows = [
        Bar(each.name, [each.change], "idle", note=f"{each.rows:,} rows or more") for each in slices if each.change is not None
    ]
    return bars(rows, title=title, width=width)


def _paired(important: Sequence[Difference], names: tuple[str, str], width: int) -> Markup:
    return bars(
        [Bar(each.name, [each.first, each.second]) for each in important],
        title="Share of gain by feature",
        unit="%",
        names=names,
        width=width,
    )


PAGES = (
    Page("GET", "/models", "read", models),
    Page("GET", "/models/compare", "read", compare),
    Page("GET", "/models/compare/calibration", "read", of_predictions(both_calibrations)),
    Page("GET", "/models/{version}/card.md", "read", card),
    Page("GET", "/models/{version}/bundle", "read", bundle),
    Page("GET", "/models/{version}/bundle.sig", "read", seal),
    Page("GET", "/models/{version}/calibration", "read", of_predictions(calibration)),
    Page("GET", "/models/{version}", "read", version),
)
