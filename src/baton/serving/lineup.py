"""The line-up: one routing with all its models loaded and warmed. Whole or not at all, and never changed once made."""

from collections.abc import Callable
from dataclasses import dataclass

from baton.delivery.routing import Route, Routing
from baton.kernel.errors import Corrupt
from baton.serving.codec import Codec
from baton.serving.model import ServedModel

ANSWERING, SILENT = ("live", "canary"), ("challenger", "shadow")
_FIX = "baton rollback, or baton up, writes a fresh one"


@dataclass(frozen=True, slots=True)
class Runner:
    """A route and the model behind it."""

    route: Route
    model: ServedModel


@dataclass(frozen=True, slots=True)
class Lineup:
    """What is in service: who answers, who scores silently, and how requests to the live model are read."""

    routing: Routing
    live: Runner | None
    canary: Runner | None
    silent: tuple[Runner, ...]
    codec: Codec | None

    @property
    def runners(self) -> tuple[Runner, ...]:
        """Everybody who scores."""
        return (*(runner for runner in (self.live, self.canary) if runner is not None), *self.silent)


def line_up(routing: Routing, load: Callable[[str], ServedModel], *, replay: bool) -> Lineup:
    """Load every model of a routing. Raises the error of the first that cannot be put in service, or Corrupt for a
    routing that contradicts itself or its bundles."""
    _refuse_contradictions(routing)
    runners = {route.variant: Runner(route, _fitting(routing, route, load(route.bundle))) for route in routing.routes}
    live = runners.get("live")
    codec = Codec(live.model.signature, replay=replay) if live is not None else None
    return Lineup(routing, live, runners.get("canary"), tuple(runners[name] for name in SILENT if name in runners), codec)


def _refuse_contradictions(routing: Routing) -> None:
    variants = [route.variant for route in routing.routes]
    if len(set(variants)) < len(variants) or not {*ANSWERING, *SILENT}.issuperset(variants):
        raise Corrupt(
            "the routing file contradicts itself",
            why=f"its variants are {', '.join(variants)}; each of {', '.join((*ANSWERING, *SILENT))} may be there once",
            fix=_FIX,
        )
    if any(not 0 <= route.share <= 1 for route in routing.routes):
        raise Corrupt("the routing file contradicts itself", why="a share lies outside 0 to 1", fix=_FIX)


def _fitting(routing: Routing, route: Route, model: ServedModel) -> ServedModel:
    manifest = model.bundle.manifest
    if (manifest.project, manifest.version) != (routing.project, route.version):
        raise Corrupt(
            "the routing file names the wrong bundle",
            why=f"it says {routing.project} version {route.version}, the bundle {manifest.project} version {manifest.version}",
            fix=_FIX,
        )
    return model
