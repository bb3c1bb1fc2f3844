"""Log lines: one object a line, about its request, and nothing that somebody's data said."""

import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from baton.inference.lines import Calm, Json, Text, about, trace_id
from baton.kernel.errors import BatonError, Unavailable, without_values

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def record(message: str, *, error: bool = False, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("baton.serving", logging.ERROR, __file__, 1, message, (), sys.exc_info() if error else None)
    made.__dict__.update(more)
    return made


def failing(value: str) -> int:
    return int(value)


def test_an_exception_tells_its_kind_and_place_and_not_what_it_says() -> None:
    try:
        failing("Jane Doe")
    except ValueError as error:
        wrapped = BatonError("a request function failed", why=f"ValueError: {error}")
        wrapped.__cause__ = error
        lines = [form.format(record("it failed", error=True)) for form in (Json(), Text())]
    assert "Jane" not in "".join(lines)
    assert json.loads(lines[0])["stack"][-1] == "ValueError"
    assert "in failing" in lines[1]
    assert without_values(wrapped) == "a request function failed\n  why: ValueError"
    assert "full" in without_values(Unavailable("x", why="the disk is full")), "what is ours is told whole"


@given(st.dictionaries(st.sampled_from([b"x-request-id", b"traceparent"]), st.binary(max_size=80)), st.text(max_size=50))
def test_whatever_a_client_sends_a_line_stays_one_object(headers: dict[bytes, bytes], message: str) -> None:
    line = Json().format(record(message.replace("%", "%%"), about=about(headers, Unavailable("x"))["about"]))
    assert "\n" not in line
    assert json.loads(line)["code"] == "unavailable"


def test_a_trace_id_is_taken_from_a_traceparent_that_is_valid() -> None:
    assert trace_id({b"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01".encode()}) == TRACE
    assert trace_id({b"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01".encode()}) is None
    assert trace_id({b"traceparent": b"hello"}) is None
    assert trace_id({}) is None


def test_the_same_line_comes_once_in_a_while() -> None:
    calm = Calm()
    assert [calm.filter(record("full")) for _ in range(5)] == [True, False, False, False, False]
    assert calm.filter(record("something else"))
    calm._seen["full"] = (-10.0, 4)
    again = record("full")
    assert calm.filter(again)
    assert again.getMessage() == "full (4 times more since)"
    for number in range(1000):
        calm.filter(record(f"line {number}"))
    assert len(calm._seen) <= 256
