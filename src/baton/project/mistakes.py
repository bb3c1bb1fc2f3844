"""Violations of the definition, told in the words of the file: which key, what is wrong, what to write instead."""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean, nearest
from baton.project.definition import Definition
from baton.project.document import Lines, Where, shown
from baton.project.phase import PHASES

_EXAMPLES = {
    "project": "project: churn",
    "problem": "problem: {question: Which customers will leave?}",
    "problem.question": "question: Which customers will leave?",
    "problem.success.metric": "metric: auc",
    "people": "people: [{name: ann, roles: [product-manager, data-scientist]}]",
    "people.name": "name: ann",
    "people.roles": "roles: [data-scientist]",
    "teams.members": "members: [ann, ben]",
    "edges.giver": "giver: package",
    "edges.receiver": "receiver: deploy",
    "edges.payload": "payload: image pushed and scanned",
    "files.path": "path: deploy/",
    "files.phase": "phase: deploy",
    "waivers.kind": "kind: bus-factor",
    "waivers.subject": "subject: deploy",
    "waivers.why": "why: two of us until spring",
    "sources": "sources: {customers: {path: data/customers.parquet, key: [customer_id]}}",
    "sources.path": "path: data/customers.parquet",
    "sources.key": "key: [customer_id]",
    "entity": "entity: {source: customers, key: customer_id}",
    "entity.source": "source: customers",
    "entity.key": "key: customer_id",
    "label": "label: {source: customers, column: churned, equals: 1}",
    "label.equals": "equals: 1",
    "label.source": "source: customers",
    "label.column": "column: churned",
    "decision.at": "at: scheduled_at",
    "decision": "decision: {every: 1h, at: scheduled_at, lead: [1h, 2h]}",
    "decision.lead": "lead: [1h, 2h]",
    "gates.minimum.metric": "metric: auc",
    "rollout.fallback": "fallback: previous",
    "rollout.fallback.answer": "answer: 0.2",
    "rollout.steps.kind": "kind: canary",
    "replay.start": "start: 2023-01-01",
    "replay.live": "live: 2023-06-01",
    "replay.until": "until: 2023-12-31",
}
_NEEDS = {
    "string": "a text", "tuple": "a list", "dict": "a mapping", "model": "a mapping", "float": "a number",
    "int": "a whole number", "bool": "true or false", "path": "a file's path as text",
}  # fmt: skip
_NOTE_NAME = "letters, digits, '_', '.' and '-', a letter or '_' first, at most 63"
_NOTE_PROJECT = "lower-case letters, digits and '-', a letter first, at most 63"


def in_words(error: ValidationError, raw: object, lines: Lines) -> tuple[Mistake, ...]:
    """One mistake per wrong value, in the order of the file. `raw` is what was validated."""
    groups: dict[Where, list[Any]] = {}
    for detail in error.errors(include_url=False):
        groups.setdefault(address(detail["loc"], raw), []).append(detail)
    tried = [where for where, details in groups.items() if all(len(each["loc"]) > len(where) for each in details)]
    for where in tried:
        if any(other[: len(where)] == where for other in groups if other != where):
            del groups[where]  # another alternative fits so far that its own mistakes are told
    spread = (mistake for where, details in groups.items() for mistake in _told(where, details, raw, lines))
    return tuple(sorted(spread, key=lambda mistake: mistake.line))


def address(loc: Iterable[str | int], raw: object) -> Where:
    """Where an error stands in the file: its path less the names of the alternatives that were tried on it."""
    where: list[str | int] = []
    value: Any = raw
    parts = tuple(loc)
    for at, part in enumerate(parts):
        if isinstance(value, Mapping) and isinstance(part, str) and part not in value and _tag(parts[at:]):
            continue
        if isinstance(value, Mapping) and isinstance(part, str) and part != "[key]":
            where.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            where.append(part)
            value = value[part] if part < len(value) else None
        else:
            break
    return tuple(where)


def _tag(parts: tuple[str | int, ...]) -> bool:
    """Whether a path goes on with the name of an alternative: a value it may be, or a model and what is wrong inside it."""
    return ("[" in str(parts[0]) and parts[0] != "[key]") or (len(parts) > 1 and parts[1] != "[key]")


def known_keys(where: Where) -> tuple[str, ...]:
    """The keys that may stand in the mapping at an address; none where any name may."""
    annotation: Any = Definition
    for part in where:
        annotation = _inside(annotation, part)
    model = _model(annotation)
    return tuple(model.model_fields) if model else ()


def _inside(annotation: Any, part: str | int) -> Any:
    model = _model(annotation)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    found = get_args(annotation)
    return found[-1 if get_origin(annotation) is dict else 0] if found else None


def _model(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in (Union, UnionType):
        annotation = next((part for part in get_args(annotation) if part is not type(None)), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _told(where: Where, details: list[Any], raw: object, lines: Lines) -> tuple[Mistake, ...]:
    detail = details[0]
    kind = str(detail["type"])
    if "[key]" in detail["loc"]:
        return (_bad_key(where, detail, lines),)
    if len(details) > 1 and len(detail["loc"]) > len(where):
        return (_alternatives(where, detail, lines),)
    if kind == "too_short" and detail["input"]:
        # a list counts as too short once its broken items are taken out; those are told one by one
        return ()
    if kind == "missing":
        return (_missing(where, lines),)
    if kind == "extra_forbidden":
        return (_unknown(where, raw, lines),)
    return (lines.mistake(where, *_value(where, kind, detail)),)


def _missing(where: Where, lines: Lines) -> Mistake:
    example = _example(where) or f"{where[-1]}: …"
    if isinstance(where[-1], int):
        return lines.mistake(where[:-1], f"{dotted(where)} has too few items", f"write e.g. '{example}'")
    place = f" in {dotted(where[:-1])}" if len(where) > 1 else ""
    return lines.mistake(where[:-1], f"'{where[-1]}' is missing{place}", f"add '{example}'")


def _unknown(where: Where, raw: object, lines: Lines) -> Mistake:
    known, key = known_keys(where[:-1]), str(where[-1])
    value: Any = raw
    for part in where[:-1]:
        value = value[part]
    free = [name for name in known if name not in value]
    near = nearest(key, free)
    place = f" in {dotted(where[:-1])}" if len(where) > 1 else ""
    return lines.mistake(
        where, f"unknown key '{shown(key)}'{place}", f"did you mean '{near}'?" if near else did_you_mean(key, known)
    )


def _bad_key(where: Where, detail: Any, lines: Lines) -> Mistake:
    key, parent = shown(where[-1]), dotted(where[:-1])
    if detail["type"] == "literal_error":
        return lines.mistake(where, f"unknown phase '{key}' in {parent}", did_you_mean(key, PHASES))
    return lines.mistake(where, f"'{key}' cannot be a name in {parent}", f"use {_NOTE_NAME}")


def _alternatives(where: Where, detail: Any, lines: Lines) -> Mistake:
    name, value = dotted(where), _quoted(detail["input"])
    if name in ("recipe.holdout", "recipe.validation"):
        what = f"{name} is {value}: neither a duration nor a share of the labels"
        return lines.mistake(where, what, "write a duration such as 7d, or a share from 0 to 1 such as 0.2")
    example = _example(where)
    return lines.mistake(where, f"{name} is {value}", f"write e.g. '{example}'" if example else "write a text or a number")


def _value(where: Where, kind: str, detail: Any) -> tuple[str, str]:
    """What is wrong with a value and what to write, by pydantic's name for the violation."""
    name, value, bounds = dotted(where) or "the file", shown(detail["input"]), detail.get("ctx") or {}
    if kind == "literal_error":
        return f"{name} is '{value}'", _choice(value, str(bounds["expected"]))
    if kind == "value_error":
        problem, _, fix = str(bounds["error"]).partition(": ")
        return f"{name}: {shown(problem)}", fix
    if kind == "string_pattern_mismatch":
        return f"{name} '{value}' cannot be a name", f"use {_NOTE_PROJECT if name == 'project' else _NOTE_NAME}"
    if kind in ("too_short", "string_too_short"):
        return f"{name} is empty", f"write e.g. '{_example(where)}'" if _example(where) else "write at least one"
    if kind == "too_long":
        return f"{name} has {bounds['actual_length']} items", f"write {bounds['max_length']}"
    if kind in _BOUNDS:
        words, sign = _BOUNDS[kind]
        return f"{name} is {value}", f"write a number {words} {bounds[sign]:g}"
    if kind == "finite_number":
        return f"{name} is {value}", "write a finite number"
    need = next((need for start, need in _NEEDS.items() if kind.startswith(start)), "another value")
    return f"{name} must be {need}, not {_quoted(detail['input'])}", _spelling(where, need, detail["input"])


_BOUNDS = {
    "greater_than_equal": ("of at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("of at most", "le"),
    "less_than": ("below", "lt"),
}


def _quoted(value: object) -> str:
    return f"'{shown(value)}'" if isinstance(value, str) else shown(value)


def _spelling(where: Where, need: str, value: object) -> str:
    if need == "a list" and isinstance(value, str | int | float):
        return f"write '{where[-1]}: [{shown(value)}]'"
    if need == "a text" and isinstance(value, int | float):
        return f"put it into quotes: '{shown(value)}'"
    return f"write e.g. '{_example(where)}'" if _example(where) else f"write {need}"


def _choice(value: str, expected: str) -> str:
    choices = [part.strip("' ") for part in expected.replace(" or ", ",").split(",")]
    near = nearest(value, choices)
    listed = f"choose {', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else f"write {choices[0]}"
    return f"did you mean '{near}'? {listed}" if near else listed


def dotted(where: Where) -> str:
    """A value's address as written in messages: keys joined by dots; list positions are left to the line."""
    return ".".join(shown(part) for part in where if isinstance(part, str))


def _example(where: Where) -> str:
    """What could be written at an address, whatever the project's own names on the way there; empty when none is kept."""
    parts: list[str] = []
    annotation: Any = Definition
    for part in where:
        if isinstance(part, str) and _model(annotation) is not None:
            parts.append(part)
        annotation = _inside(annotation, part)
    return _EXAMPLES.get(".".join(parts), "")
