"""HTTP on a connection: the same requests however the bytes are cut, answers in their order, and a limit for everything."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.inference.http import AHEAD, BODY_SECONDS, HEAD_LIMIT, IDLE_SECONDS, TARGET_LIMIT, Connection, Door, Request
from baton.inference.reply import Reply
from baton.serving.codec import BODY_LIMIT


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written, self.closed, self.aborted, self.reading = b"", False, False, True

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return "127.0.0.1", 5

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Hall:
    """A door, and a connection to it. Requests wait until they are answered, unless `at_once`."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.seen: list[Request] = []
        self.refusals: list[Reply] = []
        self.at_once = at_once
        self.door = Door(self.handle, self.refusals.append)
        self.wire = Wire()
        self.connection = self.connect(self.wire)

    def connect(self, wire: Wire) -> Connection:
        connection = Connection(self.door)
        connection.connection_made(wire)  # type: ignore[arg-type]
        return connection

    def handle(self, request: Request) -> None:
        self.seen.append(request)
        if self.at_once:
            request.reply(Reply(200, request.body.hex().encode()))

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)

    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", self.wire.written)]


def post(body: bytes, *headers: bytes, path: bytes = b"/predict") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: localhost", *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, size: int) -> bytes:
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size))
    return b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"


BODIES = st.lists(st.binary(max_size=60), min_size=1, max_size=6)


@given(bodies=BODIES, cuts=st.lists(st.integers(0, 900), max_size=12), size=st.integers(1, 9), as_chunks=st.booleans())
def test_however_the_bytes_are_cut_the_requests_are_the_same(
    bodies: list[bytes], cuts: list[int], size: int, as_chunks: bool
) -> None:
    stream = b"".join(chunked(body, size) if as_chunks else post(body) for body in bodies)
    hall = Hall(at_once=True)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in pairwise(places):
        if start < end:
            hall.send(stream[start:end])
    assert [(request.method, request.path, request.body) for request in hall.seen] == [
        ("POST", "/predict", body) for body in bodies
    ]
    assert hall.statuses() == [200] * len(bodies)
    assert not hall.wire.closed


@given(data=st.binary(max_size=300))
def test_noise_is_refused_or_waited_for_and_never_raises(data: bytes) -> None:
    hall = Hall(at_once=True)
    hall.send(data)
    assert hall.statuses() in ([], [400], [505], [200]) or set(hall.statuses()) <= {200, 400}
    assert hall.wire.closed or b"400" not in hall.wire.written


def test_answers_leave_in_the_order_of_the_requests() -> None:
    hall = Hall()
    hall.send(post(b"one") + post(b"two") + post(b"three"))
    assert [request.body for request in hall.seen] == [b"one"]
    for expected in (b"one", b"two", b"three"):
        hall.seen[-1].reply(Reply(200, expected))
    assert [hall.wire.written.index(body) for body in (b"one", b"two", b"three")] == sorted(
        hall.wire.written.index(body) for body in (b"one", b"two", b"three")
    )


def test_a_late_second_answer_is_not_sent() -> None:
    hall = Hall()
    hall.send(post(b"x"))
    hall.seen[0].reply(Reply(200, b"first"))
    hall.seen[0].reply(Reply(200, b"second"))
    assert b"second" not in hall.wire.written


def test_what_is_sent_far_ahead_is_not_read() -> None:
    hall = Hall()
    hall.send(post(b"x") * (AHEAD + 2))
    assert not hall.wire.reading
    while not hall.wire.reading:
        hall.seen[-1].reply(Reply(200, b""))


def test_a_client_that_went_cancels_its_request() -> None:
    hall, told = Hall(), list[bool]()
    hall.send(post(b"x"))
    hall.seen[0].cancelled = lambda: told.append(True)
    hall.connection.connection_lost(None)
    assert told == [True]
    assert not hall.door.busy


@pytest.mark.parametrize(
    "after",
    [
        b"\xff no request\r\n\r\n",
        post(b"x", b"Transfer-Encoding: chunked"),
        post(b"last", b"Connection: close") + post(b"late"),
        post(b"x" * (BODY_LIMIT + 1)) + post(b"late"),
    ],
)
def test_what_is_refused_costs_no_answer_to_what_was_whole_before(after: bytes) -> None:
    hall = Hall()
    hall.send(post(b"one") + post(b"two") + after)
    assert (hall.wire.closed, hall.wire.reading) == (False, False)
    while not hall.wire.closed:
        hall.seen[-1].reply(Reply(200, hall.seen[-1].body))
    assert [request.body for request in hall.seen][:2] == [b"one", b"two"] and b"late" not in hall.wire.written
    assert hall.statuses() == [200] * len(hall.seen) and not hall.wire.aborted
    assert len(hall.refusals) == 1


def test_a_client_that_went_leaves_nothing_behind() -> None:
    for data in (post(b"whole"), post(b"x" * 100)[:-1], post(b"one") + post(b"two")):
        hall = Hall()
        hall.send(data)
        hall.connection.connection_lost(None)
        assert (hall.connection._parser, hall.connection._body, hall.connection.at_work) == (None, b"", None)
        for request in hall.seen:
            request.reply(Reply(200, b"late"))
        assert not hall.wire.written


def test_half_closed_clients_get_their_answer_and_no_more() -> None:
    hall = Hall()
    hall.send(post(b"x"))
    assert hall.connection.eof_received()
    hall.seen[0].reply(Reply(200, b"there"))
    assert b"there" in hall.wire.written and hall.wire.closed
    assert not Hall().connection.eof_received()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * (TARGET_LIMIT + 1) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"a" * (HEAD_LIMIT + 1) + b"\r\n\r\n", 431),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: elsewhere\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(data: bytes, status: int) -> None:
    hall = Hall()
    hall.send(data)
    assert (hall.statuses(), hall.wire.closed, hall.seen) == ([status], True, [])
    assert [reply.status for reply in hall.refusals] == [status]


@pytest.mark.parametrize("as_chunks", [False, True])
def test_a_body_above_the_limit_is_read_to_its_end_and_refused(as_chunks: bool) -> None:
    hall, body = Hall(), b"x" * (BODY_LIMIT + 1)
    stream = chunked(body, 1 << 20) if as_chunks else post(body)
    for start in range(0, len(stream), 1 << 20):
        hall.send(stream[start : start + (1 << 20)])
    assert (hall.statuses(), hall.wire.closed, hall.seen) == ([413], True, [])


def test_a_body_without_end_is_cut_off() -> None:
    hall = Hall()
    hall.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(100):
        if hall.wire.closed:
            break
        hall.send(piece)
    assert hall.statuses() == [413]


def test_who_asks_whether_to_go_on_with_too_much_is_refused_at_once() -> None:
    hall = Hall()
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
    hall.send(head + b"x" * 100)
    assert (hall.statuses(), hall.wire.closed, hall.seen) == ([413], True, [])
    assert len(hall.refusals) == 1 and not hall.wire.aborted


def test_all_clients_together_may_not_send_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.inference.http.HELD", 3000)
    hall, wires = Hall(at_once=True), [Wire() for _ in range(4)]
    clients = [hall.connect(wire) for wire in wires]
    for client in clients:
        client.data_received(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + b"x" * 900)
    assert [b"503" in wire.written for wire in wires] == [False, False, False, True]
    clients[3].connection_lost(None)
    clients[0].connection_lost(None)
    clients[1].data_received(b"x" * 1100)
    assert b"HTTP/1.1 200" in wires[1].written
    for client in clients[1:3]:
        client.connection_lost(None)
    assert hall.door.held == 0


def test_what_is_sent_ahead_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.inference.http.BODY_LIMIT", 1000)
    hall = Hall()
    for _ in range(4):
        hall.send(post(b"x" * 600))
    states = [(hall.wire.reading, len(hall.seen))]
    for _ in range(4):
        hall.seen[-1].reply(Reply(200, b""))
    states.append((hall.wire.reading, len(hall.seen)))
    assert states == [(False, 1), (True, 4)]
    assert hall.door.held == 0


def test_a_large_request_without_a_right_is_refused_before_its_body() -> None:
    hall = Hall()
    hall.door.check = lambda path, headers: Reply(401, path.encode()) if b"authorization" not in headers else None
    hall.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 100_000)
    assert hall.door.held == 0
    hall.send(b"x" * 800_000)
    assert hall.statuses() == [401] and hall.wire.closed and not hall.seen


def test_who_asks_whether_to_go_on_is_told() -> None:
    hall = Hall()
    hall.send(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert hall.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    hall.send(b"hi")
    assert hall.seen[0].body == b"hi"


@pytest.mark.parametrize(
    ("version", "header", "stays"), [(b"1.1", b"keep-alive", True), (b"1.1", b"close", False), (b"1.0", b"close", False)]
)
def test_the_client_decides_whether_the_connection_stays(version: bytes, header: bytes, stays: bool) -> None:
    hall = Hall(at_once=True)
    hall.send(b"GET / HTTP/%b\r\nHost: localhost\r\nConnection: %b\r\n\r\n" % (version, header))
    assert hall.statuses() == [200]
    assert hall.wire.closed is not stays


def test_head_has_the_length_and_no_body() -> None:
    hall = Hall()
    hall.send(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    hall.seen[0].reply(Reply(200, b'{"status":"ok"}'))
    assert b"content-length: 15" in hall.wire.written
    assert hall.wire.written.endswith(b"\r\n\r\n")


def test_slow_idle_and_deaf_clients_are_let_go() -> None:
    slow, idle, deaf = Hall(), Hall(), Hall()
    slow.send(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
    now = slow.door.now()
    slow.connection.look(now + BODY_SECONDS - 1)
    assert slow.statuses() == []
    slow.connection.look(now + BODY_SECONDS + 1)
    assert (slow.statuses(), slow.wire.closed) == ([408], True)
    closed = []
    for later in (-1, 1):
        idle.connection.look(now + IDLE_SECONDS + later)
        closed.append((idle.wire.closed, idle.wire.written))
    assert closed == [(False, b""), (True, b"")]
    deaf.connection.pause_writing()
    deaf.connection.look(now + BODY_SECONDS + 1)
    assert deaf.wire.aborted


def test_a_client_that_dribbles_its_headers_is_let_go() -> None:
    hall = Hall()
    hall.send(b"POST /predict HTTP/1.1\r\nHost: loc")
    hall.connection.look(hall.door.now() + BODY_SECONDS + 1)
    assert (hall.statuses(), hall.wire.closed) == ([408], True)


def test_while_draining_the_last_answers_close(monkeypatch: Any) -> None:
    hall = Hall()
    hall.send(post(b"x"))
    hall.door.draining = True
    assert not hall.connection.drop_if_idle()
    hall.seen[0].reply(Reply(200, b"last"))
    assert b"connection: close" in hall.wire.written and hall.wire.closed
    assert Hall().connection.drop_if_idle()


def test_more_clients_than_the_limit_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.inference.http.CONNECTIONS", 1)
    hall, wire = Hall(), Wire()
    hall.connect(wire)
    assert b"503" in wire.written and wire.closed
