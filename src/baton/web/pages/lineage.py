"""Lineage: what comes from what around one thing, as a picture to walk through and as a list."""

from typing import Any

from fastapi import Response

from baton.app.views import lineage as tree
from baton.app.views import sources as view
from baton.app.views.relation import Point
from baton.kernel.digest import digest_file
from baton.kernel.errors import InvalidProject, NotFound, Unavailable
from baton.web import wording
from baton.web.draw.canvas import fits
from baton.web.draw.graph import Edge, Node, graph
from baton.web.page import Look, Page
from baton.web.places import place_of


def lineage(look: Look) -> Response:
    """What comes from what, around one node."""
    of = look.text("of") or _anything(look)
    known = tree.beginnings(look.records, look.definition)
    return look.show("data/lineage.html", of=of, known=known, fragment=look.url("/data/lineage/picture", of=of))


def _anything(look: Look) -> str:
    """A node to begin with: the source that a decision is about, else any."""
    found, _ = view.sources(look.ledger, look.records, look.definition, look.at, look.moment)
    entity = look.definition.entity.source if look.definition is not None else ""
    names = [each.name for each in found]
    return f"source:{entity if entity in names else names[0]}" if names else ""


def lineage_picture(look: Look) -> Response:
    """The picture, and the same as a list."""
    of = look.text("of")
    plan, trouble = plan_of(look)
    found = tree.lineage(look.records, of, plan, look.definition)
    nodes = [
        Node(
            each.id,
            each.label,
            each.told,
            "accent" if each.middle else _tone(each),
            None if each.middle else look.url("/data/lineage", of=each.id),
        )
        for each in found.points
    ]
    edges = [Edge(each.source, each.target, each.told) for each in found.arrows]
    title = f"Lineage of {found.middle.label}"
    picture = fits(lambda width: graph(nodes, edges, title=title, width=width))
    labels = {each.id: each for each in found.points}
    middle = found.middle
    path = place_of(middle.kind, middle.name)
    page = look.url("/features", source=middle.name) if middle.kind == "features" else look.url(path)
    told = [(labels[each.source], each, labels[each.target]) for each in found.arrows]
    return look.fragment("data/lineage-picture.html", found=found, picture=picture, told=told, page=page, trouble=trouble)


def _tone(point: Point) -> str:
    if point.kind in ("source", "version", "release", "incident"):
        return "good" if point.status == "kept" else wording.tone(point.status)
    return ""


def plan_of(look: Look) -> tuple[dict[str, Any] | None, str]:
    """What the feature file declares now, and why not, when it cannot be told. It runs in the archive's process, never in this one."""
    if look.definition is None:
        return None, "there is no project file"
    path = look.desk.project / look.definition.features
    if not path.is_file():
        return None, f"{look.definition.features} is not there"
    try:
        told: dict[str, Any] = look.archive.ask("plan", file=digest_file(path))
    except InvalidProject as error:
        return None, "; ".join(f"{each.file}:{each.line} {each.what}" for each in error.mistakes[:2])
    except (NotFound, Unavailable) as error:
        return None, f"{error.what} {error.why}".strip()
    return told, ""


PAGES = (
    Page("GET", "/data/lineage", "read", lineage),
    Page("GET", "/data/lineage/picture", "read", lineage_picture),
)
