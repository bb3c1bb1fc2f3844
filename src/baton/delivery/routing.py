"""The routing file: what the model server answers with. Written whole, signed, swapped atomically."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from baton.kernel.digest import canonical, digest_bytes
from baton.kernel.errors import Corrupt

SILENT, STAND_IN = ("challenger", "shadow"), "fallback"


@dataclass(frozen=True, slots=True)
class Route:
    """One version in traffic: the release that put it there, the bundle's digest, and as what it runs.

    `live` answers. `challenger` and `shadow` score without answering (`challenger` is a release on trial, `shadow` the
    frozen baseline). `fallback` answers only while live cannot. Any other name is an arm: it answers for `share` of the
    entities whose values are among those of `where` (column to values; empty: all), `canary` being the arm of a release
    on trial and `step` its place in the rollout policy.
    """

    variant: str
    version: int
    release: str
    bundle: str
    share: float = 1.0
    step: int = 0
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the server itself watches of the arms, and rolls back without being told.

    `alpha` is the chance, over the whole life of a release, that one that is no worse is rolled back. `slow_us` are cut
    points of the latency: answers beyond one are counted. Errors are always watched.
    """

    alpha: float = 0.05
    slow_us: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """All routes of a project. `serial` grows with every change; `salt` fixes who is in an arm.

    `default` is the declared score for when neither live nor its fallback can answer; None declares none.
    """

    project: str
    serial: int
    salt: str
    routes: tuple[Route, ...]
    watch: Watch | None = None
    default: float | None = None

    def find(self, variant: str) -> Route | None:
        """The route of a variant, if there is one."""
        return next((route for route in self.routes if route.variant == variant), None)


def write_routing(routing: Routing, seal: Callable[[bytes], bytes]) -> bytes:
    """The file's bytes: one line of JSON, then the hex signature over it."""
    body = canonical(msgspec.to_builtins(routing))
    return body + b"\n" + seal(body).hex().encode() + b"\n"


def read_routing(data: bytes, verify: Callable[[bytes, bytes], bool]) -> Routing:
    """Read and check a routing file. Raises Corrupt when it is torn, changed or signed by a stranger."""
    try:
        body, seal, _ = data.split(b"\n")
        if data != body + b"\n" + bytes.fromhex(seal.decode()).hex().encode() + b"\n" or not verify(
            bytes.fromhex(seal.decode()), body
        ):
            raise Corrupt(
                "the routing file's signature does not fit",
                why=f"file digest {digest_bytes(data)[:12]}",
                fix="baton rollback, or baton up, writes a fresh one",
            )
        return msgspec.convert(msgspec.json.decode(body), Routing)
    except (ValueError, msgspec.MsgspecError) as error:
        raise Corrupt(
            "the routing file cannot be read", why=str(error), fix="baton rollback, or baton up, writes a fresh one"
        ) from error
