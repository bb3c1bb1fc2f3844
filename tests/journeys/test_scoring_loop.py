"""Batches that a project declares: scored by the loop when they are due, delivered beside it, and never a reason to stop."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from journeys.scored import STANDS, Now, copied, served, table_of
from receivers import Hooks
from standardwebhooks import Webhook as Receiver

from baton.app.bootstrap import open_house, read_state
from baton.app.lifecycle import people, scoring
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.shipping import carry, waiting
from baton.app.lifecycle.step import Step
from baton.app.workspace import existing
from baton.kernel.errors import Unavailable
from baton.ledger.draft import Draft
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import Shipment
from baton.team.task import Task

DAY = timedelta(days=1)
NIGHTLY = "scoring:\n  nightly: {from: payments, to: out/scores.parquet}\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served(tmp_path_factory.mktemp("nightly"), NIGHTLY)


@pytest.fixture
def project(first: Path, tmp_path: Path) -> Path:
    return copied(first, tmp_path)


@contextmanager
def step_of(project: Path, now: datetime) -> Iterator[Step]:
    with open_house(project, existing(project / ".baton")) as house:
        draft = Draft(house.state)
        yield Step(house, Office(draft, people.recorded_team(draft, house.definition), house.definition, now))


def declared(project: Path, scoring: str) -> None:
    text = (project / "baton.yaml").read_text()
    (project / "baton.yaml").write_text(text.replace(NIGHTLY, f"scoring:\n  {scoring}\n"))


def records(project: Path, kind: type[Any]) -> list[Any]:
    with read_state(project / ".baton") as (_, state):
        return state.all(kind)


def night(project: Path, now: datetime) -> list[ScoringRun]:
    """The scoring of one daily step; the runs on record afterwards."""
    with step_of(project, now) as step:
        scoring.score(step)
        step.draft.commit({}, {})
    return records(project, ScoringRun)


def test_the_first_day_with_a_model_is_scored_and_its_file_goes_out_beside_the_loop(project: Path) -> None:
    (run,) = records(project, ScoringRun)
    assert (run.status, run.schedule, run.cause.as_of, run.rows) == ("published", "nightly", STANDS, 1440)
    assert len(table_of(project)) == 1440
    with read_state(project / ".baton") as (_, state):
        due = waiting(state, Now().now())
    said = list[str]()
    if due:  # the courier of the first tick may have had the time already
        carry(project, project / ".baton", Now(), lambda _: None, said.append)
    (shipment,) = records(project, Shipment)
    assert (shipment.status, said) == ("delivered", [])
    assert pyarrow.parquet.read_table(project / "out" / "scores.parquet").num_rows == 1440


def test_it_is_due_once_a_day_and_the_next_day_is_held_against_the_one_before(project: Path) -> None:
    assert len(night(project, STANDS + timedelta(hours=3))) == 1
    runs = night(project, STANDS + DAY)
    assert [run.cause.as_of for run in runs] == [STANDS, STANDS + DAY]
    assert runs[0].id in runs[1].reasons[0] and len(table_of(project)) == 2880
    assert len(night(project, STANDS + DAY)) == 2
    with step_of(project, STANDS + 2 * DAY) as step:
        scoring.score(step)
    assert [path.name for path in (project / ".baton" / "scoring").iterdir()] == [
        run.id for run in [scored_on(step, STANDS + 2 * DAY)]
    ], "what is on record as published is staged no more"


def scored_on(step: Step, at: datetime) -> ScoringRun:
    return next(run for run in step.draft.all(ScoringRun) if run.cause.as_of == at)


def test_a_step_that_was_not_committed_and_is_repeated_appends_nothing_twice(project: Path) -> None:
    for _ in range(3):
        with step_of(project, STANDS + DAY) as step:
            scoring.score(step)
            told = [(change.verb, change.record) for change in step.draft.changes]
        assert len(table_of(project)) == 2880
    assert [verb for verb, _ in told] == ["published", "ordered"]


def test_a_query_that_cannot_be_answered_fails_on_record_and_is_tried_again_the_next_day(project: Path) -> None:
    declared(project, "nightly: {sql: SELECT 1 AS payment}")
    (*_, run) = night(project, STANDS + DAY)
    assert run.status == "failed" and "gives no column 'amount'" in run.reasons[0] and run.rows == 0
    declared_again = (project / "baton.yaml").read_text().replace("{sql: SELECT 1 AS payment}", "{from: payments}")
    (project / "baton.yaml").write_text(declared_again)
    assert [each.status for each in night(project, STANDS + 2 * DAY)] == ["published", "failed", "published"]


def test_scores_spread_otherwise_are_withheld_and_somebody_has_a_task(project: Path) -> None:
    features = "1e6 AS amount, country, 48.0 AS country_amount_count_24h, 1e6 AS country_amount_mean_24h, 1e6 AS country_amount_max_24h, 60.0 AS country_amount_age_24h, 1.0 AS hours_old"
    declared(project, f'nightly: {{sql: "SELECT payment, {features} FROM payments", to: out/scores.parquet}}')
    (*_, run) = night(project, STANDS + DAY)
    assert run.status == "withheld" and len(table_of(project)) == 1440
    assert [each.run for each in records(project, Shipment)] == [records(project, ScoringRun)[0].id]
    (task,) = (each for each in records(project, Task) if each.cause == run.id)
    assert (task.phase, task.status) == ("deploy", "open") and "baton score --publish-anyway" in task.what


def test_a_process_that_dies_again_and_again_does_not_hold_up_the_loop(project: Path) -> None:
    asked = list[object]()

    class Dying:
        def ask(self, request: object) -> dict[str, Any]:
            asked.append(request)
            raise Unavailable("the job's process ended with code -9", why="it ran out of memory")

        def close(self) -> int:
            return 0

    with step_of(project, STANDS + DAY) as step:
        object.__setattr__(step.house, "scorer", Dying())
        scoring.score(step)
        step.draft.commit({}, {})
    assert len(asked) == scoring.TRIES
    (*_, run) = records(project, ScoringRun)
    assert run.status == "failed" and "out of memory" in run.reasons[0]


def test_a_webhook_that_is_down_gets_the_scores_later(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared(project, "nightly: {from: payments, to: '${SCORES_HOOK}'}")
    night(project, STANDS + DAY)
    with Hooks() as hooks:
        monkeypatch.setenv("SCORES_HOOK", hooks.url)
        hooks.status, said, waited = 503, list[str](), list[float]()
        carry(project, project / ".baton", Now(), waited.append, said.append)
        assert records(project, Shipment)[0].status != "due", "out/scores.parquet is not where scores go any more"
        assert waited == [1, 2, 4, 8] and "did not reach ${SCORES_HOOK}" in said[-1]
        (*_, shipment) = records(project, Shipment)
        assert (shipment.status, shipment.sent, shipment.attempts) == ("due", 0, 1) and shipment.next_try is not None
        count = len(hooks.posts)
        carry(project, project / ".baton", Now(), waited.append, said.append)
        assert len(hooks.posts) == count, "not before its time"
        hooks.status = 204

        class Later(Now):
            def now(self) -> datetime:
                return super().now() + timedelta(minutes=2)

        carry(project, project / ".baton", Later(), waited.append, said.append)
    secret = (project / ".baton" / "keys" / "webhook.secret").read_text().strip()
    (*_, shipment) = records(project, Shipment)
    assert (shipment.status, shipment.sent) == ("delivered", 2)
    data = json.loads(hooks.posts[0].body)["data"]
    assert hooks.posts[0].headers["webhook-id"] == f"{data['run']}-0"
    assert Receiver(secret).verify(hooks.posts[0].body, hooks.posts[0].headers)
