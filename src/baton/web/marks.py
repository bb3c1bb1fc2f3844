"""Marks that pictures of quality have in common: what was agreed, and which version went live when."""

from datetime import datetime

from baton.app.views.criterion import agreed
from baton.delivery.release import BEFORE, Release
from baton.web.draw.mark import Event, Threshold
from baton.web.page import Look

MOST = 30
"""The newest releases that are marked, of those that have answered for all."""


def limits(look: Look, metric: str) -> list[Threshold]:
    """The bounds that were agreed for a metric; none where nothing was."""
    found = agreed(look.definition, metric)
    bounds = [(found.at_most, "agreed at most"), (found.at_least, "agreed at least")] if found is not None else []
    return [Threshold(value, words) for value, words in bounds if value is not None]


def tolerated(look: Look) -> list[Threshold]:
    """The share of rows outside the range of training from which a feature counts as strayed."""
    return [Threshold(look.definition.monitor.novelty, "tolerated")] if look.definition is not None else []


def went_live(look: Look, since: datetime | None = None) -> list[Event]:
    """The newest releases that came to answer for all, from an instant on."""
    return [
        Event(each.live_at, f"v{each.version} live", "info", look.url(f"/releases/{each.id}"))
        for each in look.records.latest(Release, status=("live", *BEFORE), limit=MOST)
        if each.live_at is not None and (since is None or each.live_at >= since)
    ]
