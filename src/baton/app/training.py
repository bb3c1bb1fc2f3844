"""The training job: training set, search, fit, hold-out and proof of parity, from ids alone.

It runs in a process of its own (`python -m baton.app.training`), so that the memory of a training and its libraries are
given back. It reads one JSON request and answers it with one JSON line. The same request gives the same answer: everything
it makes is named by content.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from baton.app.bootstrap import find_learner, open_artifacts, open_tables, open_workspace_keys
from baton.app.declared import load_rules, read_plan
from baton.app.job import serve
from baton.app.parity import onnx_scores, parity
from baton.app.trainingset import signature_of, training_set
from baton.app.workspace import existing
from baton.evaluation.compare import compare
from baton.evaluation.metric import quality
from baton.evaluation.slice import by_slice
from baton.features.join import Array, Columns
from baton.kernel.clock import from_micros, iso, parse_instant, stopwatch
from baton.kernel.digest import digest, finite
from baton.monitoring.day import Reference
from baton.monitoring.drift import reference_of
from baton.registry.bundle import unpack
from baton.serving.scoring import profile_of
from baton.training.ports import Fitted
from baton.training.search import Trial, best, search
from baton.training.trainingset import TrainingSet, split


class Job:
    """One project's training."""

    def __init__(self, project: Path, workspace: Path) -> None:
        self._workspace = existing(workspace)
        self._definition = load_rules(project).definition
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
        matrix, first, last = signature.encode(whole.columns), parts.train.rows, parts.learned.rows
        trials = self._search(
            (matrix[:first], parts.train.labels),
            (matrix[first:last], parts.validation.labels),
            lambda: watch() > recipe.abort_after.total_seconds(),
        )
        chosen = best(trials)
        fitted = self._fit(chosen, matrix[:last], parts.learned.labels)
        trained = watch()
        model = fitted.onnx(len(signature.features))
        proof = parity(model, fitted.score, matrix, signature.threshold)
        return {
            "signature": msgspec.to_builtins(signature),
            "model": self._artifacts.put(model),
            "native": self._artifacts.put(fitted.native()),
            "parity": proof,
            "chosen": asdict(chosen),
            "trials": [asdict(trial) for trial in trials],
            "importance": {name: round(share, 6) for name, share in zip(signature.names, fitted.importance(), strict=True)},
            **self._judged(parts.holdout, onnx_scores(model, matrix[last:]), champion),
            "reference": asdict(self._reference(parts.learned.columns)),
            "rows": {"train": parts.train.rows, "validation": parts.validation.rows, "holdout": parts.holdout.rows},
            "trained_until": iso(from_micros(int(parts.learned.decided_at.max()))),
            "manifest": self._manifest(whole, cutoff),
            "seconds": {"training_set": joined, "fit": trained - joined, "prove": watch() - trained},
        }

    def _search(
        self, train: tuple[Array, Array], validation: tuple[Array, Array], expired: Callable[[], bool]
    ) -> Sequence[Trial]:
        recipe = self._definition.recipe
        return search(
            [find_learner(name) for name in recipe.learners],
            (train[0][-recipe.search_rows :], train[1][-recipe.search_rows :]),
            validation,
            trials=recipe.trials,
            seed=recipe.seed,
            overrides=recipe.params,
            expired=expired,
        )

    def _fit(self, chosen: Trial, matrix: Array, labels: Array) -> Fitted:
        rounds = {"rounds": chosen.rounds} if chosen.learner == "lightgbm" else {}
        return find_learner(chosen.learner).fit(matrix, labels, {**chosen.params, **rounds}, self._definition.recipe.seed)

    def _judged(self, holdout: TrainingSet, scores: Array, champion: str) -> dict[str, Any]:
        """What the gate asks for, all of it on the hold-out."""
        gates = self._definition.gates
        slices = by_slice(holdout.labels, scores, holdout.columns, gates.slices, gates.slice_floor)
        return {
            "quality": {name: finite(value) for name, value in quality(holdout.labels, scores).items()},
            "slices": [asdict(each) for each in slices],
            "comparison": self._against(champion, holdout, scores),
            "scores": asdict(profile_of(scores)),
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


def train(project: Path, workspace: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Train as a request says: up to its `cutoff`, against the bundle of its `champion`."""
    return Job(project, workspace).run(parse_instant(request["cutoff"]), request.get("champion", ""))


def main() -> None:
    """Train in a process of its own."""
    serve(train, "training", partial(import_module, "lightgbm"))


if __name__ == "__main__":
    main()
