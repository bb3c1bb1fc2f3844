"""The words of ASGI, and what a request carries: one header, the fields of a form."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from baton.kernel.errors import InvalidInput

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Form = dict[str, tuple[str, ...]]
"""The fields of a form, each with its values in the order of the page."""
FORM: Final = "application/x-www-form-urlencoded"
MOST: Final = 500
_API: Final = ("/api", "/openapi.json")


def is_api(path: str) -> bool:
    """Whether machines ask there; people ask everywhere else."""
    return any(path == place or path.startswith(f"{place}/") for place in _API)


def header(scope: Scope, name: bytes) -> str:
    """The value of a header that stands there once; empty otherwise."""
    found = [value for each, value in scope["headers"] if each == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def read_form(body: bytes) -> Form:
    """The fields that a page sent. Raises InvalidInput for what is no form, has too many fields, or is no text."""
    found = dict[str, list[str]]()
    try:
        for name, value in parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST):
            found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    except ValueError as error:
        raise InvalidInput(
            "the form cannot be read", where="body", why=str(error), fix="send it again from the page of the console"
        ) from error
    return {name: tuple(values) for name, values in found.items()}
