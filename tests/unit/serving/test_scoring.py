"""Rules of batch scoring: identity by cause, moves, chunks, and what a check lets through."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from baton.kernel.errors import Conflict
from baton.project.definition import Scoring
from baton.serving.scoring import (
    DRIFT,
    MOVES,
    Cause,
    ScoringRun,
    Standard,
    check,
    due,
    moved,
    profile_of,
    published_anyway,
    run_id,
    settled,
    standard_of,
)

AT = datetime(2026, 10, 31, tzinfo=UTC)
DAY = timedelta(days=1)
CAUSE = Cause("b" * 64, "payments", "", "i" * 64, AT, "scores")
DRAW = np.random.default_rng(7)
SCORES = DRAW.beta(2, 5, 2000)


def run(cause: Cause = CAUSE, status: str = "planned", rows: int = 10, **more: object) -> ScoringRun:
    return ScoringRun(run_id(cause), status, 3, cause, rows, 0.5, AT, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"bundle": "c" * 64},
        {"source": "orders"},
        {"source": "", "query": "SELECT 1"},
        {"input": "j" * 64},
        {"as_of": AT + DAY},
        {"table": "other"},
    ],
)
def test_another_cause_is_another_run_and_the_same_one_is_the_same(other: dict[str, object]) -> None:
    assert run_id(CAUSE) == run_id(replace(CAUSE))
    assert run_id(CAUSE) != run_id(replace(CAUSE, **other))  # type: ignore[arg-type]


@pytest.mark.parametrize("before", MOVES)
@pytest.mark.parametrize("after", MOVES)
def test_moves_are_those_of_the_table(before: str, after: str) -> None:
    if after in MOVES[before]:
        assert moved(run(status=before), after).status == after
    else:
        with pytest.raises(Conflict, match=f"is {before} and cannot become {after}"):
            moved(run(status=before), after)


@pytest.mark.parametrize(("rows", "chunk", "count"), [(1, 1, 1), (10, 3, 4), (9, 3, 3), (10, 50, 1)])
def test_chunks_hold_every_row_once(rows: int, chunk: int, count: int) -> None:
    spans = run(rows=rows, chunk=chunk).spans()
    assert [row for span in spans for row in span] == list(range(rows))
    assert len(spans) == count and all(len(span) <= chunk for span in spans)
    assert all(first.stop == second.start for first, second in pairwise(spans))


def test_scores_spread_like_the_standard_pass_and_others_do_not() -> None:
    standard = Standard("the hold-out", profile_of(SCORES))
    assert check(DRAW.beta(2, 5, 300), standard).passed
    verdict = check(DRAW.beta(5, 2, 300), standard)
    assert not verdict.passed and "spread otherwise than those of the hold-out" in verdict.reasons[0]
    assert check(DRAW.beta(5, 2, 300), standard, tolerance=50).passed


def test_scores_that_crowd_may_move_a_little_and_not_far() -> None:
    """A model of few leaves: a step of a hundredth carries most scores over an edge of the deciles."""
    few = np.repeat([0.10, 0.11, 0.12, 0.60, 0.70], [700, 500, 400, 300, 100])
    standard = Standard("the hold-out", profile_of(few))
    assert check(few + 0.01, standard).passed
    assert not check(few + 0.2, standard).passed
    assert not check(np.full(2000, 0.12), standard).passed, "every row with the same score: something is missing"


@pytest.mark.parametrize(("scores", "words"), [(SCORES[:99], "too few"), (np.array([0.9]), "too few")])
def test_few_rows_tell_nothing(scores: "np.ndarray[tuple[int], np.dtype[np.float64]]", words: str) -> None:
    verdict = check(scores, Standard("the hold-out", profile_of(SCORES)))
    assert verdict.passed and words in verdict.reasons[0]
    assert check(SCORES, Standard("a small run", profile_of(scores))).passed
    assert "nothing to compare with" in check(SCORES, None).reasons[0]


def test_no_score_at_all_has_a_profile_too() -> None:
    assert profile_of(np.array([np.nan, np.inf])).rows == 0


def test_the_last_published_run_that_was_asked_the_same_is_the_standard() -> None:
    profile = profile_of(SCORES)

    def earlier(days: int, status: str = "published", **other: object) -> ScoringRun:
        cause = replace(CAUSE, as_of=AT - days * DAY, input=f"{days}" * 64, **other)  # type: ignore[arg-type]
        return run(cause, status, profile=profile)

    runs = [earlier(5), earlier(2), earlier(1, "withheld"), earlier(1, source="orders"), earlier(1, bundle="c" * 64), earlier(3)]
    found = standard_of(run(), runs, None)
    assert found is not None and found.name.startswith(runs[1].id)
    holdout = standard_of(run(), runs[2:5], profile)
    assert holdout is not None and holdout.name == "the hold-out of version 3"
    assert standard_of(run(), [], None) is None


def test_what_is_withheld_is_published_by_a_person_only() -> None:
    verdict = check(DRAW.beta(5, 2, 300), Standard("the hold-out", profile_of(SCORES)))
    withheld = settled(run(status="scoring"), verdict, profile_of(SCORES), AT)
    assert withheld.status == "withheld" and not withheld.open
    freed = published_anyway(withheld, "ola", "a new market", AT + DAY)
    assert (freed.status, freed.decided_by) == ("published", "ola") and "a new market" in freed.reasons[-1]
    with pytest.raises(Conflict):
        published_anyway(freed, "ola", "again", AT)


@pytest.mark.parametrize(
    ("last", "every", "now", "expected"),
    [
        (None, 1, AT, True),
        (AT, 1, AT, False),
        (AT + timedelta(hours=9), 1, AT + DAY, True),
        (AT, 1, AT + timedelta(hours=23), False),
        (AT, 7, AT + 6 * DAY, False),
        (AT + timedelta(hours=23), 7, AT + 7 * DAY, True),
    ],
)
def test_schedules_count_days(last: datetime | None, every: int, now: datetime, expected: bool) -> None:
    assert due(last, every * DAY, now) is expected


def test_a_declared_batch_is_judged_like_a_typed_one() -> None:
    assert Scoring.model_validate({"from": "payments"}).drift == DRIFT
