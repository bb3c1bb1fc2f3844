"""The Open Inference Protocol, version 2, over gRPC: the same models, dispatcher, gate and log as over HTTP.

A few threads read and write messages; every request is worked on in the loop's thread, like those of HTTP. A call's own
deadline is its ticket's, and a call that is cancelled is not worked on.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Any

from baton.inference import openinference
from baton.inference.desk import MOST_SECONDS, SECONDS, Desk, told
from baton.inference.proto import SERVICE, messages
from baton.inference.reply import bare
from baton.kernel.errors import BatonError, Expired, InvalidInput, MissingExtra, NotFound, Unavailable
from baton.serving import oip
from baton.serving.codec import BODY_LIMIT, Answer, Call
from baton.serving.dispatch import Ticket
from baton.serving.fleet import Target
from baton.serving.lineup import Lineup
from baton.serving.tensor import BYTES, Tensor, checked, from_raw, to_raw

THREADS, ANSWER_LIMIT = 32, 64 * 1024 * 1024
CODES: Mapping[str, str] = {
    "malformed": "INVALID_ARGUMENT",
    "invalid-input": "INVALID_ARGUMENT",
    "too-large": "RESOURCE_EXHAUSTED",
    "not-found": "NOT_FOUND",
    "conflict": "FAILED_PRECONDITION",
    "refused": "PERMISSION_DENIED",
    "overloaded": "RESOURCE_EXHAUSTED",
    "expired": "DEADLINE_EXCEEDED",
    "unavailable": "UNAVAILABLE",
    "broken-source": "UNAVAILABLE",
}
_CONTENTS: Mapping[str, str] = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents", "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents", "UINT64": "uint64_contents",
    "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """A remote call: its action of the rights matrix, what does it, and whether it needs the server's token."""

    name: str
    action: str
    does: Callable[["Rpc", Any, Any], Any]
    open: bool = False

    def __post_init__(self) -> None:
        if not self.action:
            raise LookupError(f"{self.name} names no action of the rights matrix")


@dataclass(frozen=True, slots=True)
class Place:
    """Where calls are taken; `shared` with other processes of this server."""

    host: str
    port: int
    shared: bool = False


class Rpc:
    """Answers the calls. `threadsafe` runs something in the loop's thread."""

    def __init__(self, desk: Desk, token: str, threadsafe: Callable[[Callable[[], None]], Any]) -> None:
        self._desk, self._token, self._threadsafe = desk, token, threadsafe
        self._messages = messages()

    def live(self, _request: Any, _context: Any) -> Any:
        """The process runs."""
        return self._messages["ServerLiveResponse"](live=True)

    def ready(self, _request: Any, _context: Any) -> Any:
        """Whether every model is in service."""
        return self._messages["ServerReadyResponse"](ready=openinference.all_ready(self._desk))

    def model_ready(self, request: Any, _context: Any) -> Any:
        """Whether a model is in service."""
        self._target(request.name, request.version).lineup()
        return self._messages["ModelReadyResponse"](ready=True)

    def server(self, _request: Any, _context: Any) -> Any:
        """What this server is."""
        return self._messages["ServerMetadataResponse"](**openinference.about())

    def model(self, request: Any, _context: Any) -> Any:
        """What a model takes and gives."""
        return self._messages["ModelMetadataResponse"](**openinference.metadata(self._target(request.name, request.version)))

    def infer(self, request: Any, context: Any) -> Any:
        """Score tensors."""
        target, asked = self._target(request.model_name, request.model_version), _asked(request)
        features: tuple[str, ...] = ()

        def decode(lineup: Lineup) -> Call:
            nonlocal features
            features = oip.features_of(lineup)
            return oip.call_of(asked, lineup)

        answer = self._scored(target, decode, context)
        return self._response(oip.inferred(answer, asked, request.model_name, features), raw=bool(request.raw_input_contents))

    def handler(self, method: Method) -> Callable[[Any, Any], Any]:
        """A method behind the gate, its errors as gRPC tells them."""

        def handle(request: Any, context: Any) -> Any:
            if not method.open and not self._passes(context):
                _abort(context, "UNAUTHENTICATED", "this server wants a token; send 'authorization: Bearer TOKEN' as metadata")
            try:
                answer = method.does(self, request, context)
            except Exception as error:  # noqa: BLE001  whatever it was, the client gets an answer
                status, text = _refusal(error)
                self._count(method, status)
                _abort(context, status, text)
            self._count(method, "OK")
            return answer

        return handle

    def _count(self, method: Method, status: str) -> None:
        """Counters belong to the loop's thread."""
        self._threadsafe(lambda: self._desk.metrics.responded(f"grpc {method.name}", status))

    def _passes(self, context: Any) -> bool:
        if not self._token:
            return True
        given = dict(context.invocation_metadata()).get("authorization", "")
        return isinstance(given, str) and hmac.compare_digest(given.encode(), b"Bearer " + self._token.encode())

    def _target(self, name: str, version: str) -> Target:
        self._desk.watch.look()
        if version and not (version.isascii() and version.isdigit() and len(version) < 10):
            raise NotFound(f"version '{version[:40]}' is not in service", where="version", fix="write a number, or leave it out")
        return self._desk.fleet.find(name[:100], version or None)

    def _scored(self, target: Target, decode: Callable[[Lineup], Call], context: Any) -> Answer:
        """Have a call worked on in the loop's thread, and wait for it."""
        left = context.time_remaining()
        patience = SECONDS if left is None else min(left, MOST_SECONDS)
        found: Future[Answer] = Future()

        def done(outcome: Answer | Exception) -> None:
            if isinstance(outcome, Exception):
                found.set_exception(outcome)
            else:
                self._desk.metrics.took(self._desk.now() - began)
                found.set_result(outcome)

        began = self._desk.now()
        ticket = Ticket(target.plane, lambda: target.read(decode), done, began + patience)
        if not context.add_callback(lambda: setattr(ticket, "cancelled", True)):
            raise Expired("the call was given up before it was begun", fix="give it more time, or try again")
        self._threadsafe(lambda: self._desk.dispatcher.submit(ticket))
        try:
            return found.result(patience)
        except TookTooLong as error:
            ticket.cancelled = True
            raise Expired("the deadline of the call passed", fix="give it more time, or try again") from error

    def _response(self, answer: oip.Inferred, *, raw: bool) -> Any:
        response = self._messages["ModelInferResponse"](model_name=answer.model, model_version=answer.version, id=answer.id)
        for name, value in answer.parameters.items():
            _set(response.parameters[name], value)
        for tensor in answer.outputs:
            output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            if raw:
                response.raw_output_contents.append(to_raw(tensor))
            else:
                values = [value.encode() for value in tensor.values] if tensor.datatype == BYTES else tensor.values
                getattr(output.contents, _CONTENTS[tensor.datatype]).extend(values)
        return response


METHODS = (
    Method("ServerLive", "serve", Rpc.live, open=True),
    Method("ServerReady", "serve", Rpc.ready),
    Method("ModelReady", "serve", Rpc.model_ready),
    Method("ServerMetadata", "serve", Rpc.server),
    Method("ModelMetadata", "serve", Rpc.model),
    Method("ModelInfer", "serve", Rpc.infer),
)


def start(rpc: Rpc, place: Place) -> tuple[Any, int]:
    """A running gRPC server and its port. Raises MissingExtra, or Unavailable naming the port."""
    grpc, host, port = _grpc(), place.host, place.port
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="grpc"),
        maximum_concurrent_rpcs=THREADS,
        options=[
            ("grpc.max_receive_message_length", BODY_LIMIT),
            ("grpc.max_send_message_length", ANSWER_LIMIT),
            ("grpc.max_metadata_size", 32 * 1024),
            ("grpc.so_reuseport", int(place.shared)),
        ],
    )
    known = messages()
    methods = {
        method.name: grpc.unary_unary_rpc_method_handler(
            rpc.handler(method),
            request_deserializer=known[f"{method.name}Request"].FromString,
            response_serializer=known[f"{method.name}Response"].SerializeToString,
        )
        for method in METHODS
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        bound, why = 0, str(error)
    else:
        why = ""
    if not bound:
        raise Unavailable(f"port {port} of {host} is in use", why=why, fix="choose another with --grpc-port; 0 takes a free one")
    server.start()
    return server, bound


def _grpc() -> Any:
    try:
        import google.protobuf.message_factory  # noqa: F401  the messages are made with it
        import grpc
    except ImportError as error:
        raise MissingExtra(
            "gRPC is not installed", why=str(error), fix="pip install 'baton-ml[grpc]'; or leave --grpc-port out"
        ) from error
    return grpc


def _asked(request: Any) -> oip.Inference:
    """A message as a request. Raises InvalidInput naming the tensor."""
    raws, inputs = request.raw_input_contents, request.inputs
    if raws and (len(raws) != len(inputs) or any(item.HasField("contents") for item in inputs)):
        raise InvalidInput(
            f"{len(raws)} raw contents for {len(inputs)} inputs",
            where="raw_input_contents",
            fix="send raw contents for all inputs and no others, or for none",
        )
    tensors = (
        [from_raw(item.name, item.datatype, list(item.shape), raw) for item, raw in zip(inputs, raws, strict=True)]
        if raws
        else [_tensor(item) for item in inputs]
    )
    return oip.Inference(tensors, request.id, _parameters(request.parameters), {item.name: True for item in request.outputs})


def _tensor(item: Any) -> Tensor:
    kept = _CONTENTS.get(item.datatype)
    if kept is None:
        raise InvalidInput(
            f"'{item.datatype[:40]}' cannot be sent as contents", where=item.name, fix="send it as raw contents, or as FP64"
        )
    given = [field.name for field, _ in item.contents.ListFields()]
    if given not in ([], [kept]):
        raise InvalidInput(f"'{item.name}' is {item.datatype} and has {given[0]}", where=item.name, fix=f"fill {kept} alone")
    values: Sequence[Any] = getattr(item.contents, kept)
    if item.datatype == BYTES:
        try:
            values = [value.decode() for value in values]
        except UnicodeDecodeError as error:
            raise InvalidInput(f"'{item.name}' is not UTF-8", where=item.name, why=str(error), fix="send texts") from error
    return checked(Tensor(item.name, item.datatype, tuple(item.shape), list(values)))


def _parameters(given: Any) -> dict[str, Any]:
    return {name: getattr(value, kind) for name, value in given.items() if (kind := value.WhichOneof("parameter_choice"))}


def _set(parameter: Any, value: Any) -> None:
    kind = "bool_param" if isinstance(value, bool) else "int64_param" if isinstance(value, int) else "string_param"
    setattr(parameter, kind, value)


def _refusal(error: Exception) -> tuple[str, str]:
    """The status and the words of an error; they are those of HTTP."""
    import msgspec

    text = msgspec.json.decode(bare(told(error)).body)["error"]
    return CODES.get(error.code, "INTERNAL") if isinstance(error, BatonError) else "INTERNAL", text


def _abort(context: Any, status: str, text: str) -> None:
    context.abort(getattr(_grpc().StatusCode, status), text)
