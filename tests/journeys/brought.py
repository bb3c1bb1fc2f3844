"""Models that somebody brings: small ones of every form over the same four inputs, and a sample with their scores."""

import csv
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

NAMES = ["amount", "age", "tenure", "country"]
COUNTRIES = ["de", "fr", "it"]
Array = np.ndarray[Any, Any]


def rows(count: int = 1500) -> tuple[Array, Array]:
    """Inputs as a model sees them (country as its code), and what is to be foretold."""
    draw = np.random.default_rng(5)
    matrix = draw.normal(size=(count, 4)).astype(np.float32)
    matrix[:, 3] = draw.integers(0, len(COUNTRIES), count)
    truth = (matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + draw.normal(size=count) > 0).astype(int)
    return matrix, truth


def booster(seed: int = 1, **params: Any) -> lightgbm.Booster:
    """A LightGBM model."""
    matrix, truth = rows()
    settings = {"objective": "binary", "verbosity": -1, "seed": seed, "num_leaves": 8, "num_threads": 1, **params}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, truth * params.pop("times", 1), feature_name=NAMES), 12)


def lightgbm_text(folder: Path, name: str = "churn.txt", **params: Any) -> Path:
    """The file of one."""
    path = folder / name
    booster(**params).save_model(path)
    return path


def skops_file(folder: Path, model: Any, name: str = "model.skops") -> Path:
    """A scikit-learn estimator, fitted and saved."""
    import skops.io

    path = folder / name
    skops.io.dump(model.fit(*rows()), path)
    return path


def forest() -> Any:
    """An estimator that has no faithful way to ONNX: how its trees treat missing values is lost."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=5, random_state=0)


def sample(folder: Path, scores: Array | None = None, name: str = "sample.csv") -> Path:
    """A CSV of the rows; `home` holds the scores that a model gave where it was trained."""
    matrix, _ = rows()
    path = folder / name
    given = scores if scores is not None else np.asarray(booster().predict(matrix))
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*NAMES, "home"])
        writer.writerows([[*map(float, row), float(score)] for row, score in zip(matrix, given, strict=True)])
    return path


SCHEMA = "features:\n  amount: number\n  age: number\n  tenure: number\n  country: [de, fr, it]\n"
