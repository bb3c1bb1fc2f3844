"""Sample-ratio mismatch: sound splits stay unsuspected, broken ones are found, whatever the arms and however shares changed."""

import math

import numpy as np
import pytest
from scipy.special import betaln

from baton.delivery.mismatch import CONCENTRATIONS, Exposures, MismatchTest, of_canary, read_split

NAMES = ("canary", "control")


def test_two_arms_are_a_beta_mixture() -> None:
    share, mine, theirs = 0.05, 70, 930
    wanted = [
        betaln(c * share + mine, c * (1 - share) + theirs)
        - betaln(c * share, c * (1 - share))
        - mine * math.log(share)
        - theirs * math.log(1 - share)
        for c in CONCENTRATIONS
    ]
    assert MismatchTest.of(of_canary({share: (mine, theirs)})).evidence == pytest.approx(np.exp(wanted).mean())


def test_the_next_unit_is_a_fair_bet() -> None:
    shares, units = (0.5, 0.3, 0.2), (52, 27, 21)
    now = MismatchTest.of({shares: units}).evidence
    following = (
        MismatchTest.of({shares: tuple(count + (at == arm) for at, count in enumerate(units))}).evidence for arm in range(3)
    )
    assert sum(share * each for share, each in zip(shares, following, strict=True)) == pytest.approx(now)


@pytest.mark.parametrize(
    ("exposures", "broken"),
    [
        ({(0.5, 0.5): (0, 0)}, False),
        ({(0.5, 0.5): (50_100, 49_900)}, False),
        ({(0.5, 0.5): (51_500, 48_500)}, True),
        ({(0.05, 0.95): (500, 9500), (0.5, 0.5): (5050, 4950)}, False),
        ({(0.05, 0.95): (500, 9500), (0.5, 0.5): (4500, 5500)}, True),
        ({(0.0, 1.0): (0, 500)}, False),
        ({(0.0, 1.0): (1, 500)}, True),
    ],
)
def test_splits(exposures: Exposures, broken: bool) -> None:
    reading = read_split(exposures, NAMES)
    assert (reading.decided == "void") is broken
    assert reading.sentence.startswith("The split is broken" if broken else "The split is as assigned")


def test_shares_need_not_add_up_to_one() -> None:
    assert MismatchTest.of({(1.0, 1.0): (60, 40)}).log_evidence == pytest.approx(
        MismatchTest.of({(0.5, 0.5): (60, 40)}).log_evidence
    )
