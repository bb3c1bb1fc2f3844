"""Identity: canonical bytes, digests and derived ids know equal from unequal, and nothing else."""

import json
import math
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.digest import canonical, digest, digest_bytes, digest_file, finite
from baton.kernel.ids import derived_id, is_name

FAST = settings(deadline=None, max_examples=60)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@FAST
@given(PLAIN)
def test_canonical_bytes_are_json_and_stable(value: Any) -> None:
    data = canonical(value)
    assert json.loads(data) == value
    assert canonical(json.loads(data)) == data
    assert digest(value) == sha256(data).hexdigest()


@FAST
@given(st.dictionaries(TEXT, st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_count(value: dict[str, int], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(value)


def test_canonical_bytes_are_these() -> None:
    assert canonical({"b": [1, 1.0, True, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,1.0,true,null]}'.encode()


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"x": -math.inf}])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


def test_known_digests(tmp_path: Path) -> None:
    assert digest_bytes(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "abc").write_bytes(b"abc")
    assert digest_file(tmp_path / "abc") == digest_bytes(b"abc")


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, None), (math.nan, None), (math.inf, None), (-math.inf, None), (0.12345678901, 0.123456789), (2, 2.0)],
)
def test_finite_is_fit_for_the_record(value: float | None, told: float | None) -> None:
    assert finite(value) == told


@FAST
@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=4))
def test_two_lists_of_parts_share_no_id(one: list[str], other: list[str]) -> None:
    assert (derived_id("turn", *one) == derived_id("turn", *other)) is (one == other)


def test_an_id_is_its_kind_and_twelve_digits() -> None:
    assert derived_id("handoff", "data", "turn-1") == derived_id("handoff", "data", "turn-1")
    assert derived_id("a", 1) == derived_id("a", "1")
    assert derived_id("a", "bc") != derived_id("a", "b", "c") != derived_id("ab", "c")
    kind, _, rest = derived_id("release", 7).partition("-")
    assert kind == "release" and len(rest) == 12 and int(rest, 16) >= 0


@pytest.mark.parametrize("text", ["a", "a-1", "a" * 63])
def test_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "A", "1a", "-a", "a_b", "a" * 64, "a\n", "é", "a b", "../a"])
def test_no_names(text: str) -> None:
    assert not is_name(text)
