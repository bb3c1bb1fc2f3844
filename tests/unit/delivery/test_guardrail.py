"""Guardrails: they share the error rate, say what they saw in words, and advance nothing without proof."""

import numpy as np
import pytest

from baton.delivery.guardrail import Guardrail, declared, follow, outlook, read_rate
from baton.delivery.mismatch import of_canary, read_split
from baton.delivery.reading import Reading, voided
from baton.delivery.sequential import RateTest

ERRORS = Guardrail("errors", "failed answers")
SALES = Guardrail("sales", "orders", good=True)
UNITS = {0.05: (500, 9500), 0.5: (5000, 5000)}


def test_guardrails_share_the_error_rate_of_roll_backs_only() -> None:
    shared = declared([ERRORS, SALES])
    assert [(each.alpha, each.risk) for each in shared] == [(0.025, 0.05)] * 2
    assert read_rate(shared[0], UNITS, {}).harm.threshold == 40


def test_harm_in_words() -> None:
    reading = read_rate(ERRORS, UNITS, {0.05: (6, 20), 0.5: (40, 8)})
    assert reading.decided == "harm" and reading.sentence.startswith(
        "Roll back: 46 failed answers among 5,500 units of the canary, where its share foretells 25.3 (×5."
    )
    assert [(arm.name, arm.exposures, arm.events) for arm in reading.arms] == [("canary", 5500, 46), ("control", 14500, 28)]
    assert reading.interval is not None and (reading.interval.low or 0) > 1 and reading.exposures == 20_000


def test_no_worse_is_proved_and_never_assumed() -> None:
    few, many = ({0.5: (count, count)} for count in (20, 4000))
    assert read_rate(ERRORS, UNITS, few).decided == "open"
    reading = read_rate(ERRORS, UNITS, many)
    assert reading.decided == "no worse" and "less than ×1.1 of the control's" in reading.sentence


def test_no_data_no_advance() -> None:
    reading = read_rate(ERRORS, {0.05: (0, 0)}, {})
    assert reading.decided == "open" and "without data nothing advances" in reading.sentence
    assert outlook([reading]).move == outlook([]).move == "hold"


def test_where_nothing_ever_fails_a_ceiling_is_what_can_be_proved() -> None:
    units = {0.5: (20_000, 20_000)}
    assert read_rate(ERRORS, units, {}).decided == "open"
    capped = Guardrail("errors", "failed answers", ceiling=0.001)
    assert read_rate(capped, units, {}).decided == "no worse"
    assert read_rate(capped, {0.05: (1000, 19_000)}, {}).decided == "open"


def test_conversions_are_the_mirror_image() -> None:
    lost, kept, won = ({0.5: counts} for counts in ((300, 600), (9000, 9000), (600, 300)))
    assert [read_rate(SALES, UNITS, each).decided for each in (lost, kept, won)] == ["harm", "no worse", "no worse"]
    assert "fewer orders" in read_rate(SALES, UNITS, kept).harm.words


def test_a_threshold_once_reached_stays_reached() -> None:
    first = read_rate(ERRORS, {0.5: (100, 100)}, {0.5: (40, 8)})
    later = read_rate(ERRORS, {0.5: (900, 900)}, {0.5: (80, 70)}, first)
    assert read_rate(ERRORS, {0.5: (900, 900)}, {0.5: (80, 70)}).decided == "open"
    assert later.decided == "harm" and [exposures for exposures, _ in later.harm.trajectory] == [200, 1800]


def readings() -> dict[str, Reading]:
    many = read_rate(ERRORS, UNITS, {0.5: (4000, 4000)})
    return {
        "harm": read_rate(SALES, UNITS, {0.5: (300, 600)}),
        "no worse": many,
        "open": read_rate(Guardrail("slow", "slow answers"), UNITS, {}),
        "void": voided(many, read_split(of_canary({0.5: (4000, 6000)}), ("canary", "control"))),
    }


@pytest.mark.parametrize(
    ("names", "move", "because"),
    [
        (("no worse", "no worse"), "advance", ("errors", "errors")),
        (("no worse", "open"), "hold", ("slow",)),
        (("no worse", "open", "harm"), "roll back", ("sales",)),
        (("void", "harm"), "void", ("errors",)),
    ],
)
def test_all_together(names: tuple[str, ...], move: str, because: tuple[str, ...]) -> None:
    made = outlook([readings()[name] for name in names])
    assert (made.move, made.because) == (move, because)


def test_following_is_looking_after_every_event() -> None:
    rng = np.random.default_rng(7)
    treated = rng.random(3000) < 0.3
    event = rng.random(3000) < np.where(treated, 0.2, 0.05)
    reading = follow(Guardrail("new", "returns"), 0.3, treated.tolist(), event.tolist())
    looks = dict(reading.harm.trajectory)
    for at in list(looks)[:-1:40]:
        counts = {0.3: (int((treated & event)[:at].sum()), int((~treated & event)[:at].sum()))}
        assert looks[at] == pytest.approx(RateTest.of(counts).evidence)
    assert reading.decided == "harm" and reading.exposures == 3000
    assert follow(Guardrail("new", "returns"), 0.3, [], []).decided == "open"
