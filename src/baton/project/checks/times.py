"""Stretches and instants of time that contradict each other or the sources."""

from collections.abc import Iterator
from datetime import timedelta

from baton.kernel.clock import duration_text, iso
from baton.kernel.errors import Mistake
from baton.project.checks.ground import Ground
from baton.project.checks.people import is_zone
from baton.project.document import shown


def times(ground: Ground) -> Iterator[Mistake]:
    """Stretches of time and replays need a source that tells known times."""
    definition, lines = ground.definition, ground.lines
    source = definition.sources.get(definition.label.source)
    timed = source is None or source.known_at is not None
    for name in ("holdout", "validation", "window"):
        length = getattr(definition.recipe, name)
        if isinstance(length, timedelta) and not timed:
            default = "" if name in definition.recipe.model_fields_set else " (the default)"
            fix = f"add 'known_at: COLUMN' to sources.{definition.label.source}, or write " + (
                "no window" if name == "window" else f"a share: '{name}: 0.2'"
            )
            what = f"recipe.{name} is a stretch of time{default}, but source '{definition.label.source}' does not say when its rows are known"
            yield lines.mistake(("recipe", name), what, fix)
    if definition.replay is not None and not timed:
        what = f"a replay needs to know when labels arrive, and source '{definition.label.source}' has no known_at"
        yield lines.mistake(
            ("replay",), what, f"add 'known_at: COLUMN' to sources.{definition.label.source}, or delete the replay"
        )


def maturity(ground: Ground) -> Iterator[Mistake]:
    """Labels have time to arrive within the hold-out, or every training would be refused."""
    definition, lines = ground.definition, ground.lines
    source = definition.sources.get(definition.entity.source)
    timed = definition.decision is not None or (source is not None and source.known_at is not None)
    holdout, wait = definition.recipe.holdout, definition.monitor.maturity
    if not timed or not isinstance(holdout, timedelta) or definition.label.source == definition.entity.source or wait < holdout:
        return
    where = ("monitor", "maturity") if "maturity" in definition.monitor.model_fields_set else ("recipe", "holdout")
    what = f"labels have {duration_text(wait)} to arrive (monitor.maturity), so a hold-out of the last {duration_text(holdout)} has none"
    yield lines.mistake(where, what, f"write a longer one: 'holdout: {duration_text(wait + max(holdout, timedelta(days=7)))}'")


def decision(ground: Ground) -> Iterator[Mistake]:
    """Decisions come at a grain, and their span begins before it ends."""
    decision = ground.definition.decision
    if decision is None:
        return
    if not decision.every:
        yield ground.lines.mistake(("decision", "every"), "decision.every is nothing", "write e.g. 'every: 1h'")
    if decision.lead[0] >= decision.lead[1]:
        yield ground.lines.mistake(
            ("decision", "lead"), "decision.lead ends before it begins", "write the nearer bound first: '[1h, 2h]'"
        )


def replay(ground: Ground) -> Iterator[Mistake]:
    """A replay starts, goes live and ends in this order, in a known zone."""
    plan = ground.definition.replay
    if plan is None:
        return
    for early, late in (("start", "live"), ("live", "until")):
        first, second = getattr(plan, early), getattr(plan, late)
        if first >= second:
            what = f"replay.{late} ({iso(second)}) is not after replay.{early} ({iso(first)})"
            yield ground.lines.mistake(("replay", late), what, "order them: start, then live, then until")
    if not is_zone(plan.zone):
        yield ground.lines.mistake(
            ("replay", "zone"), f"replay.zone '{shown(plan.zone)}' is no time zone", "write e.g. 'America/New_York' or 'UTC'"
        )
