"""The model server's paths: every request to who answers it. No sockets here."""

from collections.abc import Sequence

from baton.inference import openinference, pages, predicting
from baton.inference.desk import Desk, Submits, Watches, told
from baton.inference.gate import Gate
from baton.inference.http import Request
from baton.inference.reply import Reply, refusal
from baton.inference.route import Route, Routes
from baton.kernel.suggest import did_you_mean
from baton.serving.dataplane import DataPlane
from baton.serving.dispatch import Dispatcher
from baton.serving.fleet import Fleet
from baton.serving.metrics import ServingMetrics

ROUTES = (
    Route("GET", "/", "serve", pages.front),
    Route("GET", "/health", "serve", pages.health),
    Route("GET", "/ready", "serve", pages.ready),
    Route("GET", "/metrics", "serve", pages.metrics),
    Route("GET", "/openapi.json", "serve", pages.openapi),
    Route("POST", "/reload", "serve", pages.reload),
    Route("GET", "/models", "serve", pages.models),
    Route("GET", "/models/{model}", "serve", pages.model),
    Route("POST", "/predict", "serve", predicting.predict),
    Route("POST", "/models/{model}/predict", "serve", predicting.predict),
    Route("POST", "/models/{model}/versions/{version}/predict", "serve", predicting.predict),
    Route("GET", "/v2", "serve", openinference.server),
    Route("GET", "/v2/", "serve", openinference.server),
    Route("GET", "/v2/health/live", "serve", openinference.live),
    Route("GET", "/v2/health/ready", "serve", openinference.ready),
    Route("GET", "/v2/models/{model}", "serve", openinference.model),
    Route("GET", "/v2/models/{model}/ready", "serve", openinference.model_ready),
    Route("POST", "/v2/models/{model}/infer", "serve", openinference.infer),
    Route("GET", "/v2/models/{model}/versions/{version}", "serve", openinference.model),
    Route("GET", "/v2/models/{model}/versions/{version}/ready", "serve", openinference.model_ready),
    Route("POST", "/v2/models/{model}/versions/{version}/infer", "serve", openinference.infer),
)
"""All there is, each with its action of the rights matrix. `serve` is open on this machine, and to whoever has the server's token."""


class InferenceApp:
    """What answers each request. `dispatcher` is set by the process before the first one."""

    def __init__(self, fleet: Fleet, metrics: ServingMetrics, watch: Watches, gate: Gate, *, replay: bool) -> None:
        self.desk = Desk(fleet, metrics, watch, replay=replay)
        self.fleet, self.metrics, self.gate, self._watch = fleet, metrics, gate, watch
        self._routes = Routes(ROUTES)

    @property
    def plane(self) -> DataPlane:
        """The data plane of the default model."""
        return self.fleet.default.plane

    @property
    def dispatcher(self) -> Submits | Dispatcher:
        """Decides when requests are worked on."""
        return self.desk.dispatcher

    @dispatcher.setter
    def dispatcher(self, dispatcher: Submits | Dispatcher) -> None:
        """Set by the process before the first request."""
        self.desk.dispatcher = dispatcher

    def handle(self, request: Request) -> None:
        """Answer a request, now or when it was worked on."""
        try:
            reply = self._answer(request)
        except Exception as error:  # noqa: BLE001  whatever it was, the client gets an answer
            reply = told(error, request)
        if reply is not None:
            self.desk.reply(request, reply)

    def reload(self) -> None:
        """Read the routing again, in any thread; what is wrong with it is told by /ready."""
        self._watch.reload()

    def refused(self, reply: Reply) -> None:
        """Count what never became a request."""
        self.metrics.responded("other", reply.status)

    def _answer(self, request: Request) -> Reply | None:
        """The answer, or None when it comes later."""
        found = self._routes.find(request.path)
        if found is not None:
            request.route = found[0].template
        stopped = self.gate.check(request.path, request.headers)
        if stopped is not None:
            return stopped
        self._watch.look()
        if found is None:
            path = request.path[:100]
            return refusal(
                404, "not-found", f"there is no {path} here", fix=did_you_mean(path, sorted({r.template for r in ROUTES}))
            )
        place, names = found
        route = place.routes.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            return _wrong_method(request.method, [*place.routes])
        return route.does(self.desk, request, names)


def _wrong_method(method: str, methods: Sequence[str]) -> Reply:
    allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])]).encode()
    return refusal(
        405, "wrong-method", f"{method} is not for this path", fix=f"use {allowed.decode()}", headers=((b"allow", allowed),)
    )
