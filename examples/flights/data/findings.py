"""What was counted on the way: the numbers that PROVENANCE.md tells, so that every claim in it can be checked."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clocks import NEW_YORK, Clocks, Zone
from columns import Mask, integers, present, strings
from tables import LATE


def clock_findings(flights: pa.Table, clocks: Clocks, zones: dict[str, str]) -> dict[str, str]:
    """Count what the clocks hide in the flights."""
    return {
        **label_findings(flights),
        **zone_findings(flights, clocks, zones),
        **gap_findings(flights, clocks),
        **ground_findings(flights, clocks),
        **delay_findings(flights, clocks),
        "landings in the two nights New York's clocks change": f"{clock_change_landings(clocks)}",
        "earliest scheduled departure, local": f"{min(flights['sched_dep_time'].to_pylist()):04}",
    }


def label_findings(flights: pa.Table) -> dict[str, str]:
    """How many flights have a label, and how many of them are late."""
    arrived = present(flights, "arr_delay")
    return {
        "flights": f"{flights.num_rows:,}",
        "labelled flights (with an arrival delay)": f"{int(arrived.sum()):,}",
        f"of them late by more than {LATE} minutes": share(integers(flights, "arr_delay")[arrived] > LATE),
    }


def zone_findings(flights: pa.Table, clocks: Clocks, zones: dict[str, str]) -> dict[str, str]:
    """Whose clock the source's `time_hour` shows, and how many destinations have another zone."""
    hours = flights["time_hour"].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy() // 60
    wall = (clocks.scheduled + Zone.named(NEW_YORK).offset(clocks.scheduled)) // 60 * 60
    elsewhere = np.array([zones[code] != NEW_YORK for code in strings(flights, "dest")])
    return {
        "`time_hour` equal to New York's wall clock mislabelled UTC": share(hours == wall),
        "`time_hour` equal to the true instant": share(hours == clocks.scheduled // 60 * 60),
        "destinations outside New York's time zone": share(elsewhere),
        "destinations without a time zone": f"0 of {len(zones)}",
    }


def gap_findings(flights: pa.Table, clocks: Clocks) -> dict[str, str]:
    """What is missing, and what cannot be."""
    departed, landed = clocks.has_departed, clocks.has_landed
    backwards = (clocks.landed < clocks.departed)[landed]
    return {
        "flights without a tail number": f"{int((~present(flights, 'tailnum')).sum()):,}",
        "flights that never departed (cancelled)": f"{int((~departed).sum()):,}",
        "flights that departed and have no arrival delay": f"{int((departed & ~landed).sum()):,}",
        "flights landing before they depart": f"{int(backwards.sum())}",
    }


def ground_findings(flights: pa.Table, clocks: Clocks) -> dict[str, str]:
    """Minutes between departure and landing that are no air time: a landing read wrongly would show here."""
    ground = (clocks.landed - clocks.departed - integers(flights, "air_time"))[clocks.has_landed]
    marks = [int(value) for value in np.percentile(ground, [0, 1, 50, 99, 100])]
    return {
        "minutes on the ground (0, 1, 50, 99, 100 %)": ", ".join(map(str, marks)),
        "flights with less ground than 0 minutes": f"{int((ground < 0).sum())}",
        "flights with more ground than 4 hours": f"{int((ground > 240).sum())}",
    }


def delay_findings(flights: pa.Table, clocks: Clocks) -> dict[str, str]:
    """Whether the source's arrival delay is what the two instants say."""
    error = (clocks.landed - integers(flights, "arr_delay") - clocks.due)[clocks.has_landed]
    return {
        "`arr_delay` exactly landing minus scheduled arrival": f"{int((error == 0).sum()):,}",
        "`arr_delay` an hour off (the night of 12 March)": f"{int((np.abs(error) == 60).sum())}",
        "`arr_delay` otherwise off": f"{int((~np.isin(error, (0, -60, 60))).sum())}",
    }


def clock_change_landings(clocks: Clocks) -> int:
    """Landings from midnight to 4 o'clock in the nights New York's clocks change."""
    nights = [datetime(2023, 3, 12, 5, tzinfo=UTC), datetime(2023, 11, 5, 4, tzinfo=UTC)]
    starts = [int(night.timestamp()) // 60 for night in nights]
    landed = clocks.landed[clocks.has_landed]
    return sum(int(((landed >= start) & (landed < start + 240)).sum()) for start in starts)


def weather_findings(source: pa.Table, derived: pa.Table) -> dict[str, str]:
    """Count what the weather hides."""
    july = source.filter(pc.equal(source["month"], 7))
    means = july.group_by("hour").aggregate([("temp", "mean")]).sort_by("hour")["temp_mean"]
    both = derived.filter(pc.is_valid(derived["wind_speed"]))
    ratio = pc.divide(both["wind_gust"], both["wind_speed"]).to_numpy()
    moving = both["wind_speed"].to_numpy() > 0
    return {
        "weather observations": f"{source.num_rows:,}",
        "of them repeated by airport and instant": f"{source.num_rows - derived.num_rows}",
        "last weather observation": str(pc.max(derived["observed_at"])),
        "July's coldest and warmest hour by `time_hour` (true UTC)": (
            f"{int(np.argmin(means.to_numpy()))} and {int(np.argmax(means.to_numpy()))}"
        ),
        "`wind_gust` a mere multiple (1.1508) of `wind_speed`": share(np.abs(ratio[moving] - 1.150779) < 1e-3),
        "observations without pressure": f"{derived['pressure'].null_count:,}",
        "observations without wind speed": f"{derived['wind_speed'].null_count:,}",
        "observations without wind direction": f"{derived['wind_dir'].null_count:,}",
    }


def plane_findings(flights: pa.Table, planes: pa.Table) -> dict[str, str]:
    """Count what the aircraft register lacks."""
    known = pc.is_in(flights["tailnum"], value_set=planes["tailnum"].combine_chunks())
    return {
        "planes": f"{planes.num_rows:,}",
        "planes without a year of manufacture": f"{planes['year'].null_count}",
        "flights whose plane is in the register": share(np.asarray(known.to_numpy(), np.bool_)),
    }


def share(mask: Mask) -> str:
    """A mask's share in percent."""
    return f"{100 * float(mask.mean()):.2f} %"
