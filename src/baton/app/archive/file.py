"""Rows written to a file, piece by piece: CSV or Parquet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from baton.kernel.errors import InvalidInput, Refused

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def written(stream: pa.RecordBatchReader, path: Path, form: str, name: str) -> dict[str, str]:
    """Write what streams in; tells the file's media type and what to call it.

    Raises InvalidInput for another form or a column that it cannot hold, Refused when the file grows too long.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if form not in MEDIA:
        raise InvalidInput(f"'{form}' is no form of a file", where="form", fix=f"one of {', '.join(MEDIA)}")
    writer = pyarrow.csv.CSVWriter if form == "csv" else pyarrow.parquet.ParquetWriter
    try:
        with path.open("wb") as out, writer(out, stream.schema) as sink:
            for batch in stream:
                sink.write_batch(batch)
    except (pa.ArrowException, NotImplementedError) as error:
        raise InvalidInput(
            f"{form} cannot hold a column of this answer", why=str(error).splitlines()[0], fix="leave it out, or take parquet"
        ) from error
    except OSError as error:
        raise Refused(
            "the file cannot be written", why=error.strerror or str(error), fix="narrow it by time or columns: at most 512 MB"
        ) from error
    return {"media": MEDIA[form], "name": f"{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:60] or 'rows'}.{form}"}
