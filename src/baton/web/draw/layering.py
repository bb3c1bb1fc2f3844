"""Where the nodes of a graph lie: layers by the longest path, orders with few crossings, heights near their neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_SWEEPS = 12
Arc = tuple[str, str]


def acyclic(nodes: Sequence[str], arcs: Sequence[Arc]) -> tuple[list[Arc], list[Arc]]:
    """The arcs that lead forward and those that would close a circle, found by a walk in the order given; loops belong to the latter."""
    following: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in arcs:
        following[source].append(target)
    done: set[str] = set()
    backward: set[Arc] = set()
    for node in nodes:
        _walk(node, following, done, backward)
    return [arc for arc in arcs if arc not in backward], [arc for arc in arcs if arc in backward]


def _walk(root: str, following: Mapping[str, Sequence[str]], done: set[str], backward: set[Arc]) -> None:
    if root in done:
        return
    path, held = [(root, iter(following[root]))], {root}
    while path:
        node, left = path[-1]
        target = next(left, None)
        if target is None:
            path.pop()
            held.discard(node)
            done.add(node)
        elif target in held:
            backward.add((node, target))
        elif target not in done:
            held.add(target)
            path.append((target, iter(following[target])))


def longest(nodes: Sequence[str], forward: Sequence[Arc], pinned: Mapping[str, int]) -> dict[str, int]:
    """The layer of each node: behind all it comes from, not before its pin; what comes from nothing lies just before its first use."""
    before = _neighbours(nodes, forward, 1, 0)
    after = _neighbours(nodes, forward, 0, 1)
    waiting = {node: len(before[node]) for node in nodes}
    ready, layer = [node for node in nodes if not waiting[node]], dict.fromkeys(nodes, 0)
    for node in ready:
        layer[node] = max([pinned.get(node, 0), 0, *(layer[source] + 1 for source in before[node])])
        for target in after[node]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for node in nodes:
        if not before[node] and after[node] and node not in pinned:
            layer[node] = min(layer[target] for target in after[node]) - 1
    used = {number: at for at, number in enumerate(sorted(set(layer.values())))}
    return {node: used[layer[node]] for node in nodes}


def _neighbours(nodes: Sequence[str], arcs: Sequence[Arc], of: int, to: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {node: [] for node in nodes}
    for arc in arcs:
        found[arc[of]].append(arc[to])
    return found


def ordered(layers: Sequence[Sequence[str]], arcs: Sequence[Arc]) -> list[list[str]]:
    """Each layer in the order of its neighbours' middles, swept to and fro; the best of the sweeps. Arcs join adjacent layers."""
    nodes = [node for layer in layers for node in layer]
    before, after = _neighbours(nodes, arcs, 1, 0), _neighbours(nodes, arcs, 0, 1)
    best, current = [list(layer) for layer in layers], [list(layer) for layer in layers]
    fewest = crossings(best, arcs)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        numbers = range(1, len(current)) if sweep % 2 == 0 else range(len(current) - 2, -1, -1)
        near, side = (before, -1) if sweep % 2 == 0 else (after, 1)
        for number in numbers:
            place = {node: at for at, node in enumerate(current[number + side])}
            current[number] = _by_middle(current[number], near, place)
        count = crossings(current, arcs)
        if count < fewest:
            best, fewest = [list(layer) for layer in current], count
    return best


def _by_middle(layer: Sequence[str], near: Mapping[str, Sequence[str]], place: Mapping[str, int]) -> list[str]:
    middles = {node: sum(place[other] for other in near[node]) / len(near[node]) for node in layer if near[node]}
    held = {node: float(at) for at, node in enumerate(layer)}
    return sorted(layer, key=lambda node: (middles.get(node, held[node]), held[node]))


def crossings(layers: Sequence[Sequence[str]], arcs: Sequence[Arc]) -> int:
    """How many pairs of arcs between adjacent layers cross."""
    spot = {node: (number, at) for number, layer in enumerate(layers) for at, node in enumerate(layer)}
    between: dict[int, list[tuple[int, int]]] = {}
    for source, target in arcs:
        between.setdefault(spot[source][0], []).append((spot[source][1], spot[target][1]))
    return sum(
        (one[0] - other[0]) * (one[1] - other[1]) < 0
        for pairs in between.values()
        for index, one in enumerate(pairs)
        for other in pairs[:index]
    )


def heights(layers: Sequence[Sequence[str]], arcs: Sequence[Arc], tall: Mapping[str, float]) -> dict[str, float]:
    """The middle of each node from above: in the order of its layer, apart by what both need, near its neighbours; the least edge is 0."""
    nodes = [node for layer in layers for node in layer]
    near = _neighbours(nodes, arcs, 1, 0), _neighbours(nodes, arcs, 0, 1)
    y: dict[str, float] = {}
    for layer in layers:
        y.update(_stacked(layer, dict.fromkeys(layer, 0.0), tall))
    for sweep in range(2 * _SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            beside = near[sweep % 2]
            wanted = {
                node: (sum(y[other] for other in beside[node]) / len(beside[node])) if beside[node] else y[node] for node in layer
            }
            y.update(_stacked(layer, wanted, tall))
    least = min((y[node] - tall[node] / 2 for node in nodes), default=0.0)
    return {node: y[node] - least for node in nodes}


def _stacked(layer: Sequence[str], wanted: Mapping[str, float], tall: Mapping[str, float]) -> dict[str, float]:
    """Wanted heights kept apart: neighbours that would overlap form a block that sits at the mean of its wishes."""
    blocks: list[tuple[float, list[str]]] = []
    for node in layer:
        block = (wanted[node] - tall[node] / 2, [node])
        while blocks and blocks[-1][0] + sum(tall[one] for one in blocks[-1][1]) > block[0]:
            members = blocks.pop()[1] + block[1]
            block = (_start(members, wanted, tall), members)
        blocks.append(block)
    placed = {}
    for start, members in blocks:
        top = start
        for node in members:
            placed[node] = top + tall[node] / 2
            top += tall[node]
    return placed


def _start(members: Sequence[str], wanted: Mapping[str, float], tall: Mapping[str, float]) -> float:
    above, wishes = 0.0, 0.0
    for node in members:
        wishes += wanted[node] - tall[node] / 2 - above
        above += tall[node]
    return wishes / len(members)
