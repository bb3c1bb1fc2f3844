"""What all contestants are given: one model, trained once, and real rows as bodies; and Baton's workspace around the model.

Asked at take-off: will this flight arrive more than 15 minutes late? The twelve columns are known by then.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from baton.backends.artifacts.files import FileArtifacts
from baton.backends.frameworks.lightgbm import LightGbm
from baton.backends.keys import open_keys
from baton.backends.online.lmdb_store import LmdbStore
from baton.delivery.routing import Route, Routing, write_routing
from baton.registry.bundle import Calibration, Manifest, Parity, pack
from baton.registry.signature import InputFeature, Signature

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "data" / "flights.parquet"
CATEGORIES = ("carrier", "origin", "dest")
NUMBERS = ("flight", "distance", "month", "day", "weekday", "hour", "minute", "notice_hours", "dep_delay")
NAMES = (*CATEGORIES, *NUMBERS)
POOL, BATCH, TREES = 512, 256, 200
PARAMS = {
    "rounds": TREES,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
}
"""Those of examples/flights/baton.yaml."""


@dataclass(frozen=True, slots=True)
class Material:
    """A folder with model.txt, model.onnx and codes.json; a pool of rows with their codes and the booster's own scores."""

    folder: Path
    rows: Sequence[dict[str, Any]]
    codes: Sequence[Sequence[float]]
    scores: Sequence[float]

    @property
    def onnx(self) -> bytes:
        """The converted model."""
        return (self.folder / "model.onnx").read_bytes()

    @property
    def categories(self) -> dict[str, dict[str, int]]:
        """Per column of names, the code of each."""
        found: dict[str, dict[str, int]] = json.loads((self.folder / "codes.json").read_text())
        return found


def prepared(folder: Path) -> Material:
    """The material of a folder, made there when it is not yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "rows.json").is_file():
        _make(folder)
    return Material(folder, **json.loads((folder / "rows.json").read_text()))


def workspace(folder: Path, material: Material, model: bytes) -> Path:
    """A workspace as the worker would leave it, with one live version that takes the twelve columns."""
    folder.mkdir(parents=True)
    (folder / "segments").mkdir()
    keys, artifacts = open_keys(folder / "keys"), FileArtifacts(folder / "artifacts", create=True)
    store = LmdbStore(folder / "online", create=True, durable=False)
    store.write([], watermark=0)
    store.close()
    known = material.categories
    inputs = (
        *(InputFeature(name, "category", tuple(known[name])) for name in CATEGORIES),
        *(InputFeature(name, "number") for name in NUMBERS),
    )
    signature = Signature(inputs, "flight_id", "schedule", 0.5)
    bundle = artifacts.put(pack(Manifest(1, "flights", 1, signature, Calibration(), Parity(POOL, 0.0, 0), {}, {}), model, ""))
    artifacts.seal(bundle, keys.seal(bundle.encode()))
    routing = Routing("flights", 1, "salt", (Route("live", 1, "rel-1", bundle),))
    (folder / "routing.json").write_bytes(write_routing(routing, keys.seal))
    return folder


def repeated(model: bytes, times: int) -> bytes:
    """The same scores out of so many times the trees, each copy with its share of the weight: a deliberately slow model."""
    graph = onnx.load_from_string(model)
    node = next(node for node in graph.graph.node if node.op_type == "TreeEnsembleClassifier")
    for attribute in node.attribute:
        ints, floats, strings = list(attribute.ints), list(attribute.floats), list(attribute.strings)
        if attribute.name in ("class_treeids", "nodes_treeids"):
            count = max(ints) + 1
            attribute.ints.extend(tree + copy * (count) for copy in range(1, times) for tree in ints)
        elif attribute.name == "class_weights":
            del attribute.floats[:]
            attribute.floats.extend([weight / times for weight in floats] * times)
        elif attribute.name.startswith(("class_", "nodes_")):
            attribute.ints.extend(ints * (times - 1))
            attribute.floats.extend(floats * (times - 1))
            attribute.strings.extend(strings * (times - 1))
    data: bytes = graph.SerializeToString()
    return data


def _make(folder: Path) -> None:
    table = pq.read_table(FLIGHTS)
    table = table.filter(pc.and_(pc.is_valid(table["arr_delay"]), pc.is_valid(table["dep_delay"])))
    columns = _columns(table)
    known = {name: {value: code for code, value in enumerate(sorted(set(columns[name])))} for name in CATEGORIES}
    coded = [[known[name][value] for value in columns[name]] if name in known else columns[name] for name in NAMES]
    matrix = np.array(coded, dtype=np.float32).T.copy()
    label = (table["arr_delay"].to_numpy() > 15).astype(np.float32)
    fitted = LightGbm().fit(matrix, label, PARAMS, seed=7)
    pool = np.random.default_rng(7).choice(len(label), POOL, replace=False)
    (folder / "model.txt").write_bytes(fitted.native())
    (folder / "model.onnx").write_bytes(fitted.onnx(len(NAMES)))
    (folder / "codes.json").write_text(json.dumps(known))
    told = {
        "rows": [{name: columns[name][place] for name in NAMES} for place in pool],
        "codes": matrix[pool].tolist(),
        "scores": fitted.score(matrix[pool]).tolist(),
    }
    (folder / "rows.json").write_text(json.dumps(told))


def _columns(table: Any) -> dict[str, list[Any]]:
    local = pc.local_timestamp(pc.cast(table["scheduled_at"], pa.timestamp("us", "America/New_York")))
    notice = pc.divide(pc.cast(pc.subtract(table["departed_at"], table["published_at"]), pa.int64()), 60_000_000)
    made = {
        **{name: table[name] for name in (*CATEGORIES, "flight", "distance", "dep_delay")},
        "month": pc.month(local),
        "day": pc.day(local),
        "weekday": pc.day_of_week(local),
        "hour": pc.hour(local),
        "minute": pc.minute(local),
        "notice_hours": pc.divide(pc.cast(notice, pa.float64()), 60.0),
    }
    return {name: made[name].to_pylist() for name in NAMES}
