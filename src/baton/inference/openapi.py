"""The server's description of itself: what each model takes, made from its signature, and what every path answers."""

from collections.abc import Sequence
from typing import Any

from baton.inference.http import BULK
from baton.inference.reply import STATUS
from baton.registry.signature import InputFeature
from baton.serving.codec import BODY_LIMIT, EXPLAINED, LARGEST, ROW_LIMIT, TEXT_LIMIT, advice
from baton.serving.fleet import Fleet
from baton.serving.lineup import Lineup
from baton.serving.tensor import BYTES, NUMBERS

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "maxLength": TEXT_LIMIT}
_TEXTS: Schema = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": ROW_LIMIT}
_ERRORS = {
    "400": "The body is not JSON, or the host is not this machine",
    "401": "A token is configured and was not given",
    "403": "The request names its moment and the server does not run for a replay",
    "404": "The model, its version or an entity is unknown",
    "409": "The online store stands at another watermark than named",
    "413": f"The body is larger than {BODY_LIMIT >> 20} MiB, or has too many rows",
    "415": "The body is of a type that is not taken",
    "422": "A field is missing, unknown or of the wrong type",
    "500": "The server failed",
    "501": "A part that this request needs is not installed",
    "503": "No model is live, the prediction cannot be logged, or the server has more to do than it can (Retry-After)",
    "504": "The deadline passed before the request was worked on",
}
_TIMEOUT: Schema = {
    "name": "Baton-Timeout-Ms",
    "in": "header",
    "description": "How long the answer is waited for",
    "schema": {"type": "integer", "minimum": 1, "maximum": 60_000},
}
_ARROW = BULK.decode()
_OIP = "OipError"


def describe(fleet: Fleet, *, replay: bool) -> Schema:
    """An OpenAPI 3.1 document."""
    lineups = [plane.lineup for plane in fleet.planes if plane.lineup.live is not None]
    default = fleet.default.plane.lineup
    paths: Schema = {
        "/predict": {"post": _predict("predict", "Request")},
        "/models": {"get": _get("Every model and its versions", "object")},
        "/health": {"get": _get("The process runs", "object")},
        "/ready": {"get": _get("Every model is in service", "object", "503")},
        "/metrics": {"get": _plain("Prometheus text")},
        "/openapi.json": {"get": _get("This document", "object")},
        "/v2": {"get": _open("What this server is")},
        "/v2/health/live": {"get": _open("The process runs")},
        "/v2/health/ready": {"get": _open("Every model is in service", "503")},
    }
    schemas: Schema = {
        "Row": row(default), "Request": _request("Row", replay=replay), "Answer": _answer(), "Error": _error(), **_tensors(),
    }  # fmt: skip
    for lineup in lineups:
        name = lineup.routing.project
        schemas |= {f"Row.{name}": row(lineup), f"Request.{name}": _request(f"Row.{name}", replay=replay)}
        for version, pinned in lineup.pins.items():
            schemas |= {
                f"Row.{name}.{version}": row(pinned),
                f"Request.{name}.{version}": _request(f"Row.{name}.{version}", replay=replay),
            }
        paths |= _of_model(name, sorted(lineup.pins))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{default.routing.project or 'baton'} predictions",
            "version": str(default.live.route.version) if default.live else "none",
            "description": f"Errors carry one of the codes {', '.join(STATUS)}.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def row(lineup: Lineup) -> Schema:
    """One row of a line-up's model."""
    features = lineup.live.model.signature.features if lineup.live else ()
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [item.name for item in features],
        "properties": {item.name: _feature(item) for item in features},
    }


def _of_model(name: str, versions: Sequence[int]) -> Schema:
    paths: Schema = {f"/models/{name}": {"get": _get("Its versions", "object")}}
    for way, id, schema in [
        (name, name, f"Request.{name}"),
        *((f"{name}/versions/{version}", f"{name}-{version}", f"Request.{name}.{version}") for version in versions),
    ]:
        paths[f"/models/{way}/predict"] = {"post": _predict(f"predict-{id}", schema)}
        paths[f"/v2/models/{way}"] = {"get": _open("What it takes and gives", "404", "503")}
        paths[f"/v2/models/{way}/ready"] = {"get": _open("Whether it is in service", "404")}
        paths[f"/v2/models/{way}/infer"] = {"post": _infer(f"infer-{id}")}
    return paths


def _predict(id: str, schema: str) -> Schema:
    ok = {"description": "The predictions, in the order asked", "content": {**_json("Answer"), _ARROW: {}}}
    return {
        "operationId": id,
        "summary": "Score rows, or entities by key",
        "parameters": [_TIMEOUT],
        "requestBody": {
            "required": True,
            "content": {**_json(schema), _ARROW: {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {"200": ok} | _errors("Error", *_ERRORS),
    }


def _infer(id: str) -> Schema:
    codes = [code for code in _ERRORS if code not in ("403", "422")]
    return {
        "operationId": id,
        "summary": "Score tensors (Open Inference Protocol, version 2)",
        "parameters": [_TIMEOUT],
        "requestBody": {"required": True, "content": _json("OipRequest")},
        "responses": {"200": {"description": "The outputs", "content": _json("OipAnswer")}} | _errors(_OIP, *codes),
    }


def _feature(item: InputFeature) -> Schema:
    if item.kind == "number":
        return {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST, "description": advice(item)}
    return {
        "type": ["string", "null"],
        "maxLength": TEXT_LIMIT,
        "description": advice(item),
        "examples": list(item.categories[:5]),
    }


def _request(schema: str, *, replay: bool) -> Schema:
    row = {"$ref": f"#/components/schemas/{schema}"}
    properties: Schema = {
        "inputs": {"oneOf": [row, {"type": "array", "items": row, "minItems": 1, "maxItems": ROW_LIMIT}]},
        "ids": {**_TEXTS, "description": "What the rows of inputs are called; else by the digest of the request and their place"},
        "entities": {**_TEXTS, "description": "Keys of entities whose features are looked up"},
        "missing": {"const": "skip", "description": "Leave unknown entities out instead of answering 404"},
        "explain": {"type": "boolean", "description": f"Tell what each feature adds to each score; at most {EXPLAINED} rows"},
    }
    if replay:
        properties |= {"decided_at": {"type": "string", "format": "date-time"}, "watermark": {"type": "integer"}}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "oneOf": [{"required": ["inputs"]}, {"required": ["entities"]}],
    }


def _answer() -> Schema:
    explanation = {
        "type": "object",
        "description": "The score is the baseline plus all contributions",
        "required": ["baseline", "contributions"],
        "properties": {
            "baseline": {"type": "number"},
            "contributions": {"type": "object", "additionalProperties": {"type": "number"}},
        },
    }
    row = {
        "entity": {"type": "string"},
        "score": {"type": "number"},
        "label": {"type": "boolean"},
        "prediction_id": {"type": "string"},
        "model_version": {"type": "integer"},
        "release": {"type": "string"},
        "variant": {"type": "string", "description": "live, an arm beside it, who stood in for it, or pinned"},
    }
    properties = {
        "predictions": {
            "type": "array",
            "items": {"type": "object", "required": list(row), "properties": row | {"explanation": explanation}},
        },
        "decided_at": {"type": "string", "format": "date-time"},
        "serial": {"type": "integer"},
        "watermark": {"type": ["integer", "null"]},
        "missing": {"type": "array", "items": {"type": "string"}},
    }
    return {"type": "object", "required": ["predictions", "decided_at", "serial"], "properties": properties}


def _error() -> Schema:
    fields = {name: {"type": "string"} for name in ("code", "message", "field", "fix")}
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "object", "required": list(fields), "properties": fields}},
    }


def _tensors() -> Schema:
    parameters: Schema = {"type": "object"}
    head: Schema = {
        "name": _TEXT,
        "datatype": {"enum": [*NUMBERS, BYTES]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 8},
        "parameters": parameters,
    }
    given = {"type": "object", "required": ["name", "shape", "datatype"], "properties": {**head, "data": {"type": "array"}}}
    named = {"type": "object", "required": ["name"], "properties": {"name": _TEXT, "parameters": parameters}}
    request: Schema = {
        "id": _TEXT,
        "parameters": parameters,
        "inputs": {"type": "array", "items": given, "maxItems": TEXT_LIMIT},
        "outputs": {"type": "array", "items": named, "maxItems": TEXT_LIMIT},
    }
    answer: Schema = {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "parameters": parameters}
    return {
        "OipRequest": {"type": "object", "properties": request},
        "OipAnswer": {
            "type": "object",
            "required": ["model_name", "outputs"],
            "properties": {**answer, "outputs": {"type": "array", "items": given}},
        },
        _OIP: {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    }


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _errors(schema: str, *codes: str) -> Schema:
    return {code: {"description": _ERRORS[code], "content": _json(schema)} for code in codes}


def _get(text: str, kind: str, *codes: str) -> Schema:
    ok = {"description": text, "content": {"application/json": {"schema": {"type": kind}}}}
    return {"responses": {"200": ok} | _errors("Error", "400", "401", *codes)}


def _open(text: str, *codes: str) -> Schema:
    ok = {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"responses": {"200": ok} | _errors(_OIP, "400", "401", *codes)}


def _plain(text: str) -> Schema:
    return {"responses": {"200": {"description": text, "content": {"text/plain": {}}}} | _errors("Error", "400", "401")}
