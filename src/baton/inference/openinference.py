"""The Open Inference Protocol, version 2, over HTTP: JSON, and raw tensors after it."""

from typing import Any

from baton import __version__
from baton.inference.body import is_tensors, plain_body
from baton.inference.desk import Desk
from baton.inference.http import Request
from baton.inference.reply import Reply, WrongType, answer, refusal
from baton.inference.route import Names
from baton.kernel.errors import InvalidInput, Unavailable
from baton.serving import oip
from baton.serving.codec import Answer, Call
from baton.serving.fleet import Target
from baton.serving.lineup import Lineup

HEAD = b"inference-header-content-length"


def server(_desk: Desk, _request: Request, _names: Names) -> Reply:
    """What this server is."""
    return answer(about())


def live(_desk: Desk, _request: Request, _names: Names) -> Reply:
    """The process runs."""
    return answer({"live": True})


def ready(desk: Desk, _request: Request, _names: Names) -> Reply:
    """Whether every model is in service."""
    if all_ready(desk):
        return answer({"live": True, "ready": True})
    return refusal(503, "unavailable", "no model is live", fix="GET /ready tells why")


def model_ready(desk: Desk, _request: Request, names: Names) -> Reply:
    """Whether a model is in service. One that is not known is not found."""
    target = desk.target(names)
    target.lineup()
    return answer({"name": names["model"], "ready": True})


def model(desk: Desk, _request: Request, names: Names) -> Reply:
    """What a model takes and gives."""
    return answer(metadata(desk.target(names)))


def infer(desk: Desk, request: Request, names: Names) -> None:
    """Score tensors."""
    if not is_tensors(request):
        raise WrongType(
            "the body must be JSON, or JSON with raw tensors after it",
            where="content-type",
            fix="send 'Content-Type: application/json' or application/octet-stream",
        )
    target, body, head = desk.target(names), plain_body(request), _head(request)
    asked: oip.Inference | None = None
    features: tuple[str, ...] = ()

    def decode(lineup: Lineup) -> Call:
        nonlocal asked, features
        asked = oip.read(body, head)
        features = oip.features_of(lineup)
        return oip.call_of(asked, lineup)

    def say(outcome: Answer) -> Reply:
        assert asked is not None
        data, length = oip.written(oip.inferred(outcome, asked, names["model"], features), asked)
        if length is None:
            return Reply(200, data)
        return Reply(200, data, b"application/octet-stream", ((HEAD, b"%d" % length),))

    desk.submit(request, target.plane, lambda: target.read(decode), say)


def about() -> dict[str, Any]:
    """The server's metadata."""
    return {"name": "baton", "version": __version__, "extensions": list(oip.EXTENSIONS)}


def all_ready(desk: Desk) -> bool:
    """Whether every model of the fleet is in service."""
    return all(plane.lineup.live is not None for plane in desk.fleet.planes)


def metadata(target: Target) -> dict[str, Any]:
    """A model's metadata, of one version with that version alone. Raises NotFound or Unavailable."""
    lineup = target.lineup()
    if lineup.live is None:
        raise Unavailable("no model is live", fix="GET /ready tells why")
    return oip.metadata(lineup, sorted(lineup.pins) if target.version is None else [target.version])


def _head(request: Request) -> int | None:
    text = request.headers.get(HEAD)
    if text is None:
        return None
    if not text.isdigit() or len(text) > 9:
        raise InvalidInput("the length of the JSON is no number", where=HEAD.decode(), fix="write it in bytes")
    return int(text)
