"""Acts of people on a page: done, and on to what is told of it; or the same page again, with what went wrong and what was typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Response

from baton.kernel.errors import BatonError
from baton.web.failure import STATUS

if TYPE_CHECKING:
    from baton.web.page import Look


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an act was not done: what, why, and what to do. `act` is the last word of its address, `typed` the fields as they came."""

    act: str
    what: str
    why: str
    fix: str
    typed: Mapping[str, str]
    phases: tuple[str, ...] = ()

    def kept(self, act: str, name: str, otherwise: str = "") -> str:
        """What was typed into a field of the form that failed; what any other form begins with."""
        return self.typed.get(name, "") if act == self.act else otherwise


def attempted(look: Look, act: Callable[[], Response], again: Callable[[int, Trouble], Response]) -> Response:
    """The answer of an act, or of the page shown again with its trouble; what is the installation's own fault is raised."""
    try:
        return act()
    except BatonError as error:
        status = STATUS.get(error.code, 500)
        if status >= 500:
            raise
        typed = {name: values[-1] for name, values in look.form.items() if name != "csrf"}
        name = look.request.url.path.rpartition("/")[2]
        return again(status, Trouble(name, error.what, error.why, error.fix, typed, look.form.get("phases", ())))
