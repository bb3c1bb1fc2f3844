"""Places: the page of each thing that is on record."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

PLACES: Final[Mapping[str, str]] = {
    "source": "/data/{}", "table": "/data/{}", "feature": "/features/{}", "version": "/models/{}", "training": "/models/{}",
    "release": "/releases/{}", "month": "/monitoring/month/{}", "incident": "/incidents/{}", "handoff": "/inbox/{}",
    "approval": "/inbox/{}", "consultation": "/inbox/{}", "task": "/inbox/{}", "person": "/team/{}",
}  # fmt: skip
"""By kind; a version and its training by number, all else by id."""


def place_of(kind: str, name: str) -> str:
    """The path of the page about a thing; empty for a kind that has none."""
    found = PLACES.get(kind)
    return found.format(quote(name, safe="")) if found is not None else ""
