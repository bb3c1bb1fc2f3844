"""Who is in a canary: fixed by salt and entity, evenly spread, and never moved back as the share grows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.delivery.split import BUCKETS, in_canary, position

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


@pytest.mark.parametrize(
    ("salt", "entity", "bucket"),
    [("flights", "f1", 471750033), ("flights", "f2", 195213786), ("", "", 1570991642), ("s", "日本", 1898063544)],
)
def test_known_places(salt: str, entity: str, bucket: int) -> None:
    # a change of these moves entities between versions in the middle of a rollout
    assert position(salt, entity) * BUCKETS == bucket


@settings(deadline=None, max_examples=100)
@given(TEXT, TEXT, st.floats(0, 1), st.floats(0, 1))
def test_a_growing_share_moves_nobody_back(salt: str, entity: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert 0 <= position(salt, entity) < 1
    assert in_canary(salt, entity, large) or not in_canary(salt, entity, small)
    assert in_canary(salt, entity, 1.0) and not in_canary(salt, entity, 0.0)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
def test_a_share_is_a_share(share: float) -> None:
    count = 20_000
    inside = sum(in_canary("flights", f"e{number}", share) for number in range(count))
    assert abs(inside / count - share) < 4 * (share * (1 - share) / count) ** 0.5


def test_another_salt_draws_anew() -> None:
    one, other = (np.array([in_canary(salt, f"e{number}", 0.5) for number in range(4000)]) for salt in ("a", "b"))
    assert abs((one & other).mean() - 0.25) < 0.03


def test_salt_and_entity_do_not_run_together() -> None:
    assert position("ab", "c") != position("a", "bc")
