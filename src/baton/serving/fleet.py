"""Several models in one server: their data planes by name, and each request's way to a model or to one version of it.

A model's name is the project of its routing. The first plane is the default: requests that name no model go there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.serving.codec import Call
from baton.serving.dataplane import DataPlane
from baton.serving.lineup import Lineup
from baton.serving.work import Work

Decode = Callable[[Lineup], Call]


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: the model of a plane, with `version` that version of it alone."""

    plane: DataPlane
    version: int | None = None

    def lineup(self) -> Lineup:
        """What is in service for it now. Raises NotFound naming the versions that are loaded."""
        lineup = self.plane.lineup
        if self.version is None:
            return lineup
        pinned = lineup.pins.get(self.version)
        if pinned is None:
            known = ", ".join(map(str, sorted(lineup.pins))) or "none"
            raise NotFound(
                f"version {self.version} of {lineup.routing.project or 'this model'} is not in service",
                where="version",
                fix=f"known: {known}; without a version, the server chooses",
            )
        return pinned

    def read(self, decode: Decode) -> Work:
        """Work on what some protocol decodes for the line-up. Raises Unavailable while no model is live, or what is wrong."""
        return self.plane.read_as(self.lineup(), decode)


class Fleet:
    """The data planes of a server. Raises LookupError when there is none."""

    def __init__(self, planes: Sequence[DataPlane]) -> None:
        if not planes:
            raise LookupError("a server without a model serves nothing")
        self.planes = tuple(planes)
        self.default = Target(self.planes[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The models that have a name by now, in order."""
        return tuple(name for plane in self.planes if (name := plane.lineup.routing.project))

    def find(self, name: str, version: str | None = None) -> Target:
        """The target of a name and perhaps a version. Raises NotFound naming what is known."""
        for plane in self.planes:
            if plane.lineup.routing.project == name:
                return Target(plane, None if version is None else int(version))
        raise NotFound(f"no model '{name}' is served here", where="model", fix=did_you_mean(name, self.names))
