"""The agreed hand-offs of the lifecycle: from phase to phase, with one payload in the words that both ends use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.project.ownership import EdgeRule


@dataclass(frozen=True, slots=True)
class Edge:
    """One agreed hand-off: results of phase `giver` go to phase `receiver`."""

    name: str
    giver: str
    receiver: str
    payload: str


EDGES: Mapping[str, Edge] = {
    edge.name: edge
    for edge in (
        Edge("problem", "define", "ingest", "problem definition and data requirements"),
        Edge("request", "retrain", "ingest", "fresh data for a new turn"),
        Edge("data", "validate", "features", "clean validated data available"),
        Edge("training-set", "features", "train", "training set, known-time correct"),
        Edge("candidate", "evaluate", "register", "validated model ready for production"),
        Edge("bundle", "package", "deploy", "packaged model ready for deployment"),
        Edge("release", "deploy", "monitor", "released model and its objectives"),
        Edge("incident", "monitor", "incident", "incident with evidence and blast radius"),
        Edge("retraining", "incident", "retrain", "decision to retrain"),
        Edge("report", "monitor", "define", "model performance and value of the month"),
    )
}


def edges_with(declared: Mapping[str, EdgeRule]) -> Mapping[str, Edge]:
    """The default edges with a project's own laid over them."""
    own = {name: Edge(name, rule.giver, rule.receiver, rule.payload) for name, rule in declared.items()}
    return {**EDGES, **own}
