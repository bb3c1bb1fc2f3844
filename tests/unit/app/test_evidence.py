"""What rows say of a release: pairs, failures, and units by the share that was in force when they came."""

from baton.app.lifecycle.evidence import HOUR, SETTLING, Row, see

LABELS = {f"e{number}": number % 2 for number in range(100)}


def row(
    number: int, variant: str = "live", odds: float = 1.0, *, at: int = SETTLING, within: bool = True, score: float = 0.2
) -> Row:
    return Row(at, f"e{number}", 2 if variant == "canary" else 1, variant, score, odds, within)


def own(*rows: Row) -> dict[tuple[int, str], float]:
    return {(each.at, each.entity): 0.4 for each in rows}


def test_pairs_are_rows_that_live_answered_and_the_trial_scored_too() -> None:
    rows = [row(1), row(2), row(3, "canary", 0.2), row(500), row(4, at=SETTLING + HOUR)]
    seen = see(rows, own(*rows, row(1, at=0)), LABELS, 2, 0.25)
    assert seen.losses.size == 3, "neither the canary's own answer nor a row without a label"
    assert list(seen.losses.counts) == [2, 1]
    assert seen.losses.sums[0] == ((0.4 - 1) ** 2 - (0.2 - 1) ** 2) + (0.4**2 - 0.2**2)


def test_failures_are_answered_requests_that_it_has_no_score_for() -> None:
    start = row(0, at=0)
    rows = [
        start,
        *(row(number, at=SETTLING + 1) for number in range(1, 20)),
        row(20, at=SETTLING + 2),
        row(21, "canary", 0.2, at=SETTLING + 3),
        row(22, "fallback", at=SETTLING + 4),
        row(23, "default", at=SETTLING + 5),
    ]
    seen = see(rows, own(start, rows[1], rows[20], rows[22]), LABELS, 2, 0.25)
    assert (seen.scored.losses, seen.scored.wins, seen.scored.ties) == (2, 1, 1), "a request is one failure"
    early = see([start, row(9, at=1)], own(start), LABELS, 2, 0.25)
    assert early.scored.losses == 0, "servers may take a moment to come to know it"
    assert see([row(1)], {}, LABELS, 2, 0.25).scored.losses == 1, "one that never scored anything fails everything"


def test_units_count_once_by_the_share_in_force_when_they_came() -> None:
    rows = [
        row(1, "canary", 0.05),
        row(2, "live", 0.95),
        row(2, "live", 0.75, at=2 * SETTLING),
        row(3, "canary", 0.25, at=2 * SETTLING),
        row(4, "live", 1.0),
        row(5, "live", 0.95, within=False),
    ]
    seen = see(rows, own(*rows), LABELS, 2, 0.25)
    assert seen.units == {0.05: (1, 1), 0.25: (1, 0)}, "no unit from before the canary, and none from outside its segment"
    assert seen.labelled == seen.units
    assert seen.wrong == {0.05: (1, 0), 0.25: (1, 0)}


def test_another_release_is_not_this_one() -> None:
    rows = [Row(SETTLING, "e1", 7, "canary", 0.2, 0.2)]
    assert see(rows, own(*rows), LABELS, 2, 0.25).units == {}
