"""A data plane with everything it is connected to, in memory."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton.backends.keys import Sealer
from baton.delivery.routing import Route, Routing, write_routing
from baton.kernel.clock import SimulatedClock, micros
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import NotFound, Unavailable
from baton.serving.dataplane import DataPlane, Fittings
from baton.serving.prediction import PredictionBatch
from baton.testing.bundles import INPUTS, online_rows, tiny_bundle
from baton.testing.online import MemoryOnline

NOW = datetime(2023, 6, 1, 12, tzinfo=UTC)
KEYS = Sealer(Ed25519PrivateKey.generate())
MODELS = [tiny_bundle(version=version, bias=version / 10) for version in range(4)]


class Shelf:
    """Artifacts in memory."""

    def __init__(self, *bundles: bytes) -> None:
        self.stored = {digest_bytes(data): data for data in bundles}

    def put(self, data: bytes) -> str:
        self.stored[digest_bytes(data)] = data
        return digest_bytes(data)

    def get(self, digest: str) -> bytes:
        if digest not in self.stored:
            raise NotFound("no such artifact")
        return self.stored[digest]

    def exists(self, digest: str) -> bool:
        return digest in self.stored

    def seal(self, digest: str, signature: bytes) -> None:
        assert KEYS.verify(signature, digest.encode())

    def seal_of(self, digest: str) -> bytes:
        return KEYS.seal(digest.encode())


class Tape:
    """A prediction log in memory; refuses when full."""

    def __init__(self) -> None:
        self.batches: list[PredictionBatch] = []
        self.full = False

    def append(self, batches: Sequence[PredictionBatch]) -> None:
        if self.full:
            raise Unavailable("the prediction cannot be logged")
        self.batches += batches

    def of(self, variant: str) -> list[PredictionBatch]:
        return [batch for batch in self.batches if batch.variant == variant]


class Watchman:
    """A sentinel that notes what it hears; `barred` releases may not answer."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.barred: set[str] = set()

    def watch(self, routing: Routing) -> None:
        self.heard.append(("watch", routing.serial))

    def allows(self, route: Route) -> bool:
        return route.release not in self.barred

    def answered(self, route: Route, took_us: int, entity: str) -> None:
        assert took_us >= 0
        self.heard.append(("answered", route.variant, entity))

    def failed(self, route: Route, entities: Sequence[str]) -> None:
        self.heard.append(("failed", route.variant, tuple(entities)))


class Tally:
    """Meters in memory."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def answered(self, variant: str, version: int, rows: int) -> None:
        self.seen.append(("answered", variant, version, rows))

    def unknown(self, feature: str, count: int) -> None:
        self.seen.append(("unknown", feature, count))

    def fell_back(self) -> None:
        self.seen.append(("fell_back",))

    def failed(self, variant: str, version: int) -> None:
        self.seen.append(("failed", variant, version))

    def loaded(self, serial: int, versions: Sequence[tuple[str, int]]) -> None:
        self.seen.append(("loaded", serial, *versions))

    def kept(self) -> None:
        self.seen.append(("kept",))


class House:
    """A data plane and all it is connected to."""

    def __init__(self, *routes: Route, replay: bool = False, **more: Any) -> None:
        self.shelf, self.tape, self.tally, self.place = Shelf(*MODELS), Tape(), Tally(), MemoryOnline()
        self.store = self.place.store()
        self.fill()
        self.file = b""
        self.route(*routes)
        self.watchman = Watchman()
        fittings = Fittings(
            lambda: self.file,
            KEYS.verify,
            self.shelf,
            self.place.reader(),
            self.tape,
            self.tally,
            SimulatedClock(NOW),
            self.watchman,
            replay,
            **more,
        )
        self.plane = DataPlane(fittings)
        self.outcome = self.plane.reload()

    def fill(self, count: int = 20) -> None:
        self.store.write(online_rows(micros(NOW), count), watermark=micros(NOW))

    def route(self, *routes: Route, serial: int = 1, project: str = "flights", **more: Any) -> None:
        self.file = write_routing(Routing(project, serial, "salt", routes, **more), KEYS.seal)

    def reroute(self, *routes: Route, **more: Any) -> None:
        """Put other routes in service."""
        self.route(*routes, serial=self.plane.lineup.routing.serial + 1, **more)
        assert self.plane.reload().changed, self.plane.problem

    def ask(self, **fields: Any) -> Any:
        return self.plane.predict(json.dumps(fields).encode())


def route(variant: str, version: int, share: float = 1.0, bundle: bytes | None = None) -> Route:
    return Route(variant, version, f"rel-{version}", digest_bytes(bundle or MODELS[version]), share)


ENTITIES = [f"f{n}" for n in range(20)]
ROW = {item.name: "AA" if item.kind == "category" else 1.0 for item in INPUTS}
