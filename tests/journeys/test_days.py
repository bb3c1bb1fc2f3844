"""Days of service are booked on the date of their decisions, and judged on every label that is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from journeys.orders import orders

from baton.app.bootstrap import open_house
from baton.app.lifecycle import collecting, judging, landing, people
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.step import Step
from baton.app.workspace import create
from baton.kernel.clock import iso, micros, parse_instant
from baton.ledger.draft import Draft
from baton.monitoring.day import Day
from baton.serving.prediction import PredictionBatch

START = parse_instant("2026-10-04")
DAY = timedelta(days=1)


def asked(at: datetime, *entities: str) -> PredictionBatch:
    """A request that was answered."""
    ids, ones = [f"pr-{at:%d%H%M}-{each}" for each in entities], [0.5] * len(entities)
    return PredictionBatch("orders", micros(at), 1, "rel-1", "live", ids, entities, ones, {"amount": ones}, 1000, 1)


@contextmanager
def step_of(project: Path, now: datetime) -> Iterator[Step]:
    """A step over the project's own house."""
    with open_house(project, create(project / ".baton", "wall")) as house:
        draft = Draft(house.state)
        yield Step(house, Office(draft, people.recorded_team(draft, house.definition), house.definition, now))


def serve(step: Step, *batches: PredictionBatch) -> None:
    """What the server logged is in the table."""
    step.house.tables.append("predictions", collecting.as_table(batches, "order_id"), step=step.number)


def test_after_a_gap_traffic_is_booked_on_the_days_it_came_on(tmp_path: Path) -> None:
    served, now = parse_instant("2026-10-28T09:00:00Z"), parse_instant("2026-11-01T06:00:00Z")
    with step_of(orders(tmp_path, START, timedelta(minutes=15)), now) as step:
        step.house.state.commit([], cursors={"day": "2026-10-28T00:00:00Z"})
        serve(
            step, asked(served, "o1", "o2"), asked(served + timedelta(hours=14), "o3"), asked(now - DAY, "o4"), asked(now, "o5")
        )
        collecting.record_days(step, None)
        days = {day.id: (day.day, day.requests, day.predictions) for day in step.draft.all(Day)}
    assert days == {
        "2026-10-28": (parse_instant("2026-10-28"), 2, 3),
        "2026-10-31": (parse_instant("2026-10-31"), 1, 1),
    }, "and the day that has only begun waits for its end"


@pytest.mark.parametrize(("timed", "maturity"), [(True, "1d"), (False, "1d"), (True, "20d"), (False, "20d")])
def test_every_label_that_is_there_reaches_the_judgement_of_its_day(tmp_path: Path, timed: bool, maturity: str) -> None:
    project = orders(tmp_path, START, timedelta(minutes=15), timed=timed)
    with (project / "baton.yaml").open("a") as stream:
        stream.write(f"monitor: {{maturity: {maturity}}}\n")
    served, wait = parse_instant("2026-11-05T09:00:00Z"), timedelta(days=int(maturity[:-1]))
    with step_of(project, parse_instant("2026-11-06")) as step:
        step.house.arrivals.warm(None, None)
        landing.land(step)
        serve(step, asked(served, "o1", "o2", "o3", "o4", "no such order"))
        step.house.state.commit([], cursors={"day": iso(served)})
        collecting.record_days(step, None)
        step.draft.commit({"day": iso(step.now)}, {})
    with step_of(project, parse_instant("2026-11-06") + wait) as step:
        judging.judge_days(step, Recent(step.house.tables, step.house.definition))
        (day,) = step.draft.all(Day)
    assert (day.status, day.predictions, day.labelled) == ("judged", 5, 4)


def test_of_several_labels_the_latest_counts(tmp_path: Path) -> None:
    now = parse_instant("2026-11-06")
    with step_of(orders(tmp_path, START, timedelta(minutes=15)), now) as step:
        serve(step, asked(now - DAY, "o1"))
        known = pa.array([now, now - 2 * DAY], pa.timestamp("us", "UTC"))
        labels = pa.table({"order_id": ["o1", "o1"], "label": pa.array([1, 0], pa.int8()), "known_at": known})
        step.house.tables.append("labels", labels, step=1)
        recent = Recent(step.house.tables, step.house.definition)
        assert [(row.entity, label) for row, label in recent.labelled(now - DAY, now, ("live",))] == [("o1", 1)]
        assert recent.scored(now - DAY + timedelta(microseconds=1), now, ("live",)) == []
        assert recent.scored(now - 2 * DAY, now - DAY, ("live",)) == []
