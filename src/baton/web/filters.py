"""The filters of the analyst's corner: what an address asks for, said back on every page of the corner."""

from typing import Any

from baton.app.views import analysis as view
from baton.kernel.errors import InvalidInput
from baton.web.page import Look


def filtered(look: Look) -> tuple[view.Known, view.Asked]:
    """What filters can choose from, and what the address asks for."""
    there = view.known(look.records, look.definition, look.at)
    told = {name: _typed(look, name) for name in ("period", "from", "to", "version", "column", "value", "part")}
    return there, view.asked(told, there)


def refuse(asked: view.Asked) -> None:
    """Raise InvalidInput for filters that contradict themselves, with what to change."""
    if asked.problems:
        raise InvalidInput(asked.problems[0], where="the filters", fix="change them, or begin anew at /analysis")


def around(look: Look, there: view.Known, asked: view.Asked) -> dict[str, Any]:
    """What every page of the corner shows of its filters; `go` is the address of another page that keeps them."""

    def go(path: str, **changes: object) -> str:
        return look.url(path, **{**asked.query(), **changes})

    return {"asked": asked, "there": there, "go": go, "periods": view.PERIODS, "parts_of_time": view.PARTS, "day": view.DAY}


def _typed(look: Look, name: str) -> str:
    """A parameter as it was typed; one that is too long or cannot be shown is cut to what can be said back."""
    text = look.request.query_params.get(name, "").strip()
    return text if len(text) <= 200 and text.isprintable() else "".join(sign for sign in text[:60] if sign.isprintable()) + "…"
