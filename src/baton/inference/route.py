"""Routes: which requests there are, each with its action of the rights matrix; one without an action cannot be made.

`{model}` in a template stands for a name like `churn-eu`, `{version}` for a number. Whatever else stands in their place
is no path of this server.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from baton.inference.desk import Desk
from baton.inference.http import Request
from baton.inference.reply import Reply

Names = Mapping[str, str]
Handler = Callable[[Desk, Request, Names], Reply | None]
MODEL, VERSION = r"(?P<model>[a-z][a-z0-9-]{0,62})", r"(?P<version>\d{1,9})"
_NONE: Names = {}


@dataclass(frozen=True, slots=True)
class Route:
    """What is done for a method and the paths of a template, as which action."""

    method: str
    template: str
    action: str
    does: Handler

    def __post_init__(self) -> None:
        if not self.action:
            raise LookupError(f"{self.method} {self.template} names no action of the rights matrix")


@dataclass(frozen=True, slots=True)
class Place:
    """A template with its routes by method."""

    template: str
    routes: Mapping[str, Route]


class Routes:
    """Finds the route of a request."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._plain: dict[str, Place] = {}
        self._named: list[tuple[re.Pattern[str], Place]] = []
        for template in dict.fromkeys(route.template for route in routes):
            own = Place(template, {route.method: route for route in routes if route.template == template})
            if "{" in template:
                pattern = re.escape(template).replace(r"\{model\}", MODEL).replace(r"\{version\}", VERSION)
                self._named.append((re.compile(pattern), own))
            else:
                self._plain[template] = own

    def find(self, path: str) -> tuple[Place, Names] | None:
        """The place of a path, and the names in it; None when there is no such path."""
        plain = self._plain.get(path)
        if plain is not None:
            return plain, _NONE
        for pattern, own in self._named:
            match = pattern.fullmatch(path)
            if match is not None:
                return own, match.groupdict()
        return None
