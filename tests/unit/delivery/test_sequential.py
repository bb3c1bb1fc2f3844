"""Sequential tests of rates: counts say what the stream said, in any order, and looking at every event costs nothing."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.delivery.sequential import (
    FINE,
    HARM,
    CeilingTest,
    Counts,
    Prior,
    RateTest,
    Side,
    average,
    edge,
    evidence_of,
    ratio_estimate,
    ratio_interval,
)

SHARES = st.sampled_from([0.01, 0.05, 0.25, 0.5, 0.9])
EVENTS = st.lists(st.tuples(SHARES, st.booleans()), max_size=30)
COUNTS = st.dictionaries(SHARES, st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), max_size=4)
NULLS = st.sampled_from([("above", 1.0), ("below", 1.1), ("below", 1.0), ("above", 0.8)])


def by_definition(events: list[tuple[float, bool]], null: float, side: str, prior: Prior) -> float:
    """The mixture of products of p(r)/p(null), event by event."""
    wealth = []
    for gap in prior.gaps:
        ratio, grown = null * gap if side == "above" else null / gap, 1.0
        for share, canary in events:
            mine, meant = (share * each / (share * each + 1 - share) for each in (ratio, null))
            grown *= mine / meant if canary else (1 - mine) / (1 - meant)
        wealth.append(grown)
    return sum(weight * each for weight, each in zip(prior.weights, wealth, strict=True))


def counted(events: list[tuple[float, bool]]) -> Counts:
    """The events per assignment probability."""
    return {
        share: (sum(mine for at, mine in events if at == share), sum(not mine for at, mine in events if at == share))
        for share in {share for share, _ in events}
    }


@settings(deadline=None, max_examples=60)
@given(EVENTS, NULLS, st.sampled_from([HARM, FINE]))
def test_counts_say_what_the_stream_said(events: list[tuple[float, bool]], null: tuple[Side, float], prior: Prior) -> None:
    side, ratio = null
    streamed = RateTest(null=ratio, side=side, prior=prior)
    for share, canary in events:
        streamed = streamed.seen(share, canary=canary)
    made = RateTest.of(counted(events), null=ratio, side=side, prior=prior)
    assert made == streamed
    assert made.evidence == pytest.approx(by_definition(events, ratio, side, prior), rel=1e-9)


def test_the_order_of_events_does_not_matter() -> None:
    events = [(0.01, True), (0.05, False), (0.5, True), (0.5, False)]
    found = set()
    for order in permutations(events):
        test = RateTest()
        for share, canary in order:
            test = test.seen(share, canary=canary)
        found.add(test.evidence)
    assert len(found) == 1


@settings(deadline=None, max_examples=60)
@given(COUNTS, NULLS)
def test_evidence_is_never_negative_nor_undefined(counts: Counts, null: tuple[Side, float]) -> None:
    for prior in (HARM, FINE):
        evidence = RateTest.of(counts, null=null[1], side=null[0], prior=prior).evidence
        assert 0 <= evidence < math.inf


@settings(deadline=None, max_examples=60)
@given(COUNTS, SHARES)
def test_a_bad_event_of_the_canary_never_speaks_for_it(counts: Counts, share: float) -> None:
    before = RateTest.of(counts)
    assert before.seen(share, canary=True).log_evidence >= before.log_evidence - 1e-6
    assert before.seen(share, canary=False).log_evidence <= before.log_evidence + 1e-6
    proof = RateTest.of(counts, null=1.1, side="below", prior=FINE)
    assert proof.seen(share, canary=True).log_evidence <= proof.log_evidence + 1e-6


def test_an_event_is_a_fair_bet_under_the_null() -> None:
    for share in (0.01, 0.3, 0.5):
        for side, null in (("above", 1.0), ("below", 1.1), ("above", 0.9)):
            test = RateTest.of({share: (3, 40)}, null=null, side=side, prior=FINE)  # type: ignore[arg-type]
            mine = share * null / (share * null + 1 - share)
            mean = mine * test.seen(share, canary=True).evidence + (1 - mine) * test.seen(share, canary=False).evidence
            assert mean == pytest.approx(test.evidence)


def test_without_events_nothing_is_known() -> None:
    assert RateTest().evidence == 1 and RateTest.of({0.1: (0, 0)}).evidence == pytest.approx(1)
    assert RateTest.of({0.0: (0, 9), 1.0: (9, 0)}) == RateTest()
    assert ratio_interval({}, 0.05) == (0.0, math.inf)
    assert math.isnan(ratio_estimate({}))


def test_a_canary_five_times_as_bad_is_caught_by_a_handful() -> None:
    assert RateTest.of({0.05: (5, 14)}).rejects(0.05)
    assert not RateTest.of({0.05: (1, 19)}).rejects(0.05)


@pytest.mark.parametrize("counts", [{0.5: (30, 20)}, {0.05: (4, 90), 0.25: (10, 40)}, {0.5: (0, 30)}, {0.5: (30, 0)}])
def test_bounds_hold_the_estimate_and_agree_with_the_test(counts: Counts) -> None:
    low, high = ratio_interval(counts, 0.05)
    assert low <= ratio_estimate(counts) <= high
    if low:
        assert RateTest.of(counts, null=low * 0.999, prior=FINE).rejects(0.025)
        assert not RateTest.of(counts, null=low * 1.001, prior=FINE).rejects(0.025)
    if math.isfinite(high):
        assert RateTest.of(counts, null=high * 1.001, side="below", prior=FINE).rejects(0.025)


def test_the_estimate_of_one_share_is_the_ratio_of_rates() -> None:
    assert ratio_estimate({0.2: (30, 40)}) == pytest.approx(30 / 0.2 / (40 / 0.8))
    assert ratio_estimate({0.2: (0, 40)}) == 0 and ratio_estimate({0.2: (4, 0)}) == math.inf


def test_no_event_among_many_units_is_proof_of_a_low_rate() -> None:
    assert CeilingTest(0, 0, 0.001).evidence == pytest.approx(1)
    assert CeilingTest(0, 5000, 0.001).evidence > 20 > CeilingTest(0, 2000, 0.001).evidence
    assert CeilingTest(10, 5000, 0.001).evidence < 1
    at_ceiling = [
        CeilingTest(hits, 400, 0.01).evidence * math.comb(400, hits) * 0.01**hits * 0.99 ** (400 - hits) for hits in range(401)
    ]
    assert sum(at_ceiling) == pytest.approx(1)


def test_priors_weigh_one() -> None:
    for prior in (HARM, FINE):
        assert sum(prior.weights) == pytest.approx(1) and min(prior.gaps) > 1


def test_the_small_ones() -> None:
    assert average({}) == 1 and average({"a": 1.0, "b": 3.0}) == 2
    assert evidence_of(1e9) < math.inf and evidence_of(-1e9) == 0
    assert edge(lambda at: at < 0.25, 1.0) == pytest.approx(0.25)
    assert edge(lambda _: False, 1.0) == -math.inf and edge(lambda _: True, 1.0) == math.inf


def test_the_error_rate_holds_on_the_ramp_with_a_look_at_every_event() -> None:
    """A quick sketch of tests/journeys/test_guarantees.py."""
    rng, streams, rejected = np.random.default_rng(1), 1500, 0
    shares, gaps = np.repeat((0.01, 0.05, 0.25, 0.5), 50), np.asarray(HARM.gaps)
    costs = np.cumsum(np.log1p(np.outer(shares, gaps - 1)), axis=0)
    for mine in rng.random((streams, len(shares))) < shares:
        looks = np.exp(np.outer(np.cumsum(mine), np.log(gaps)) - costs) @ np.asarray(HARM.weights)
        rejected += bool((looks >= 20).any())
    assert rejected / streams <= 0.05
    counts = {0.01: (1, 49), 0.05: (3, 47), 0.25: (12, 38), 0.5: (25, 25)}
    final = np.exp(41 * np.log(gaps) - costs[-1]) @ np.asarray(HARM.weights)
    assert RateTest.of(counts).evidence == pytest.approx(float(final))
