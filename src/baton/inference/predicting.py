"""Baton's own way of asking: JSON, or Arrow for many rows, to the default model, a model, or one version of it."""

from baton.inference import bulk
from baton.inference.body import is_arrow, is_json, plain_body
from baton.inference.desk import Desk
from baton.inference.http import Request
from baton.inference.reply import WrongType, answer
from baton.inference.route import Names
from baton.serving.codec import Call
from baton.serving.lineup import Lineup


def predict(desk: Desk, request: Request, names: Names) -> None:
    """Score what the body tells, and log it."""
    if not is_json(request):
        if is_arrow(request):
            bulk.predict(desk, request, names)
            return
        raise WrongType(
            "the body must be sent as application/json", where="content-type", fix="send 'Content-Type: application/json'"
        )
    body = plain_body(request)
    say = bulk.arrow if bulk.wanted(request) else answer
    if not names:
        plane = desk.fleet.default.plane
        desk.submit(request, plane, lambda: plane.read(body), say)
        return
    target = desk.target(names)

    def decode(lineup: Lineup) -> Call:
        assert lineup.codec is not None
        return lineup.codec.decode(body)

    desk.submit(request, target.plane, lambda: target.read(decode), say)
