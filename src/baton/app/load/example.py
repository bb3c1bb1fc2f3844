"""A request body out of a server's own description (OpenAPI): its example when it has one, else made from the schema."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from baton.app.load.target import Target
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean

_DEEPEST = 20
_PLAIN: Mapping[str, Any] = {"number": 0.0, "integer": 0, "boolean": False, "string": "text", "null": None}


def described_body(target: Target) -> bytes:
    """A body for the target's path. Raises NotFound when the server does not describe it."""
    try:
        document = json.loads(_fetched(target, "/openapi.json"))
        path = target.path.partition("?")[0]
        if path not in document["paths"]:
            raise LookupError(did_you_mean(path, [name for name, does in document["paths"].items() if "post" in does]))
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        return json.dumps(_told(content, document)).encode()
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NotFound(
            "no request to send is known",
            where=f"{target.url}, /openapi.json",
            why=f"the server does not describe what it takes there ({_why(error)})",
            fix="name one: --body FILE (JSON, or .jsonl with one a line), or --entities KEY,KEY",
        ) from error


def _why(error: Exception) -> str:
    return str(error) if type(error) is LookupError else f"{type(error).__name__}: {error}"


def _fetched(target: Target, path: str) -> bytes:
    connection = HTTPConnection(target.host, target.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {target.token}"} if target.token else {})
        response = connection.getresponse()
        return response.read() if response.status == 200 else b""
    finally:
        connection.close()


def _told(content: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    if "example" in content:
        return content["example"]
    if content.get("examples"):
        return next(iter(content["examples"].values()))["value"]
    return example(content["schema"], document)


def example(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that a schema allows, as far as types, references, required fields and first alternatives tell."""
    if depth > _DEEPEST:
        raise RecursionError("the schema refers to itself")
    if "$ref" in schema:
        return example(_referred(schema["$ref"], document), document, depth + 1)
    for name in ("example", "const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    return _made(_first(schema), document, depth)


def _made(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: example(fields[name], document, depth + 1) for name in schema.get("required", ())}
    if kind == "array":
        return [example(schema["items"], document, depth + 1)] * max(1, int(schema.get("minItems", 1)))
    if kind in _PLAIN:
        return schema.get("minimum", _PLAIN[kind])
    return example(schema, document, depth + 1)


def _first(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its first alternative taken."""
    for name in ("oneOf", "anyOf"):
        if schema.get(name):
            rest = {key: value for key, value in schema.items() if key != name}
            return {**rest, **schema[name][0]}
    return schema


def _referred(reference: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, Mapping)
    return found
