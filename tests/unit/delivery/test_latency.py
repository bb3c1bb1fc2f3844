"""Latency: slower at one cut point is slower, no slower is proved at all of them, and cut points come from before."""

from baton.delivery.guardrail import Guardrail
from baton.delivery.latency import cut_points, latency_evidence, read_latency
from baton.delivery.sequential import RateTest

SLOW = Guardrail("latency", "slow answers", margin=0.2)
UNITS = {0.1: (10_000, 90_000)}


def test_cut_points_are_quantiles_of_the_control() -> None:
    assert cut_points([float(each) for each in range(1000)]) == (500, 900, 990, 999)
    assert cut_points([3.0] * 50) == (3.0,) and cut_points([]) == ()


def test_the_evidence_is_the_mean_over_cut_points() -> None:
    cuts = {100.0: {0.1: (30, 80)}, 300.0: {0.1: (2, 9)}}
    each = [RateTest.of(counts).evidence for counts in cuts.values()]
    assert latency_evidence(cuts) == sum(each) / 2 and latency_evidence({}) == 1


def test_a_slow_tail_alone_is_found_and_named() -> None:
    reading = read_latency(SLOW, UNITS, {50.0: {0.1: (5000, 45_000)}, 400.0: {0.1: (60, 90)}})
    assert reading.decided == "harm" and "60 took more than 400 ms" in reading.sentence


def test_no_slower_needs_proof_at_every_cut_point() -> None:
    body, tail = {0.1: (5000, 45_000)}, {0.1: (1000, 9000)}
    assert read_latency(SLOW, UNITS, {50.0: body, 400.0: tail}).decided == "no worse"
    assert read_latency(SLOW, UNITS, {50.0: body, 400.0: {0.1: (1, 9)}}).decided == "open"
    assert read_latency(SLOW, UNITS, {}).decided == "open"
