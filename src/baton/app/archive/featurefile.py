"""Runs a project's feature file in a cell of its own, and tells what it declares: `python -m baton.app.archive.featurefile`.

The file is the user's code: it gets little memory, few seconds, no file to write and nothing of the archive's.
"""

import ast
import inspect
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import msgspec

from baton.features.personal import log_rules
from baton.features.view import DECIDED_AT, FRESHEST, FeaturePlan, LatestView, RequestFunction, plan_from_source
from baton.kernel.cell import Cell, Limits, enter, receive, send
from baton.kernel.errors import InvalidProject, Mistake, Unavailable

SECONDS = 10
MEMORY = 1 << 30
LONGEST = 1 << 20
"""The most bytes of a feature file."""
_MODULE = "baton.app.archive.featurefile"
_TOLD, _WRONG, _ASK = b"T", b"W", b"F"


def declared(text: str, file: str, entity_source: str, rules: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What a feature file declares, as plain values: `features` in the order of the model, and the file's `digest`.

    A feature: `name`, `form` (entity, latest, window, request), `sources`, `columns` it reads (source.column), `key`, `window` and
    `aggregate` (or ""), `ttl` in seconds (None: whatever its age), `inputs` of a request function, `code` that declares it, `line`,
    `says` (its documentation) and `logged` (keep, hash, drop). Raises InvalidProject when the file is wrong, Unavailable when it takes
    too long or too much.
    """
    cell = Cell(_MODULE, Limits(MEMORY, cores=1, seconds=SECONDS))
    try:
        asked = msgspec.json.encode({"text": text, "file": file, "entity_source": entity_source, "rules": rules})
        kind, body = cell.ask(_ASK, asked, seconds=SECONDS, most=8 << 20)
    except Unavailable as error:
        raise Unavailable(
            "the feature file could not be read",
            where=file,
            why=error.why or error.what,
            fix="it should declare features and do nothing else",
        ) from None
    finally:
        cell.kill()
    if kind == _WRONG:
        raise InvalidProject(tuple(msgspec.json.decode(body, type=list[Mistake])))
    answer: dict[str, Any] = msgspec.json.decode(body)
    return answer


def main() -> None:
    """Answer one question, and end."""
    parent, _, _ = enter(sys.argv[1:])
    _, body = receive(parent, 16 << 20)
    asked = msgspec.json.decode(body)
    try:
        plan = plan_from_source(asked["text"], asked["file"])
        told = described(plan, asked["entity_source"], asked["rules"])
    except InvalidProject as error:
        send(parent, _WRONG, msgspec.json.encode([asdict(mistake) for mistake in error.mistakes]))
        return
    send(parent, _TOLD, msgspec.json.encode(told))


def described(plan: FeaturePlan, entity_source: str, rules: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A plan as `declared` tells it."""
    logged = log_rules(plan, entity_source, rules)
    lines = _Lines(plan.source)
    made = [_of_entity(name, entity_source, lines) for name in plan.entity_columns]
    for view in plan.views:
        made += _of_latest(view, lines) if isinstance(view, LatestView) else _of_window(view, lines)
    known = {each["name"]: each for each in made}
    for call in plan.requests:
        made.append(_of_request(call, known, entity_source, lines))
        known[call.name] = made[-1]
    return {"digest": plan.digest, "features": [{**each, "logged": logged.get(each["name"], "keep")} for each in made]}


def _feature(name: str, form: str, sources: list[str], columns: list[str], **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "key": [],
        "window": "",
        "aggregate": "",
        "ttl": None,
        "inputs": [],
        "code": "",
        "line": None,
        "says": "",
    }
    return {"name": name, "form": form, "sources": sources, "columns": columns, **empty, **more}


def _of_entity(name: str, source: str, lines: "_Lines") -> dict[str, Any]:
    return _feature(name, "entity", [source], [f"{source}.{name}"], **lines.of("entity", name))


def _of_latest(view: LatestView, lines: "_Lines") -> list[dict[str, Any]]:
    told = lines.of("latest", view.source, *view.key)
    ttl = None if view.ttl == FRESHEST else view.ttl.total_seconds()
    return [
        _feature(name, "latest", [view.source], [f"{view.source}.{column}"], key=list(view.key), ttl=ttl, **told)
        for name, column in zip(view.features, view.columns, strict=True)
    ]


def _of_window(view: Any, lines: "_Lines") -> list[dict[str, Any]]:
    told = lines.of("window", view.source, *view.key, view.column, *view.over)
    if view.clip is not None:
        told["says"] = f"values bounded to {view.clip[0]} … {view.clip[1]} before they are aggregated"
    parts = [(span, aggregate) for span in view.over for aggregate in view.aggregates]
    return [
        _feature(
            name,
            "window",
            [view.source],
            [f"{view.source}.{view.column}"],
            key=list(view.key),
            window=span,
            aggregate=aggregate,
            **told,
        )
        for name, (span, aggregate) in zip(view.features, parts, strict=True)
    ]


def _of_request(
    call: RequestFunction, known: Mapping[str, dict[str, Any]], entity_source: str, lines: "_Lines"
) -> dict[str, Any]:
    sources, columns = [], []
    for name in call.inputs:
        if name in known:
            sources += known[name]["sources"]
            columns += known[name]["columns"]
        elif name != DECIDED_AT:
            sources.append(entity_source)
            columns.append(f"{entity_source}.{name}")
    told = {**lines.of("def", call.name), "says": inspect.getdoc(call.function) or ""}
    return _feature(
        call.name, "request", list(dict.fromkeys(sources)), list(dict.fromkeys(columns)), inputs=list(call.inputs), **told
    )


class _Lines:
    """Where the file declares what: the statements at its top, by the constants in them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[tuple[str, set[Any], ast.stmt]] = []
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.FunctionDef):
                self._found.append(("def", {statement.name}, statement))
            elif isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Call):
                called = statement.value.func
                name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
                constants = {node.value for node in ast.walk(statement) if isinstance(node, ast.Constant)}
                self._found.append((name, constants, statement))

    def of(self, form: str, *constants: str) -> dict[str, Any]:
        """Code and line of the statement that names them all; neither where it is made otherwise, in a loop for one."""
        for name, held, statement in self._found:
            if name == form and set(constants) <= held:
                first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
                code = "\n".join(self._text.splitlines()[first - 1 : statement.end_lineno])
                return {"code": code, "line": first}
        return {"code": "", "line": None}


if __name__ == "__main__":
    with suppress(OSError):  # the other end is gone: nobody is left to tell
        main()
