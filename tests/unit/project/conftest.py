"""A valid project as text, and a way to put a changed one into a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

BASE = """\
project: sample
problem:
  question: Which flights land late?
  success:
    - {metric: auc, at_least: 0.7}
people:
  - {name: ann, roles: [product-manager, data-scientist], deputy: ben}
  - {name: ben, roles: [data-engineer, ml-engineer, mlops-engineer], deputy: ann}
sources:
  flights:
    path: data/flights.parquet
    key: [flight_id]
    known_at: landed_at
  weather:
    path: data/weather.parquet
    key: [origin]
    contract: contracts/weather.yaml
entity: {source: flights, key: flight_id}
label: {source: flights, column: arr_delay, above: 15}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Put a baton.yaml beside the files that the sample project names."""
    for name in ("data/flights.parquet", "data/weather.parquet", "contracts/weather.yaml", "features.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")

    def put(text: str) -> Path:
        (tmp_path / "baton.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        return tmp_path

    return put


@pytest.fixture
def base() -> str:
    """The text of a valid baton.yaml, 19 lines."""
    return BASE
