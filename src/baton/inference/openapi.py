"""The server's description of itself, made from the live model's signature."""

from typing import Any

from baton.registry.signature import InputFeature
from baton.serving.codec import ROW_LIMIT, TEXT_LIMIT, advice
from baton.serving.lineup import Lineup

_TEXT = {"type": "string", "maxLength": TEXT_LIMIT}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": ROW_LIMIT}
_ERRORS = {
    "400": "The body is not JSON",
    "401": "A token is configured and was not given",
    "403": "The request names its moment and the server does not run for a replay",
    "404": "An entity is unknown",
    "409": "The online store stands at another watermark than named",
    "413": "The body is larger than 8 MiB",
    "415": "The body is not sent as application/json",
    "422": "A field is missing, unknown or of the wrong type",
    "503": "No model is live, or the prediction cannot be logged",
}


def describe(lineup: Lineup, *, replay: bool) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    project = lineup.routing.project or "baton"
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{project} predictions", "version": str(lineup.live.route.version) if lineup.live else "none"},
        "paths": {
            "/predict": {"post": _predict()},
            "/health": {"get": _plain("The process runs")},
            "/ready": {"get": _plain("A live model is loaded", {"503": "None is"})},
            "/metrics": {"get": _plain("Prometheus text")},
            "/openapi.json": {"get": _plain("This document")},
        },
        "components": {"schemas": {"Row": _row(lineup), "Request": _request(replay), "Answer": _answer(), "Error": _error()}},
    }


def _predict() -> dict[str, Any]:
    responses = {"200": {"description": "The predictions, in the order asked", "content": _json("Answer")}}
    responses |= {code: {"description": text, "content": _json("Error")} for code, text in _ERRORS.items()}
    return {
        "operationId": "predict",
        "summary": "Score rows, or entities by key",
        "requestBody": {"required": True, "content": _json("Request")},
        "responses": responses,
    }


def _row(lineup: Lineup) -> dict[str, Any]:
    features = lineup.live.model.signature.features if lineup.live else ()
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [item.name for item in features],
        "properties": {item.name: _feature(item) for item in features},
    }


def _feature(item: InputFeature) -> dict[str, Any]:
    if item.kind == "number":
        return {"type": ["number", "null"], "description": advice(item)}
    return {
        "type": ["string", "null"],
        "maxLength": TEXT_LIMIT,
        "description": advice(item),
        "examples": list(item.categories[:5]),
    }


def _request(replay: bool) -> dict[str, Any]:
    row = {"$ref": "#/components/schemas/Row"}
    properties: dict[str, Any] = {
        "inputs": {"oneOf": [row, {"type": "array", "items": row, "minItems": 1, "maxItems": ROW_LIMIT}]},
        "ids": {**_TEXTS, "description": "What the rows of inputs are called; else they are called by their digest"},
        "entities": {**_TEXTS, "description": "Keys of entities whose features are looked up"},
        "missing": {"const": "skip", "description": "Leave unknown entities out instead of answering 404"},
    }
    if replay:
        properties |= {"decided_at": {"type": "string", "format": "date-time"}, "watermark": {"type": "integer"}}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "oneOf": [{"required": ["inputs"]}, {"required": ["entities"]}],
    }


def _answer() -> dict[str, Any]:
    row = {
        "entity": {"type": "string"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "label": {"type": "boolean"},
        "prediction_id": {"type": "string"},
        "model_version": {"type": "integer"},
        "release": {"type": "string"},
        "variant": {"enum": ["live", "canary"]},
    }
    properties = {
        "predictions": {"type": "array", "items": {"type": "object", "required": list(row), "properties": row}},
        "decided_at": {"type": "string", "format": "date-time"},
        "serial": {"type": "integer"},
        "watermark": {"type": ["integer", "null"]},
        "missing": {"type": "array", "items": {"type": "string"}},
    }
    return {"type": "object", "required": ["predictions", "decided_at", "serial"], "properties": properties}


def _error() -> dict[str, Any]:
    fields = {name: {"type": "string"} for name in ("code", "message", "field", "fix")}
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "object", "required": list(fields), "properties": fields}},
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _plain(text: str, others: dict[str, str] | None = None) -> dict[str, Any]:
    return {"responses": {code: {"description": what} for code, what in {"200": text, **(others or {})}.items()}}
