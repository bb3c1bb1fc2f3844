"""The line-up: one routing with all its models loaded and warmed. Whole or not at all, and never changed once made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baton.delivery.routing import SILENT, STAND_IN, Route, Routing
from baton.delivery.split import arm_of
from baton.kernel.errors import Corrupt
from baton.serving.codec import Codec
from baton.serving.model import ServedModel
from baton.serving.personal import Personal, personal

LIVE, CANARY, PINNED = "live", "canary", "pinned"
_FIX = "baton rollback, or baton up, writes a fresh one"


@dataclass(frozen=True, slots=True)
class Runner:
    """A route and the model behind it."""

    route: Route
    model: ServedModel

    @property
    def answers(self) -> bool:
        """Whether callers see its scores."""
        return self.route.variant not in SILENT


@dataclass(frozen=True, slots=True)
class Lineup:
    """What is in service: live, the arms beside it, who scores silently, who stands in for live, and how requests are read.

    `uniform` tells that all of them take the same inputs in the same order, `apart` that one of them lives in a process of its
    own. `pins` are line-ups of one version each, for
    requests that name it: neither arms nor silent variants see them, and their record says `pinned`. `personal` is what
    is not logged as it is, None when nothing is.
    """

    routing: Routing
    live: Runner | None = None
    arms: tuple[Runner, ...] = ()
    silent: tuple[Runner, ...] = ()
    fallback: Runner | None = None
    codec: Codec | None = None
    uniform: bool = False
    pins: Mapping[int, "Lineup"] = field(default_factory=dict)
    apart: bool = False
    personal: Personal | None = None
    _salt: str = ""
    _shares: tuple[float, ...] = ()
    _places: Mapping[str, int] = field(default_factory=dict)

    @property
    def runners(self) -> tuple[Runner, ...]:
        """Everybody who may score."""
        return tuple(runner for runner in (self.live, *self.arms, *self.silent, self.fallback) if runner is not None)

    def arm(self, entity: str, values: Callable[[str], Any]) -> Runner | None:
        """The arm that answers for an entity, None when live does. `values` gives the row's value of an input."""
        number = arm_of(self._salt, entity, self._shares)
        if number is None:
            return None
        runner = self.arms[number]
        return runner if all(values(name) in wanted for name, wanted in runner.route.where.items()) else None

    def odds(self, runner: Runner) -> float:
        """The share of entities for which this runner answers, or scores silently."""
        if runner is not self.live:
            return runner.route.share
        return 1.0 - sum(self._shares)

    def arm_of_row(self, entity: str, row: Sequence[Any]) -> Runner | None:
        """`arm` of a row whose values are in the order of live's inputs."""
        return self.arm(entity, lambda name: row[self._places[name]])


def line_up(routing: Routing, load: Callable[[str], ServedModel], *, replay: bool) -> Lineup:
    """Load every model of a routing. Raises the error of the first that cannot be put in service, or Corrupt for a
    routing that contradicts itself or its bundles."""
    _refuse_contradictions(routing)
    runners = {route.variant: Runner(route, _fitting(routing, route, load(route.bundle))) for route in routing.routes}
    live = runners.get(LIVE)
    if live is None:
        return Lineup(routing)
    arms = tuple(runner for name, runner in runners.items() if name not in (LIVE, STAND_IN, *SILENT))
    _refuse_unknown_segments(arms, live.model.names)
    return Lineup(
        routing,
        live,
        arms,
        tuple(runners[name] for name in SILENT if name in runners),
        runners.get(STAND_IN),
        Codec(live.model.signature, replay=replay),
        uniform=all(runner.model.signature.features == live.model.signature.features for runner in runners.values()),
        pins=_pins(routing, runners.values(), replay=replay),
        apart=any(runner.model.apart for runner in runners.values()),
        _salt=routing.salt + "+".join(runner.route.release for runner in arms),
        _shares=tuple(runner.route.share for runner in arms),
        _places={name: place for place, name in enumerate(live.model.names)},
    )


def _pins(routing: Routing, runners: Iterable[Runner], *, replay: bool) -> dict[int, Lineup]:
    alone, pins = replace(routing, default=None), dict[int, Lineup]()
    for runner in runners:
        route, model = runner.route, runner.model
        if route.version not in pins:
            pinned = Runner(Route(PINNED, route.version, route.release, route.bundle), model)
            codec = Codec(model.signature, replay=replay)
            pins[route.version] = Lineup(alone, pinned, codec=codec, uniform=True, apart=model.apart)
    return pins


def guarded(lineup: Lineup, key: Callable[[], bytes]) -> Lineup:
    """The line-up that logs nothing personal as it is; `key` is asked for only when something is. Raises what `key` does."""
    told = personal(runner.model.bundle.manifest.lineage for runner in lineup.runners)
    if told is None:
        return lineup
    rules = Personal(*told, key())
    pins = {version: replace(pin, personal=rules) for version, pin in lineup.pins.items()}
    return replace(lineup, personal=rules, pins=pins)


def _refuse_contradictions(routing: Routing) -> None:
    variants = [route.variant for route in routing.routes]
    arms = [route for route in routing.routes if route.variant not in (LIVE, STAND_IN, *SILENT)]
    if len(set(variants)) < len(variants):
        raise _contradiction(f"its variants are {', '.join(variants)}; each may be there once")
    if routing.routes and LIVE not in variants:
        raise _contradiction(f"its variants are {', '.join(variants)}; none of them is live")
    if any(not 0 <= route.share <= (1 / len(arms) if route in arms else 1) + 1e-12 for route in routing.routes):
        raise _contradiction(
            "a share lies outside 0 to 1" if len(arms) < 2 else f"a share of {len(arms)} arms exceeds 1/{len(arms)}"
        )


def _refuse_unknown_segments(arms: Iterable[Runner], names: Sequence[str]) -> None:
    for runner in arms:
        unknown = [name for name in runner.route.where if name not in names]
        if unknown:
            raise _contradiction(f"{runner.route.variant} is for a segment of {unknown[0]}, which is no input of the live model")


def _contradiction(why: str) -> Corrupt:
    return Corrupt("the routing file contradicts itself", why=why, fix=_FIX)


def _fitting(routing: Routing, route: Route, model: ServedModel) -> ServedModel:
    manifest = model.bundle.manifest
    if (manifest.project, manifest.version) != (routing.project, route.version):
        raise Corrupt(
            "the routing file names the wrong bundle",
            why=f"it says {routing.project} version {route.version}, the bundle {manifest.project} version {manifest.version}",
            fix=_FIX,
        )
    return model
