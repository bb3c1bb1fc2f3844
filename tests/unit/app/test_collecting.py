"""The collector: every record once, in one order, whoever wrote it and wherever the collector is killed."""

from pathlib import Path

import pyarrow as pa
import pytest
from journeys.collected import Collector, Killed

from baton.app.lifecycle.collecting import answers, as_table, table_of
from baton.serving.log import SegmentLog, record
from baton.serving.prediction import PredictionBatch


def batch(number: int, variant: str = "live", odds: float = 1.0, name: str = "") -> PredictionBatch:
    ids = [f"{name or variant}-{number}"]
    return PredictionBatch("p", number, 1, f"rel-{variant}", variant, ids, ["e"], [0.5], {"x": [1.0]}, 900, 4, odds)


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(tmp_path)


def test_every_variant_is_collected(collector: Collector) -> None:
    log = SegmentLog(collector.folder / "segments", 1)
    seen = ("live", "canary", "red", "blue", "fallback", "default", "pinned", "shadow")
    log.append([batch(1, variant) for variant in (*seen, "challenger")])
    collector.step()
    assert sorted(collector.ids()) == sorted(f"{variant}-1" for variant in seen)
    assert collector.ids("challenger_predictions") == ["challenger-1"]
    assert [variant for variant in (*seen, "challenger") if not answers(variant)] == ["pinned", "shadow", "challenger"]
    assert {table_of("red"), table_of("shadow")} == {"predictions"}


def test_the_share_in_force_is_in_the_table_and_old_tables_get_its_column(collector: Collector) -> None:
    before = as_table([batch(1)], "entity").drop_columns(["odds"])
    collector.tables.append("predictions", before, step=0)
    SegmentLog(collector.folder / "segments", 1).append([batch(2, odds=0.8), batch(2, "canary", odds=0.2)])
    collector.step()
    rows = collector.tables.scan("predictions", ("prediction_id", "odds")).to_pylist()
    assert {row["prediction_id"]: row["odds"] for row in rows} == {"live-1": None, "live-2": 0.8, "canary-2": 0.2}


def test_a_feature_called_odds_does_not_take_its_place() -> None:
    made = as_table([PredictionBatch("p", 1, 1, "r", "live", ["i"], ["e"], [0.5], {"odds": [7.0]}, 9, 4, 0.3)], "entity")
    assert (made["odds"].to_pylist(), made["feature_odds"].to_pylist()) == ([0.3], [7.0])


def test_the_order_is_that_of_the_decisions_whoever_wrote_them(tmp_path: Path) -> None:
    found = []
    for way in (1, -1):
        folder = tmp_path / str(way)
        folder.mkdir()
        collector = Collector(folder)
        logs = [SegmentLog(folder / "segments", start) for start in (1, 2, 3)]
        for number, log in enumerate(logs[::way]):
            log.append([batch(5, name=f"b{number}"), batch(number)])
        collector.step()
        found.append(collector.ids())
    assert found[0] == found[1] == ["live-0", "live-1", "live-2", "b0-5", "b1-5", "b2-5"]


def test_collected_segments_go_and_the_position_forgets_them(collector: Collector) -> None:
    log = SegmentLog(collector.folder / "segments", 1, size=1)
    for number in range(5):
        log.append([batch(number)])
    collector.step()
    assert len(list((collector.folder / "segments").iterdir())) == 1
    log.append([batch(5)])
    collector.step()
    assert sorted(collector.ids()) == [f"live-{number}" for number in range(6)]
    cursor = collector.state.cursor("collected.from")
    collector.step()
    assert cursor is not None
    assert len(collector.state.cursor("collected.from") or "") < len(cursor)


def test_killed_at_any_point_it_takes_each_record_once(tmp_path: Path) -> None:
    point, survived = 0, False
    while not survived:
        point += 1
        folder = tmp_path / str(point)
        folder.mkdir()
        collector = Collector(folder)
        log, dead = (SegmentLog(folder / "segments", start, size=200) for start in (1, 2))
        written = 0
        for _ in range(4):
            log.append([batch(2 * written), batch(2 * written, "challenger")])
            dead.append([batch(2 * written + 1)])
            written += 1
        dead.close()
        last = max((folder / "segments").glob("*-2-*.log"))
        with last.open("ab") as stream:
            stream.write(record(batch(999))[:50])
        collector.dies_at = point
        try:
            collector.step()
            survived, collector.dies_at = True, -1
        except Killed:
            log.append([batch(2 * written)])
            written += 1
            collector.restart()
            collector.step()
        log.append([batch(2 * written)])
        written += 1
        collector.step()
        expected = sorted([f"live-{2 * number}" for number in range(written)] + [f"live-{2 * n + 1}" for n in range(4)])
        assert sorted(collector.ids()) == expected, f"killed at point {point}"
        assert sorted(collector.ids("challenger_predictions")) == [f"challenger-{2 * number}" for number in range(4)]
        assert not last.exists()
    assert point == 10, "the points before and after each commit and append, and the end"


def test_hashed_and_plain_values_of_a_feature_stand_in_columns_of_their_own() -> None:
    made = as_table(
        [
            PredictionBatch("p", 1, 1, "r", "live", ["a"], ["e"], [0.5], {"age": [7.0]}, 9, 4),
            PredictionBatch("p", 2, 2, "r", "live", ["b"], ["e"], [0.5], {"hashed_age": ["h"]}, 9, 4),
        ],
        "entity",
    )
    assert made.schema.field("age").type == pa.float64()
    assert made.select(["age", "hashed_age"]).to_pylist() == [
        {"age": 7.0, "hashed_age": None},
        {"age": None, "hashed_age": "h"},
    ]
