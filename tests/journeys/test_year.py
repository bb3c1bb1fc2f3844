"""The flights year, as a newcomer runs it: every phase, on real data, and every reported number recomputed by other means."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from browser import Visitor
from journeys import year_in_browser
from journeys.flights_oracle import Oracle
from journeys.killing import FLIGHTS
from sklearn.metrics import brier_score_loss, roc_auc_score

from baton.app.views.tables import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
JUDGED = [f"2023-{month:02d}" for month in range(4, 13)]


def baton(*arguments: str) -> str:
    """Run the command line and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "baton.cli", *arguments], capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a replayed year."""
    workspace = tmp_path_factory.mktemp("year") / "workspace"
    baton("--workspace", str(workspace), "replay", str(FLIGHTS))
    return workspace


@pytest.fixture(scope="module")
def status(year: Path) -> dict[str, Any]:
    """What it says of itself."""
    told: dict[str, Any] = json.loads(baton("--project", str(FLIGHTS), "--workspace", str(year), "status", "--json"))
    return told


def test_the_loop_closed_by_itself_and_everybody_is_named(status: dict[str, Any]) -> None:
    assert status["loop"]["closed"] is True
    assert status["loop"]["retrainings"] >= 2
    assert all(turn["incident"] and turn["proposal"] for turn in status["turns"][1:])
    assert all(incident["owner"] and incident["cause"] for incident in status["incidents"])
    assert [handoff["waiting_on"] for handoff in status["handoffs"] if handoff["status"] == "offered"] == ["priya"]


def test_the_live_loop_beats_the_frozen_model(status: dict[str, Any]) -> None:
    months = {month["month"]: month for month in status["months"]}
    mean = {name: np.mean([months[month][name] for month in JUDGED]) for name in ("auc", "brier", "frozen_auc", "frozen_brier")}
    assert mean["frozen_auc"] >= 0.700
    assert mean["frozen_brier"] <= 0.146
    assert mean["brier"] <= 0.98 * mean["frozen_brier"]
    assert mean["auc"] >= mean["frozen_auc"] + 0.012
    assert max(month["auc"] for month in status["months"]) < 0.80


def test_months_recomputed_from_log_and_labels_are_the_reported_ones(year: Path, status: dict[str, Any]) -> None:
    joined = read(
        year,
        "SELECT strftime(p.decided_at, '%Y-%m') AS month, p.variant, p.score, l.label FROM predictions p JOIN labels l USING (flight_id)",
    )
    table = {name: np.asarray(joined[name].to_pylist()) for name in joined.column_names}
    for month in status["months"]:
        for frozen, prefix in ((False, ""), (True, "frozen_")):
            rows = (table["month"] == month["month"]) & ((table["variant"] == "shadow") == frozen)
            assert roc_auc_score(table["label"][rows], table["score"][rows]) == pytest.approx(month[f"{prefix}auc"], abs=1e-9)
            assert brier_score_loss(table["label"][rows], table["score"][rows]) == pytest.approx(
                month[f"{prefix}brier"], abs=1e-9
            )


def test_one_row_per_entity_and_variant_and_ids_are_unique(year: Path) -> None:
    found = read(
        year,
        "SELECT count(*) AS rows, count(DISTINCT prediction_id) AS ids, count(DISTINCT (flight_id, variant)) AS pairs FROM predictions",
    ).to_pylist()
    assert found[0]["rows"] == found[0]["ids"] == found[0]["pairs"] > 600_000


def test_five_hundred_logged_predictions_equal_the_oracle(year: Path) -> None:
    rows = read(year, "SELECT * FROM predictions WHERE hash(prediction_id) % 1000 = 7").to_pylist()
    oracle = Oracle(FLIGHTS / "data")
    for row in random.Random(3).sample(rows, 500):
        for name, expected in oracle.features(row["flight_id"], row["decided_at"].astimezone(UTC)).items():
            logged = row[name]
            missing = expected is None or expected != expected
            same = (
                (logged is None or logged != logged)
                if missing
                else logged == pytest.approx(expected, abs=1e-9)
                if isinstance(expected, float)
                else logged == expected
            )
            assert same, f"{row['flight_id']} at {row['decided_at']}: {name} was logged as {logged}, the oracle says {expected}"


def test_the_ledger_is_whole_and_a_version_trains_again_to_the_same_bytes(year: Path) -> None:
    told = json.loads(baton("--workspace", str(year), "ledger", "verify", "--json"))
    assert told["faults"] == []
    assert "came out the same" in baton("--project", str(FLIGHTS), "--workspace", str(year), "reproduce", "2")


def test_the_past_is_one_question_away(year: Path) -> None:
    told = json.loads(baton("--project", str(FLIGHTS), "--workspace", str(year), "status", "--json", "--as-of", "2023-04-01"))
    assert [(release["version"], release["status"]) for release in told["releases"]] == [(1, "live")]
    assert told["loop"]["closed"] is False


def test_a_year_in_which_nothing_drifts_is_left_alone(tmp_path: Path) -> None:
    baton("--workspace", str(tmp_path / "w"), "replay", str(FLIGHTS), "--control", "stationary")
    told = json.loads(baton("--project", str(FLIGHTS), "--workspace", str(tmp_path / "w-stationary-1"), "status", "--json"))
    assert len(told["incidents"]) <= 1
    assert told["loop"]["turns"] == 1


@pytest.fixture(scope="module")
def keeper(year: Path) -> Iterator[Visitor]:
    """Whoever looks at the year in a browser."""
    with year_in_browser.looked_at(FLIGHTS, year) as mine:
        yield mine


def test_a_red_month_leads_to_its_rows_in_three_clicks(keeper: Visitor, year: Path) -> None:
    year_in_browser.from_a_red_month_to_a_row(keeper, year)


def test_the_console_tells_why_an_incident_happened_and_what_it_were_without_retraining(
    keeper: Visitor, status: dict[str, Any]
) -> None:
    year_in_browser.why_the_last_incident_happened(keeper, status)
    year_in_browser.what_it_were_without_retraining(keeper, status)


def test_the_console_shows_a_day_that_is_over_and_the_film_of_the_year(keeper: Visitor, year: Path) -> None:
    told = baton("--project", str(FLIGHTS), "--workspace", str(year), "status", "--json", "--as-of", "2023-06-20")
    year_in_browser.one_day_is_what_the_command_line_says_of_it(keeper, json.loads(told))
    year_in_browser.the_film_of_the_year(keeper)


def test_what_the_console_hands_out_is_what_the_tables_hold(keeper: Visitor, year: Path) -> None:
    year_in_browser.the_report_is_a_file_that_holds_the_question(keeper, "Will this flight arrive more than 15 minutes late?")
    year_in_browser.rows_as_a_file_are_the_rows(keeper, year)
    year_in_browser.a_query_is_answered(keeper, year)


def read(workspace: Path, sql: str) -> pa.Table:
    """Rows of the workspace's tables, all of them."""
    return ask(workspace, sql, max_rows=10_000_000)
