"""The training job: training set, search, fit, hold-out and proof of parity, from ids alone.

It runs in a process of its own (`python -m baton.app.training`), so that the memory of a training and its libraries are
given back. It reads one JSON request per line and answers each with one JSON line. The same request gives the same
answer: everything it makes is named by content.
"""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from baton.app.bootstrap import find_learner, load_project, open_artifacts, open_tables, open_workspace_keys, read_plan
from baton.app.workspace import existing
from baton.data.ports import Tables
from baton.evaluation.compare import compare
from baton.evaluation.metric import quality
from baton.evaluation.slice import by_slice
from baton.features.join import Array, Columns, join
from baton.features.online import compute_requests
from baton.features.view import DECIDED_AT, FeaturePlan
from baton.kernel.clock import iso, micros, parse_instant, stopwatch
from baton.kernel.digest import digest, finite
from baton.kernel.errors import BatonError, Refused
from baton.monitoring.day import Reference
from baton.monitoring.drift import reference_of
from baton.project.definition import Definition
from baton.registry.bundle import unpack
from baton.registry.signature import InputFeature, Signature
from baton.training.search import best, search
from baton.training.trainingset import TrainingSet, split

if TYPE_CHECKING:
    import pyarrow as pa

PARITY_ROWS = 5000
TOLERANCE = 1e-5
CATEGORIES = 2000


def training_set(definition: Definition, plan: FeaturePlan, tables: Tables, cutoff: datetime) -> TrainingSet:
    """All matured entities whose label was known by `cutoff`, each with the features it had at its own decision time.

    Raises Refused when there is no label yet.
    """
    import pyarrow as pa

    matured = cutoff - definition.monitor.maturity
    labels = (
        tables.scan("labels", until=cutoff).sort_by([("known_at", "ascending"), (definition.entity.key, "ascending")])
        if tables.exists("labels")
        else None
    )
    if labels is None or labels.num_rows == 0:
        raise Refused(
            "there is nothing to learn from yet",
            why="no label is known",
            fix="wait for labels, or check label.source in baton.yaml",
        )
    sources = {
        name: _source(definition, tables, name, cutoff)
        for name in {definition.entity.source, *(view.source for view in plan.views)}
    }
    needs = [definition.entity.key, *plan.entity_needs(), *((definition.decision.at,) if definition.decision else ())]
    entities = sources[definition.entity.source].select(list(dict.fromkeys(needs)))
    key = definition.entity.key
    entities = entities.set_column(entities.schema.get_field_index(key), key, entities[key].cast(pa.string()))
    rows = labels.select([key, "label"]).join(entities, key, join_type="inner")
    rows = rows.append_column(DECIDED_AT, _decided(definition, rows, cutoff)).sort_by(
        [(DECIDED_AT, "ascending"), (key, "ascending")]
    )
    rows = rows.combine_chunks()
    if definition.decision is not None:
        rows = _between(rows, None if definition.recipe.window is None else cutoff - definition.recipe.window, matured)
    columns = join(plan, rows, sources, {name: definition.sources[name].known_at for name in sources})
    compute_requests(plan, columns)
    return TrainingSet(
        entities=np.array(rows[key].to_pylist(), dtype=object),
        decided_at=columns[DECIDED_AT].astype(np.int64),
        labels=rows["label"].to_numpy().astype(np.float32),
        columns={name: columns[name] for name in plan.names},
        cutoff=cutoff,
    )


def _between(rows: "pa.Table", after: datetime | None, until: datetime) -> "pa.Table":
    """Rows decided in (after, until]. What is decided later has only its quick labels yet: learning from them would be biased."""
    decided = rows[DECIDED_AT].cast("int64").to_numpy()
    return rows.filter((decided <= micros(until)) & (decided > (micros(after) if after else -1)))


def _source(definition: Definition, tables: Tables, name: str, cutoff: datetime) -> "pa.Table":
    """A source's rows known by the cutoff, in order of (known time, key)."""
    source = definition.sources[name]
    if source.known_at is None:
        return tables.scan(name).combine_chunks()
    rows = tables.scan(name, until=cutoff, on=source.known_at)
    return rows.sort_by([(source.known_at, "ascending"), *((key, "ascending") for key in source.key)]).combine_chunks()


def _decided(definition: Definition, rows: "pa.Table", cutoff: datetime) -> "pa.Array":
    """When each entity was, or would have been, decided on; the cutoff itself for tables without time."""
    import pyarrow as pa

    instant = pa.timestamp("us", "UTC")
    if definition.decision is None:
        return pa.array(np.full(rows.num_rows, micros(cutoff)), pa.int64()).cast(instant)
    every, lead = (int(span.total_seconds() * 1e6) for span in (definition.decision.every, definition.decision.lead[0]))
    at = rows[definition.decision.at].cast(instant).cast(pa.int64()).to_numpy()
    return pa.array((at - lead) // every * every, pa.int64()).cast(instant)


def signature_of(definition: Definition, whole: TrainingSet) -> Signature:
    """The model's inputs as seen in training: texts become categories in order of their names. Raises Refused above 2,000."""
    features = []
    for name, values in whole.columns.items():
        if values.dtype != object:
            features.append(InputFeature(name, "number"))
            continue
        known = sorted({str(value) for value in values if value is not None})
        if len(known) > CATEGORIES:
            raise Refused(
                f"feature '{name}' has {len(known)} different texts",
                why=f"at most {CATEGORIES} make a useful category",
                fix="drop it, or group its values in a request function",
            )
        features.append(InputFeature(name, "category", tuple(known)))
    return Signature(tuple(features), definition.entity.key, definition.entity.source, definition.problem.value.threshold)


class Job:
    """One project's training, made once per process."""

    def __init__(self, project: Path, workspace: Path) -> None:
        self._workspace = existing(workspace)
        self._definition = load_project(project).definition
        self._plan = read_plan(project, self._definition)
        self._tables = open_tables(self._workspace)
        self._artifacts = open_artifacts(self._workspace)

    def run(self, cutoff: datetime, champion: str) -> dict[str, Any]:
        """Train and prove a candidate on what was known by `cutoff`; compare it with the champion's bundle when there is one."""
        recipe, watch = self._definition.recipe, stopwatch()
        whole = training_set(self._definition, self._plan, self._tables, cutoff)
        joined = watch()
        parts = split(whole, recipe.validation, recipe.holdout)
        signature = signature_of(self._definition, parts.learned)
        encoded = {
            name: (signature.encode(part.columns), part.labels)
            for name, part in (("train", parts.train), ("validation", parts.validation))
        }
        latest = (encoded["train"][0][-recipe.search_rows :], encoded["train"][1][-recipe.search_rows :])
        trials = search(
            [find_learner(name) for name in recipe.learners],
            latest,
            encoded["validation"],
            trials=recipe.trials,
            seed=recipe.seed,
            overrides=recipe.params,
            expired=lambda: watch() > recipe.abort_after.total_seconds(),
        )
        chosen = best(trials)
        matrix = np.concatenate([encoded["train"][0], encoded["validation"][0]])
        fitted = find_learner(chosen.learner).fit(
            matrix,
            parts.learned.labels,
            {**chosen.params, **({"rounds": chosen.rounds} if chosen.learner == "lightgbm" else {})},
            recipe.seed,
        )
        trained = watch()
        model = fitted.onnx(len(signature.features))
        proof = parity(
            model, fitted.score, np.concatenate([matrix, signature.encode(parts.holdout.columns)]), signature.threshold
        )
        scores = onnx_scores(model, signature.encode(parts.holdout.columns))
        return {
            "signature": msgspec.to_builtins(signature),
            "model": self._artifacts.put(model),
            "native": self._artifacts.put(fitted.native()),
            "parity": proof,
            "chosen": asdict(chosen),
            "trials": [asdict(trial) for trial in trials],
            "importance": {name: round(share, 6) for name, share in zip(signature.names, fitted.importance(), strict=True)},
            "quality": {name: finite(value) for name, value in quality(parts.holdout.labels, scores).items()},
            "slices": [
                asdict(each)
                for each in by_slice(
                    parts.holdout.labels,
                    scores,
                    parts.holdout.columns,
                    self._definition.gates.slices,
                    self._definition.gates.slice_floor,
                )
            ],
            "comparison": self._against(champion, parts.holdout, scores),
            "reference": asdict(self._reference(parts.learned.columns)),
            "rows": {"train": parts.train.rows, "validation": parts.validation.rows, "holdout": parts.holdout.rows},
            "trained_until": iso(_last(parts.learned.decided_at)),
            "manifest": self._manifest(whole, cutoff),
            "seconds": {"training_set": joined, "fit": trained - joined, "prove": watch() - trained},
        }

    def _reference(self, columns: Columns) -> Reference:
        watched = self._definition.monitor.watch or tuple(columns)
        return reference_of({name: columns[name] for name in watched})

    def _against(self, champion: str, holdout: TrainingSet, scores: Array) -> dict[str, Any] | None:
        if not champion:
            return None
        bundle = unpack(
            self._artifacts.get(champion), self._artifacts.seal_of(champion), open_workspace_keys(self._workspace).verify
        )
        missing = set(bundle.manifest.signature.names) - set(holdout.columns)
        if missing:
            return None
        theirs = onnx_scores(bundle.model, bundle.manifest.signature.encode(holdout.columns))
        return asdict(
            compare(
                holdout.labels, theirs, scores, holdout.decided_at, self._definition.gates.margin, self._definition.recipe.seed
            )
        )

    def _manifest(self, whole: TrainingSet, cutoff: datetime) -> dict[str, Any]:
        """All that a reproduction needs: data, code, config, seed and environment."""
        import lightgbm
        import onnx

        names = sorted({"labels", self._definition.entity.source, *(view.source for view in self._plan.views)})
        return {
            "cutoff": iso(cutoff),
            "training_set": whole.digest(),
            "rows": whole.rows,
            "features": self._plan.digest,
            "recipe": digest(self._definition.recipe.model_dump(mode="json")),
            "seed": self._definition.recipe.seed,
            "threads": 2,
            "python": ".".join(map(str, sys.version_info[:2])),
            "libraries": {"lightgbm": lightgbm.__version__, "numpy": np.__version__, "onnx": onnx.__version__},
            "tables": names,
        }


def _last(decided_at: Array) -> datetime:
    from baton.kernel.clock import from_micros

    return from_micros(int(decided_at.max()))


def onnx_scores(model: bytes, matrix: Array) -> Array:
    """Scores of the shipped form, float64, identity-calibrated."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    out = np.asarray(session.run(None, {session.get_inputs()[0].name: matrix})[-1])
    return (out.reshape(len(matrix), -1)[:, -1]).astype(np.float64)


def parity(model: bytes, score: Callable[[Array], Array], matrix: Array, threshold: float) -> dict[str, Any]:
    """Compare the shipped form with the trained one on real rows (the last ones) and on edge rows.

    Edge rows set each feature in turn to missing, zero, and far beyond either end. Raises Refused when the difference is
    above 1e-5 or an answer flips: a conversion that lies must not ship.
    """
    real = matrix[-PARITY_ROWS:]
    edges = np.repeat(real[-1:], 4 * matrix.shape[1], axis=0)
    for column in range(matrix.shape[1]):
        edges[4 * column : 4 * column + 4, column] = (np.nan, 0.0, -1e9, 1e9)
    rows = np.concatenate([real, edges])
    ours, theirs = np.asarray(score(rows)), onnx_scores(model, rows)
    largest = float(np.max(np.abs(ours - theirs)))
    flips = int(np.count_nonzero(((ours >= threshold) != (theirs >= threshold)) & (np.abs(ours - threshold) > TOLERANCE)))
    if largest > TOLERANCE or flips:
        raise Refused(
            "the shipped form does not score like the trained model",
            why=f"largest difference {largest:.2e} over {len(rows)} rows, {flips} answers flipped",
            fix="use another learner in recipe.learners",
        )
    return {"rows": len(rows), "largest_difference": largest, "flips": flips}


def answer(job: Job, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run one request; an error becomes its description."""
    try:
        return {"ok": job.run(parse_instant(request["cutoff"]), request.get("champion", ""))}
    except BatonError as error:
        told = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
        return {"error": {**told, "retryable": error.retryable}}
    except Exception as error:  # noqa: BLE001  whatever it is, the caller must get an answer
        trace = traceback.extract_tb(error.__traceback__)[-1]
        return {
            "error": {
                "what": f"training failed: {type(error).__name__}: {error}",
                "where": f"{trace.filename}:{trace.lineno}",
                "why": "",
                "fix": "mend it and start again",
                "retryable": False,
            }
        }


def main() -> None:
    """Serve requests from standard input until it closes."""
    import lightgbm  # noqa: F401  loaded before the first request, while the caller is busy elsewhere

    project, workspace = (Path(argument) for argument in sys.argv[1:3])
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job: Job | None = None
    for line in io.TextIOWrapper(sys.stdin.buffer):
        job = job or Job(project, workspace)
        told.write(json.dumps(answer(job, json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
