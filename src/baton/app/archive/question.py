"""Every question the archive answers, by name, and what a question is.

A question is a function `(archivist, *, …) -> plain values`, an export one `(archivist, path, *, …) -> {"media": …, "name": …}` that
writes a file. Arguments come by name, as JSON, and are checked against the annotations; errors are BatonErrors. To add one,
write it in a module of its noun and put it in that module's table:

    def busiest(archivist: Archivist, *, table: str, until: str = "") -> dict[str, Any]:
        '''What it means, with units and limits.'''
        seen = archivist.see(table)
        found = archivist.ask("count(*) AS rows", seen.rows(Period(until=until)))
        return {"rows": found["rows"][0].as_py()}

    QUESTIONS = {"busiest": busiest}

A page asks it with `archive.ask("busiest", table="landings")`.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from baton.app.archive import (
    analysis,
    catalogue,
    distribution,
    document,
    features,
    judged,
    ledger,
    monitoring,
    profile,
    quality,
    quarantine,
    rows,
    sql,
)
from baton.app.archive.archivist import Archivist
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean

Question = Callable[..., Any]
_MODULES = (
    analysis,
    catalogue,
    distribution,
    document,
    judged,
    ledger,
    monitoring,
    features,
    profile,
    quality,
    quarantine,
    rows,
    sql,
)


def _gathered(name: str) -> dict[str, Question]:
    found: dict[str, Question] = {}
    for module in _MODULES:
        more: Mapping[str, Question] = getattr(module, name, {})
        if twice := found.keys() & more.keys():
            raise LookupError(f"asked twice by one name: {', '.join(sorted(twice))}")
        found.update(more)
    return found


QUESTIONS: Mapping[str, Question] = _gathered("QUESTIONS")
EXPORTS: Mapping[str, Question] = _gathered("EXPORTS")


def answered(archivist: Archivist, name: str, plain: Mapping[str, Any], path: str = "") -> Any:
    """The answer to a question, or to an export, which writes to `path`.

    Raises NotFound for an unknown question, InvalidInput when an argument is unknown, missing or of another kind, and what the
    question raises.
    """
    known = EXPORTS if path else QUESTIONS
    if name not in known:
        raise NotFound(f"the archive knows no question '{name}'", where="archive", fix=did_you_mean(name, known))
    function = known[name]
    places = (archivist, Path(path)) if path else (archivist,)
    try:
        inspect.signature(function).bind(*places, **plain)
        hints = get_type_hints(function)
        typed = {key: msgspec.convert(value, hints[key]) for key, value in plain.items()}
    except (TypeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"question '{name}' does not take that", where=f"archive {name}", why=str(error)) from None
    return function(*places, **typed)
