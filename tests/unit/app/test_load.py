"""Load: latencies counted without loss, addresses beyond this machine refused, bodies made from a server's description."""

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.app.load.example import example
from baton.app.load.histogram import Histogram
from baton.app.load.loops import arrivals
from baton.app.load.target import CONSENT, read_target
from baton.kernel.errors import InvalidInput, Refused

SPANS = st.lists(st.integers(0, 10**8), min_size=1, max_size=200)


@given(SPANS, st.floats(0.01, 1.0))
def test_a_quantile_is_never_too_low_and_at_most_a_bucket_too_high(micros: list[int], share: float) -> None:
    histogram = Histogram()
    for each in micros:
        histogram.add((each + 0.5) / 1e6)
    ordered = sorted(micros)
    exact = next(value for place, value in enumerate(ordered, 1) if place >= share * len(ordered) - 1e-9)
    told = histogram.quantile(share) * 1e6
    assert exact < told + 0.6 and told <= exact * (1 + 1 / 64) + 1.1


@given(SPANS, st.integers(0, 10**8))
def test_what_is_above_agrees_with_the_quantiles(micros: list[int], limit: int) -> None:
    histogram = Histogram()
    for each in micros:
        histogram.add((each + 0.5) / 1e6)
    assert sum(each + 0.5 > limit for each in micros) <= histogram.above(limit / 1e6)
    assert histogram.above(1000.0) == 0


def test_without_durations_there_is_no_quantile() -> None:
    assert isnan(Histogram().quantile(0.5))


def test_arrivals_are_ascending_repeatable_and_as_many_as_asked_for() -> None:
    dues = arrivals([(1000, 2.0), (5000, 1.0)])
    assert dues == sorted(dues) == arrivals([(1000, 2.0), (5000, 1.0)])
    assert 1800 < sum(due < 2 for due in dues) < 2200 and 4700 < sum(due >= 2 for due in dues) < 5300
    assert dues[-1] < 3


@pytest.mark.parametrize("host", ["example.com", "10.0.0.7", "127.0.0.1.example.com", "[2001:db8::1]", "0.0.0.0"])
def test_another_machine_is_not_loaded_without_consent(host: str) -> None:
    with pytest.raises(Refused, match="not this machine") as caught:
        read_target(f"http://{host}:8080/predict", "", consent=False)
    assert CONSENT in caught.value.fix
    assert read_target(f"http://{host}:8080/predict", "", consent=True).port == 8080


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "127.0.0.1:80", "http://", "http://127.0.0.1:99999/", "http://a b/", "http://u:p@127.0.0.1/"])  # fmt: skip
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_target(url, "", consent=True)
    assert "http://127.0.0.1:8080/predict" in caught.value.fix


def test_a_request_has_its_token_and_its_length() -> None:
    target = read_target("http://[::1]:81", "secret", consent=False)
    assert (target.path, target.url) == ("/predict", "http://[::1]:81/predict")
    head, _, body = target.post(b"{}").partition(b"\r\n\r\n")
    assert body == b"{}"
    assert b"Host: [::1]:81" in head and b"Authorization: Bearer secret" in head and b"Content-Length: 2" in head
    with pytest.raises(InvalidInput, match="does not allow"):
        read_target("http://127.0.0.1/", "two\r\nlines", consent=False)


def test_a_body_follows_its_schema() -> None:
    row = {
        "type": "object",
        "required": ["carrier", "wind"],
        "properties": {
            "carrier": {"type": ["string", "null"], "examples": ["AA"]},
            "wind": {"type": ["number", "null"]},
            "x": {},
        },
    }
    schema = {
        "type": "object",
        "properties": {"inputs": {"oneOf": [{"$ref": "#/defs/Row"}, {"type": "array"}]}, "entities": {"type": "array"}},
        "oneOf": [{"required": ["inputs"]}, {"required": ["entities"]}],
    }
    assert example(schema, {"defs": {"Row": row}}) == {"inputs": {"carrier": "AA", "wind": 0.0}}
    assert example({"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 3}}, {}) == [3, 3]
    with pytest.raises(RecursionError):
        example({"$ref": "#/a"}, {"a": {"$ref": "#/a"}})
