"""What every feature of a flight should have been, from the raw files alone: slow, obvious, and blind to Baton's code."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

Row = dict[str, Any]
NEW_YORK = ZoneInfo("America/New_York")


class Oracle:
    """Answers from rows sorted by nothing, filtered by what was known."""

    def __init__(self, data: Path) -> None:
        self.flights: list[Row] = pq.read_table(data / "flights.parquet").to_pylist()
        self.weather: list[Row] = pq.read_table(data / "weather.parquet").to_pylist()
        self.planes: dict[str, Row] = {row["tailnum"]: row for row in pq.read_table(data / "planes.parquet").to_pylist()}
        self.by_id: dict[str, Row] = {row["flight_id"]: row for row in self.flights}
        self.landed: dict[tuple[object, ...], list[Row]] = {}
        for row in self.flights:
            if row["landed_at"] is not None:
                for key in (("origin",), ("carrier",), ("dest",), ("carrier", "origin"), ("tailnum",)):
                    self.landed.setdefault((*key, *(str(row[name]) for name in key), row["landed_at"].date()), []).append(row)

    def features(self, flight_id: str, at: datetime) -> Row:
        """All features of a flight as known at an instant."""
        flight = self.by_id[flight_id]
        assert flight["published_at"] <= at, "decided on a flight that was not known yet"
        local = flight["scheduled_at"].astimezone(NEW_YORK)
        plane = self.planes.get(flight["tailnum"] or "", {})
        made: Row = {name: flight[name] for name in ("carrier", "origin", "dest", "distance")}
        made |= {"planes_year": plane.get("year"), "planes_seats": plane.get("seats")}
        made |= {"local_hour": local.hour + local.minute / 60, "weekday": float(local.weekday())}
        made |= self._weather(flight["origin"], at)
        for hours in (1, 3, 24):
            made[f"origin_arr_delay_mean_{hours}h"] = self._mean(flight, ("origin",), at, hours)
        for hours in (3, 24):
            made[f"carrier_arr_delay_mean_{hours}h"] = self._mean(flight, ("carrier",), at, hours)
        made["dest_arr_delay_mean_6h"] = self._mean(flight, ("dest",), at, 6)
        made["carrier_origin_arr_delay_mean_6h"] = self._mean(flight, ("carrier", "origin"), at, 6)
        late = [row["arr_delay"] > 15 for row in self._window(flight, ("origin",), at, 3)]
        made["origin_late_count_3h"] = len(late)
        made["origin_late_mean_3h"] = sum(late) / len(late) if late else None
        late = [row["arr_delay"] > 15 for row in self._window(flight, ("carrier",), at, 7 * 24)]
        made["carrier_late_mean_7d"] = sum(late) / len(late) if late else None
        tail = self._window(flight, ("tailnum",), at, 24) if flight["tailnum"] else []
        last = max(tail, key=lambda row: (row["landed_at"], row["flight_id"]), default=None)
        made["tailnum_arr_delay_last_24h"] = last["arr_delay"] if last else None
        made["tailnum_arr_delay_age_24h"] = (at - last["landed_at"]).total_seconds() if last else None
        return made

    def _window(self, flight: Row, key: tuple[str, ...], at: datetime, hours: int) -> list[Row]:
        days = [at.date() - timedelta(days=back) for back in range(hours // 24 + 2)]
        rows = [row for day in days for row in self.landed.get((*key, *(str(flight[name]) for name in key), day), [])]
        return [row for row in rows if at - timedelta(hours=hours) < row["landed_at"] <= at]

    def _mean(self, flight: Row, key: tuple[str, ...], at: datetime, hours: int) -> float | None:
        delays = [min(max(row["arr_delay"], -60), 240) for row in self._window(flight, key, at, hours)]
        return sum(delays) / len(delays) if delays else None

    def _weather(self, origin: str, at: datetime) -> Row:
        names = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
        known = [row for row in self.weather if row["origin"] == origin and at - timedelta(hours=3) < row["observed_at"] <= at]
        last = max(known, key=lambda row: row["observed_at"], default={})
        return {f"weather_{name}": last.get(name) for name in names}
