"""The training set: cut by time or by share without a row lost or seen twice, and named by every value of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from baton.kernel.clock import micros
from baton.kernel.errors import Refused
from baton.training.trainingset import FEWEST, TrainingSet, split

CUTOFF = datetime(2023, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def made(offsets: list[timedelta], labels: list[int] | None = None) -> TrainingSet:
    """Rows decided so long before the cutoff, in order."""
    at = np.array(sorted(micros(CUTOFF - offset) for offset in offsets), dtype=np.int64)
    truth = np.array(labels if labels is not None else [place % 2 for place in range(len(at))], dtype=np.float32)
    names = np.array([f"e{place}" for place in range(len(at))], dtype=object)
    return TrainingSet(names, at, truth, {"x": np.arange(len(at), dtype=np.float64), "c": names.copy()}, CUTOFF)


def hourly(days: int) -> TrainingSet:
    return made([timedelta(hours=hour) for hour in range(days * 24)])


def places(part: TrainingSet) -> list[int]:
    return [int(value) for value in part.columns["x"]]


def test_parts_are_cut_by_spans_back_from_the_cutoff() -> None:
    whole = hourly(30)
    parts = split(whole, 7 * DAY, 5 * DAY)
    assert places(parts.train) + places(parts.validation) + places(parts.holdout) == list(range(720))
    assert parts.holdout.rows == 5 * 24 and parts.validation.rows == 7 * 24
    assert parts.train.decided_at.max() == micros(CUTOFF - 12 * DAY) < parts.validation.decided_at.min()
    assert parts.validation.decided_at.max() == micros(CUTOFF - 5 * DAY) < parts.holdout.decided_at.min()
    assert places(parts.learned) == list(range(720 - 120)) and parts.learned.cutoff == CUTOFF
    assert list(parts.learned.entities) == list(whole.entities[:600])


def test_parts_are_views_of_the_whole() -> None:
    whole = hourly(30)
    parts = split(whole, 7 * DAY, 5 * DAY)
    for part in (parts.train, parts.validation, parts.holdout, parts.learned):
        assert np.shares_memory(part.columns["x"], whole.columns["x"]) and np.shares_memory(part.labels, whole.labels)


def test_rows_of_one_instant_stay_together_at_a_boundary_in_time() -> None:
    offsets = [DAY * 2 + timedelta(hours=hour) for hour in range(1, 60)] + [DAY * 2] * 30 + [DAY] * 30 + [timedelta(0)] * 30
    parts = split(made(offsets), DAY, DAY)
    assert (parts.train.rows, parts.validation.rows, parts.holdout.rows) == (89, 30, 30)


@settings(deadline=None, max_examples=60)
@given(st.integers(60, 400), st.floats(0.05, 0.45), st.floats(0.05, 0.45))
def test_shares_count_rows(rows: int, validation: float, holdout: float) -> None:
    assume(
        min(round(rows * validation), round(rows * holdout), rows - round(rows * validation) - round(rows * holdout)) >= FEWEST
    )
    whole = made([timedelta(0)] * rows)
    parts = split(whole, validation, holdout)
    assert (parts.validation.rows, parts.holdout.rows) == (round(rows * validation), round(rows * holdout))
    assert places(parts.train) + places(parts.validation) + places(parts.holdout) == list(range(rows))


def test_a_share_and_a_span_may_stand_side_by_side() -> None:
    parts = split(hourly(30), 0.25, 5 * DAY)
    assert (parts.train.rows, parts.validation.rows, parts.holdout.rows) == (720 - 180 - 120, 180, 120)
    parts = split(hourly(30), 10 * DAY, 0.25)
    assert (parts.validation.rows, parts.holdout.rows) == (60, 180)


REFUSALS: dict[str, tuple[TrainingSet, Any, Any, str]] = {
    "no rows": (made([]), DAY, DAY, "train part has 0 rows"),
    "no train": (hourly(10), 5 * DAY, 5 * DAY, "train part has 0 rows"),
    "short hold-out": (
        made([timedelta(hours=hour) for hour in range(19, 500)]),
        7 * DAY,
        timedelta(hours=38),
        "hold-out part has 19 rows",
    ),
    "short validation": (hourly(10), timedelta(hours=19), DAY, "validation part has 19 rows"),
    "shares of all": (hourly(10), 0.5, 0.5, "train part has 0 rows"),
    "shares of more": (hourly(10), 0.7, 0.7, "train part has 0 rows"),
    "a share of nothing": (hourly(10), 0.2, 0.0, "hold-out part has 0 rows"),
    "one class": (
        made([timedelta(hours=hour) for hour in range(240)], [0] * 120 + [1] * 120),
        2 * DAY,
        2 * DAY,
        r"train part has 144 rows|validation part has 48 rows with 1 class",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_part_too_small_or_of_one_class_is_refused(name: str) -> None:
    whole, validation, holdout, said = REFUSALS[name]
    with pytest.raises(Refused, match=said) as caught:
        split(whole, validation, holdout)
    assert "20 rows and both classes" in caught.value.why and caught.value.fix


def test_a_part_of_exactly_the_fewest_rows_will_do() -> None:
    parts = split(made([timedelta(0)] * 60), 20 / 60, 20 / 60)
    assert [part.rows for part in (parts.train, parts.validation, parts.holdout)] == [20, 20, 20]


def test_taking_rows_keeps_all_columns_aligned() -> None:
    whole = hourly(2)
    chosen = whole.take(whole.labels > 0)
    assert places(chosen) == list(range(1, 48, 2)) and [f"e{place}" for place in places(chosen)] == list(chosen.entities) == list(
        chosen.columns["c"]
    )


def test_the_digest_names_every_value() -> None:
    whole = hourly(3)
    nulls = np.array([None, *whole.columns["c"][1:]], dtype=object)
    others = [
        replace(whole, cutoff=CUTOFF + DAY),
        replace(whole, labels=1 - whole.labels),
        replace(whole, decided_at=whole.decided_at + 1),
        replace(whole, entities=whole.entities[::-1]),
        replace(whole, columns={**whole.columns, "x": whole.columns["x"] + 1e-9}),
        replace(whole, columns={**whole.columns, "y": whole.columns["x"]}),
        replace(whole, columns={"z": whole.columns["x"], "c": whole.columns["c"]}),
        replace(whole, columns={**whole.columns, "c": nulls}),
        replace(whole, columns={**whole.columns, "c": np.array(["None", *nulls[1:]], dtype=object)}),
        replace(whole, columns={**whole.columns, "c": np.array(["a\x1eb", *nulls[1:]], dtype=object)}),
        whole.take(np.arange(72) < 71),
    ]
    digests = [whole.digest(), *(other.digest() for other in others)]
    assert len(set(digests)) == len(digests)
    assert hourly(3).digest() == whole.digest() == replace(whole, columns=dict(reversed(whole.columns.items()))).digest()
