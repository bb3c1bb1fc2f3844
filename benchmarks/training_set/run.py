"""The training set of the flights year with all views: Baton's join against the same joins written by hand in Polars.

    .venv/bin/python benchmarks/training_set/run.py [rounds]

Both start from the same tables in memory and yield the same values (compared before anything is timed). Polars is the
faster of the two engines that a person would write this in by hand; each window is two as-of joins over running sums,
which is the quick way. Prints the ratio of medians and the spread.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from baton.features.join import join
from baton.features.online import compute_requests
from baton.features.view import plan_from_source

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
SPANS = {"1h": 1, "3h": 3, "6h": 6, "24h": 24, "7d": 168}


def tables() -> dict[str, Any]:
    """The sources as they land, and the requests: every flight at its hour of decision."""
    flights = pl.read_parquet(FLIGHTS / "data" / "flights.parquet")
    decided = (pl.col("scheduled_at").dt.truncate("1h") - timedelta(hours=1)).alias("decided_at")
    requests = flights.select("flight_id", "carrier", "tailnum", "origin", "dest", "distance", "scheduled_at", decided).sort(
        "decided_at", "flight_id"
    )
    landings = (
        flights.filter(pl.col("landed_at").is_not_null())
        .select("flight_id", "carrier", "tailnum", "origin", "dest", "arr_delay", "late", "landed_at")
        .sort("landed_at", "flight_id")
    )
    weather = pl.read_parquet(FLIGHTS / "data" / "weather.parquet").sort("observed_at", "origin")
    return {
        "requests": requests,
        "landings": landings,
        "weather": weather,
        "planes": pl.read_parquet(FLIGHTS / "data" / "planes.parquet"),
    }


def ours(data: dict[str, Any]) -> dict[str, Any]:
    """Baton."""
    plan = plan_from_source((FLIGHTS / "features.py").read_text())
    arrow = {name: frame.to_arrow() for name, frame in data.items()}
    columns = join(plan, arrow["requests"], arrow, {"landings": "landed_at", "weather": "observed_at", "planes": None})
    compute_requests(plan, columns)
    return columns


def by_hand(data: dict[str, Any]) -> pl.DataFrame:
    """The same in Polars, as a careful person would write it."""
    requests = data["requests"]
    weather = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
    out = requests.join_asof(
        data["weather"].select("origin", "observed_at", *weather),
        left_on="decided_at",
        right_on="observed_at",
        by="origin",
        strategy="backward",
        tolerance=timedelta(hours=3) - timedelta(microseconds=1),
        check_sortedness=False,
    )
    out = out.join(data["planes"].select("tailnum", "year", "seats"), on="tailnum", how="left", maintain_order="left")
    clipped = pl.col("arr_delay").cast(pl.Int64).clip(-60, 240)
    late = pl.col("late").cast(pl.Int64)
    for key, value, name, spans in (
        (["origin"], clipped, "arr_delay", ("1h", "3h", "24h")), (["origin"], late, "late", ("3h",)), (["carrier"], clipped, "arr_delay", ("3h", "24h")),
        (["carrier"], late, "late", ("7d",)), (["dest"], clipped, "arr_delay", ("6h",)), (["carrier", "origin"], clipped, "arr_delay", ("6h",)),
    ):  # fmt: skip
        out = _windows(out, data["landings"], key, value, name, spans)
    last = (
        data["landings"].filter(pl.col("tailnum").is_not_null()).select("tailnum", "landed_at", pl.col("arr_delay").alias("last"))
    )
    out = out.join_asof(
        last,
        left_on="decided_at",
        right_on="landed_at",
        by="tailnum",
        strategy="backward",
        tolerance=timedelta(hours=24) - timedelta(microseconds=1),
        coalesce=False,
        check_sortedness=False,
    )
    local = pl.col("scheduled_at").dt.convert_time_zone("America/New_York")
    return out.with_columns(
        tailnum_arr_delay_last_24h=pl.col("last"),
        tailnum_arr_delay_age_24h=(pl.col("decided_at") - pl.col("landed_at")).dt.total_microseconds() / 1e6,
        local_hour=local.dt.hour() + local.dt.minute() / 60,
        weekday=local.dt.weekday() - 1,
    )


def _windows(
    out: pl.DataFrame, landings: pl.DataFrame, key: list[str], value: pl.Expr, name: str, spans: tuple[str, ...]
) -> pl.DataFrame:
    running = landings.select(
        *key, "landed_at", value.cum_sum().over(key).alias("sum"), pl.int_range(1, pl.len() + 1).over(key).alias("rows")
    )
    for span in spans:
        prefix = f"{'_'.join(key)}_{name}"
        begin = out.select(*key, (pl.col("decided_at") - timedelta(hours=SPANS[span])).alias("at"), "decided_at")
        after = begin.join_asof(
            running, left_on="decided_at", right_on="landed_at", by=key, strategy="backward", check_sortedness=False
        )
        before = begin.join_asof(running, left_on="at", right_on="landed_at", by=key, strategy="backward", check_sortedness=False)
        rows = after["rows"].fill_null(0) - before["rows"].fill_null(0)
        total = after["sum"].fill_null(0) - before["sum"].fill_null(0)
        made = [(total / rows).alias(f"{prefix}_mean_{span}")] + (
            [rows.alias(f"{prefix}_count_{span}")] if name == "late" and key == ["origin"] else []
        )
        out = out.with_columns(made)
    return out


def same(a: dict[str, Any], b: pl.DataFrame) -> None:
    """Every value equal, or both missing."""
    for name in (
        "origin_arr_delay_mean_1h",
        "origin_late_mean_3h",
        "origin_late_count_3h",
        "carrier_late_mean_7d",
        "carrier_origin_arr_delay_mean_6h",
        "tailnum_arr_delay_last_24h",
        "tailnum_arr_delay_age_24h",
        "local_hour",
        "weekday",
    ):
        left, right = np.asarray(a[name], dtype=np.float64), b[name].cast(pl.Float64).to_numpy()
        assert np.allclose(left, right, equal_nan=True), name
    assert np.allclose(np.asarray(a["weather_temp"], dtype=np.float64), b["temp"].cast(pl.Float64).to_numpy(), equal_nan=True), (
        "weather_temp"
    )


def timed(work: Callable[[dict[str, Any]], object], data: dict[str, Any]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    work(data)
    return time.perf_counter() - began


def main() -> None:
    """Compare, then time both alternately."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    data = tables()
    same(ours(data), by_hand(data))
    pairs = [(timed(ours, data), timed(by_hand, data)) for _ in range(rounds)]
    ratios = sorted(a / b for a, b in pairs)
    print(f"rows {data['requests'].height:,}, tables in memory, {rounds} rounds")
    print(
        f"baton  {statistics.median(a for a, _ in pairs):.2f} s   by hand in Polars {statistics.median(b for _, b in pairs):.2f} s"
    )
    print(f"ratio  {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f}); below 2 is the aim")


if __name__ == "__main__":
    main()
