"""A graph of what comes from what: nodes in layers from left to right, as few crossings as a few sweeps can find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.web.draw import layering
from baton.web.draw.canvas import WIDE, hover, linked, nothing, picture, place, tag, words
from baton.web.draw.lettering import abridged, breadth, clipped
from baton.web.draw.numeral import told
from baton.web.draw.scale import finite

_TALL, _BETWEEN, _SLOT = 40.0, 14.0, 12.0
_BROADEST, _NARROWEST, _LANE = 190.0, 112.0, 36.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node: label, a quieter second line, tone, address; a layer pins it to a column, unless what it comes from lies there or behind."""

    id: str
    label: str
    sub: str = ""
    tone: str = ""
    href: str | None = None
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """From one node to another; the weight (any positive amount) is its thickness."""

    source: str
    target: str
    label: str = ""
    weight: float | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Places of nodes and of the bends of long edges (named by edge and layer), and the ways of edges."""

    layers: list[list[str]]
    number: dict[str, int]
    y: dict[str, float]
    broad: float
    lane: float
    routes: dict[layering.Arc, list[str]]

    def x(self, layer: int) -> float:
        return 1.0 + (self.broad + self.lane) * layer


def graph(nodes: Sequence[Node], edges: Sequence[Edge], *, title: str, width: int = WIDE) -> Markup:
    """Nodes and edges; edges that name no node are left out, those that close a circle are drawn backwards and dashed.

    A graph with more layers than the width can hold is drawn at its own size, to be scrolled. Of nodes with one id, the first counts.
    """
    nodes = list({node.id: node for node in reversed(nodes)}.values())[::-1]
    if not nodes:
        return nothing(title, width)
    edges, forward, backward = _sorted(nodes, edges)
    layout = _laid_out(nodes, forward, width)
    breadest = layout.x(len(layout.layers) - 1) + layout.broad + 1
    foot = max(layout.y[node.id] for node in nodes) + _TALL / 2 + 2 + (22 if backward else 0)
    most = max([edge.weight for edge in edges if finite(edge.weight)], default=0.0)
    shift = max((width - breadest) / 2, 0.0)
    whole = tag(
        "g",
        *(_edge(layout, edge, most) for edge in edges if (edge.source, edge.target) in layout.routes),
        *(_backward(layout, edge, foot) for edge in edges if (edge.source, edge.target) in set(backward)),
        *(_node(layout, node) for node in nodes),
        transform=f"translate({place(shift)},0)" if shift else None,
    )
    size = (max(breadest, float(width)), foot)
    return picture("graph", size, title, _gist(nodes, edges, layout, backward), (whole,), own=breadest > width)


def _sorted(nodes: Sequence[Node], edges: Sequence[Edge]) -> tuple[list[Edge], list[layering.Arc], list[layering.Arc]]:
    known = [node.id for node in nodes]
    kept = list({(edge.source, edge.target): edge for edge in edges if {edge.source, edge.target} <= set(known)}.values())
    forward, backward = layering.acyclic(known, [(edge.source, edge.target) for edge in kept])
    return kept, forward, backward


def _laid_out(nodes: Sequence[Node], forward: Sequence[layering.Arc], width: int) -> _Layout:
    number = layering.longest(
        [node.id for node in nodes], forward, {node.id: node.layer for node in nodes if node.layer is not None}
    )
    layers: list[list[str]] = [[] for _ in range(max(number.values()) + 1)]
    for node in nodes:
        layers[number[node.id]].append(node.id)
    routes, pieces, tall = {}, [], {node.id: _TALL + _BETWEEN for node in nodes}
    for source, target in forward:
        bends = [f"{source}\n{target}\n{layer}" for layer in range(number[source] + 1, number[target])]
        for layer, bend in zip(range(number[source] + 1, number[target]), bends, strict=True):
            layers[layer].append(bend)
            tall[bend] = _SLOT
        routes[source, target] = [source, *bends, target]
        pieces += list(zip(routes[source, target], routes[source, target][1:], strict=False))
    layers = layering.ordered(layers, pieces)
    broad, lane = _columns(nodes, len(layers), width)
    y = {node: height - _BETWEEN / 2 + 1 for node, height in layering.heights(layers, pieces, tall).items()}
    return _Layout(layers, number, y, broad, lane, routes)


def _columns(nodes: Sequence[Node], count: int, width: int) -> tuple[float, float]:
    """How broad nodes are, and the lane between: what labels want, or what the width leaves."""
    wanted = min(max(max(breadth(node.label), breadth(node.sub, 11)) for node in nodes) + 26, _BROADEST)
    room = (width - 2 - _LANE * (count - 1)) / count
    broad = max(min(wanted, room), _NARROWEST)
    lane = (width - 2 - broad * count) / (count - 1) if count > 1 else 0.0
    return broad, min(max(lane, _LANE), 96.0)


def _edge(layout: _Layout, edge: Edge, most: float) -> Markup:
    way = layout.routes[edge.source, edge.target]
    first = layout.number[edge.source]
    x, y = layout.x(first) + layout.broad, layout.y[edge.source]
    steps, halfway = [f"M{place(x)},{place(y)}"], (x, y)
    for at, stop in enumerate(way[1:], first + 1):
        next_x, next_y = layout.x(at) - (6 if stop == way[-1] else 0), layout.y[stop]
        middle, halfway = (x + next_x) / 2, ((x + next_x) / 2, (y + next_y) / 2)
        steps.append(f"C{place(middle)},{place(y)} {place(middle)},{place(next_y)} {place(next_x)},{place(next_y)}")
        x, y = next_x, next_y
        if stop != way[-1]:
            x += layout.broad
            steps.append(f"H{place(x)}")
    thick = 1.25 if not finite(edge.weight) or most <= 0 or edge.weight <= 0 else 1.25 + 5.0 * edge.weight / most
    return _drawn(layout, edge, "".join(steps), ((x, y), halfway, thick))


def _drawn(layout: _Layout, edge: Edge, d: str, end: tuple[tuple[float, float], tuple[float, float], float]) -> Markup:
    (x, y), halfway, thick = end
    weight = f" ({told(edge.weight)})" if finite(edge.weight) else ""
    said = f"{edge.source} → {edge.target}{f': {edge.label}' if edge.label else ''}{weight}"
    tone, half = " toned" if edge.tone else "", max(4.0, thick / 2 + 2)
    head = tag("path", d=f"M{place(x + 6)},{place(y)}l-7,{place(-half)}v{place(2 * half)}z", class_=f"tip-of{tone}")
    room = layout.lane - 12
    label = (
        words(edge.label, halfway[0], halfway[1] + 4, "small halo", "middle")
        if edge.label and breadth(edge.label, 11) <= room
        else ""
    )
    line = tag("path", d=d, class_=f"edge{tone}", stroke_width=float(thick))
    wide = tag("path", d=d, class_="edge-hit")
    return tag("g", hover(said), line, wide, head, label, class_=edge.tone or None, data_tip=said)


def _backward(layout: _Layout, edge: Edge, foot: float) -> Markup:
    from_x, to_x = (
        layout.x(layout.number[edge.source]) + layout.broad / 2,
        layout.x(layout.number[edge.target]) + layout.broad / 2,
    )
    from_y, to_y = layout.y[edge.source] + _TALL / 2, layout.y[edge.target] + _TALL / 2
    from_x, to_x = (from_x + 16, to_x - 16) if from_x == to_x else (from_x, to_x)
    low = foot - 4
    said = f"{edge.source} → {edge.target}, back{f': {edge.label}' if edge.label else ''}"
    d = f"M{place(from_x)},{place(from_y)}C{place(from_x)},{place(low)} {place(from_x)},{place(low)} {place((from_x + to_x) / 2)},{place(low)}S{place(to_x)},{place(low)} {place(to_x)},{place(to_y + 6)}"
    head = tag("path", d=f"M{place(to_x)},{place(to_y)}l-4,7h8z", class_="tip-of toned" if edge.tone else "tip-of")
    line = tag("path", d=d, class_="edge dashed toned" if edge.tone else "edge dashed")
    return tag("g", hover(said), line, head, class_=edge.tone or None, data_tip=said)


def _node(layout: _Layout, node: Node) -> Markup:
    x, y = layout.x(layout.number[node.id]), layout.y[node.id]
    said = f"{node.label}{f', {node.sub}' if node.sub else ''}"
    left = x + (15 if node.tone else 11)
    room = x + layout.broad - left - 5
    drawn = [
        hover(said),
        tag("rect", x=x, y=y - _TALL / 2, width=layout.broad, height=_TALL, rx=7, class_="box"),
        tag("rect", x=x + 6, y=y - _TALL / 2 + 9, width=3, height=_TALL - 18, rx=1.5, class_="fill") if node.tone else "",
        words(abridged(node.label, room), left, y - 3 if node.sub else y + 4, "strong label"),
        words(clipped(node.sub, room, 11), left, y + 12, "hush small") if node.sub else "",
    ]
    return linked(tag("g", *drawn, class_=node.tone or None, data_tip=said), node.href, said)


def _gist(nodes: Sequence[Node], edges: Sequence[Edge], layout: _Layout, backward: Sequence[layering.Arc]) -> str:
    label = {node.id: node.label for node in nodes}
    ends = {edge.source for edge in edges}, {edge.target for edge in edges}
    first = [label[node] for node in label if node in ends[0] and node not in ends[1]]
    last = [label[node] for node in label if node in ends[1] and node not in ends[0]]
    said = f"{len(nodes)} nodes in {len(layout.layers)} layers, {len(edges)} edges."
    said += f" From {_few(first)} to {_few(last)}." if first and last else ""
    return f"{said} {len(backward)} lead back." if backward else said


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
