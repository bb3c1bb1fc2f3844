"""Who is in a canary: fixed by salt and entity, evenly spread, and never moved back as the share grows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.delivery.split import BUCKETS, arm_of, in_canary, position

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


@settings(deadline=None, max_examples=200)
@given(TEXT, TEXT, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_shares_that_grow_only_ever_move_units_from_live_to_an_arm(
    salt: str, entity: str, pairs: list[tuple[float, float]]
) -> None:
    before, after = ([pick(pair) / len(pairs) for pair in pairs] for pick in (min, max))
    one, other = arm_of(salt, entity, before), arm_of(salt, entity, after)
    assert one is None or one == other, "who is in an arm stays in that very arm"
    assert arm_of(salt, entity, [0.0] * len(pairs)) is None


def test_a_ramp_moves_units_one_way_and_a_restart_moves_none() -> None:
    entities, seen = [f"e{number}" for number in range(5000)], set[str]()
    for share in (0.01, 0.05, 0.25, 0.5):
        inside = {entity for entity in entities if arm_of("flightsrel-2", entity, (share,)) is not None}
        again = {entity for entity in entities if arm_of("flightsrel-2", entity, (share,)) is not None}
        assert seen <= inside == again
        assert abs(len(inside) / 5000 - share) < 0.03
        seen = inside


def test_an_arm_that_goes_leaves_the_others_their_units() -> None:
    entities = [f"e{number}" for number in range(2000)]
    both = {entity: arm_of("s", entity, (0.3, 0.3)) for entity in entities}
    one = {entity: arm_of("s", entity, (0.0, 0.3)) for entity in entities}
    assert all(one[entity] == (None if arm == 0 else arm) for entity, arm in both.items())
