"""Every learner: the same bytes twice, and the shipped form scores as the trained one on every kind of row."""

import math
import os
import subprocess
import sys
from typing import Any

import lightgbm
import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.backends.frameworks import learner
from baton.backends.frameworks.lightgbm import LightGbm, single_precision
from baton.backends.frameworks.linear import Linear
from baton.training.ports import Array, Fitted, Learner, Params

FAST: dict[str, Params] = {
    "lightgbm": {
        "learning_rate": 0.1,
        "num_leaves": 15,
        "min_data_in_leaf": 10,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "rounds": 40,
    },
    "linear": {"c": 1.0},
}
NAMES = sorted(FAST)
FEATURES = 7


def rows(count: int, seed: int = 3) -> tuple[Any, Any]:
    """Features of every kind: smooth, skewed, a code, a flag, large with a small spread, empty, mostly missing."""
    draw = np.random.default_rng(seed)
    matrix = np.empty((count, FEATURES), dtype=np.float32)
    matrix[:, 0] = draw.normal(0, 1, count)
    matrix[:, 1] = draw.exponential(300, count)
    matrix[:, 2] = draw.integers(0, 16, count)
    matrix[:, 3] = draw.integers(0, 2, count)
    matrix[:, 4] = 1e6 + draw.normal(0, 40, count)
    matrix[:, 5] = np.nan
    matrix[:, 6] = np.where(draw.random(count) < 0.8, np.nan, draw.normal(5, 2, count))
    matrix[draw.random(count) < 0.1, 1] = np.nan
    signal = (
        matrix[:, 0]
        + np.nan_to_num(matrix[:, 1], nan=600) / 300
        - matrix[:, 3]
        + (matrix[:, 4] - 1e6) / 40
        + np.isnan(matrix[:, 6])
    )
    labels = (signal + draw.normal(0, 1, count) > 1.5).astype(np.float32)
    return matrix, labels


def edges(matrix: Any) -> Any:
    """Each feature in turn missing, zero, tiny, far out at either end, and at values that occur; and all missing at once."""
    made = []
    for column in range(matrix.shape[1]):
        seen = matrix[np.isfinite(matrix[:, column]), column][:5]
        for value in (
            np.nan,
            0.0,
            -0.0,
            1e-30,
            -1e-30,
            1e9,
            -1e9,
            *seen,
            *np.nextafter(seen, np.float32(np.inf)),
            *np.nextafter(seen, np.float32(-np.inf)),
        ):
            for row in matrix[:3]:
                other = row.copy()
                other[column] = value
                made.append(other)
    made += [np.full(matrix.shape[1], value, dtype=np.float32) for value in (np.nan, 0.0, 1e9, -1e9)]
    return np.array(made, dtype=np.float32)


MATRIX, LABELS = rows(1500)
FITTED: dict[str, Fitted] = {}


def fitted(name: str) -> Fitted:
    if name not in FITTED:
        FITTED[name] = learner(name).fit(MATRIX, LABELS, FAST[name], 7)
    return FITTED[name]


def shipped(model: Fitted, matrix: Any, features: int = FEATURES) -> Any:
    """Scores of the ONNX form."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.onnx(features), options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert (taken.type, taken.shape[1]) == ("tensor(float)", features)
    out = np.asarray(session.run(None, {taken.name: matrix})[-1])
    return out.reshape(len(matrix), -1)[:, -1].astype(np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_parameters_and_seed_give_the_same_bytes(name: str) -> None:
    one, other = fitted(name), learner(name).fit(MATRIX.copy(), LABELS.copy(), dict(FAST[name]), 7)
    assert one.native() == other.native()
    assert one.onnx(FEATURES) == other.onnx(FEATURES) == one.onnx(FEATURES)


def test_another_seed_is_another_model_where_chance_plays() -> None:
    assert LightGbm().fit(MATRIX, LABELS, FAST["lightgbm"], 8).native() != fitted("lightgbm").native()
    assert Linear().fit(MATRIX, LABELS, FAST["linear"], 8).native() == fitted("linear").native()


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_form_scores_as_the_trained_one(name: str) -> None:
    fresh, _ = rows(2000, seed=4)
    matrix = np.concatenate([MATRIX, fresh, edges(fresh)])
    model = fitted(name)
    ours, theirs = model.score(matrix), shipped(model, matrix)
    assert ours.dtype == np.float64 and np.isfinite(ours).all() and ((ours >= 0) & (ours <= 1)).all()
    worst = int(np.argmax(np.abs(ours - theirs)))
    assert abs(ours[worst] - theirs[worst]) <= 1e-6, (matrix[worst], ours[worst], theirs[worst])


@pytest.mark.parametrize("name", NAMES)
def test_what_was_never_missing_in_training_may_be_missing_later(name: str) -> None:
    draw = np.random.default_rng(5)
    matrix = draw.normal(0.5, 1, (800, 3)).astype(np.float32)
    labels = (matrix[:, 0] + matrix[:, 1] > 1).astype(np.float32)
    model = learner(name).fit(matrix, labels, FAST[name], 7)
    asked = np.concatenate([matrix, edges(matrix)])
    assert np.abs(model.score(asked) - shipped(model, asked, 3)).max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_learner_learns(name: str) -> None:
    from baton.evaluation.metric import auc

    fresh, truth = rows(2000, seed=4)
    assert (auc(truth, fitted(name).score(fresh)) or 0) > 0.8
    importance = fitted(name).importance()
    assert len(importance) == FEATURES and sum(importance) == pytest.approx(1.0) and min(importance) >= 0
    assert importance[5] == 0


@pytest.mark.parametrize("name", NAMES)
def test_first_guesses_and_draws_can_be_fitted(name: str) -> None:
    made = learner(name)
    assert made.name == name and made.portfolio()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for params in (*made.portfolio(), made.suggest(study.ask())):
        model = made.fit(MATRIX[:400], LABELS[:400], {**params, **({"rounds": 3} if name == "lightgbm" else {})}, 7)
        assert np.isfinite(model.score(MATRIX[:10])).all()


def test_rounds_stop_where_the_validation_part_no_longer_gains() -> None:
    fresh = rows(500, seed=9)
    params = {key: value for key, value in FAST["lightgbm"].items() if key != "rounds"}
    stopped = LightGbm().fit(MATRIX, LABELS, params, 7, stop_on=fresh)
    assert 1 <= stopped.rounds < 600
    again = LightGbm().fit(MATRIX, LABELS, {**params, "rounds": stopped.rounds}, 7)
    assert again.rounds == stopped.rounds and np.array_equal(again.score(MATRIX), stopped.score(MATRIX))
    assert LightGbm().fit(MATRIX, LABELS, FAST["lightgbm"], 7, stop_on=fresh).rounds == 40
    assert fitted("linear").rounds == 1


def test_a_constant_truth_beside_a_single_exception_still_fits() -> None:
    labels = np.zeros(100, dtype=np.float32)
    labels[3] = 1
    for name in NAMES:
        model = learner(name).fit(MATRIX[:100], labels, FAST[name], 7)
        assert np.abs(model.score(MATRIX[:100]) - shipped(model, MATRIX[:100])).max() <= 1e-6


def booster(seed: int) -> Any:
    matrix, labels = rows(600, seed)
    settings = {
        "objective": "binary",
        "verbosity": -1,
        "num_threads": 1,
        "num_leaves": 31,
        "min_data_in_leaf": 5,
        "deterministic": True,
        "seed": seed,
    }
    return lightgbm.train(settings, lightgbm.Dataset(matrix, labels), 15)


def thresholds(text: str) -> list[float]:
    lines = [line.removeprefix("threshold=") for line in text.split("\n") if line.startswith("threshold=")]
    return [float(value) for line in lines for value in line.split()]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thresholds_of_single_precision_change_no_answer_on_single_precision_rows(seed: int) -> None:
    model = booster(seed)
    text = model.model_to_string()
    lowered = single_precision(text)
    exact, single = thresholds(text), thresholds(lowered)
    assert all(float(np.float32(value)) == value for value in single)
    assert all(
        new <= old and (math.isinf(np.float32(old)) or float(np.nextafter(np.float32(new), np.float32(np.inf))) > old)
        for old, new in zip(exact, single, strict=True)
    )
    on_edge = edges(MATRIX)
    near = np.array(single, dtype=np.float32)
    tight = np.repeat(MATRIX[:1], 3 * len(near), axis=0)
    tight[:, :] = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])[:, None]
    asked = np.concatenate([MATRIX, on_edge, tight[np.isfinite(tight).all(axis=1)]])
    other = lightgbm.Booster(model_str=lowered)
    assert np.array_equal(model.predict(asked, num_threads=1), other.predict(asked, num_threads=1))


@settings(deadline=None, max_examples=200)
@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [1e300, -1e300, 1e-35, 1.0000000180025095e-35, 5e-324, 3.4028235e38, 3.4028236e38, -3.4028234663852886e38, -3.4028236e38]
    ),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
def test_a_lowered_threshold_is_the_largest_single_below(threshold: float, value: float) -> None:
    (lowered,) = thresholds(single_precision(f"threshold={threshold!r}"))
    assert (value <= lowered) == (value <= threshold)


def test_a_tree_of_one_leaf_and_lines_of_other_kinds_are_left_alone() -> None:
    text = "tree\ntree_sizes=10 20\nthreshold=\nleaf_value=0.1\nthresholds=0.1"
    assert single_precision(text) == "tree\nthreshold=\nleaf_value=0.1\nthresholds=0.1"


def test_a_learner_of_no_name_is_no_learner() -> None:
    with pytest.raises(KeyError):
        learner("forest")
    made: Learner = learner("linear")
    assert isinstance(made, Linear)
    assert isinstance(MATRIX, np.ndarray) and Array is not None


SEEDED = """
import numpy as np
from baton.backends.frameworks import learner
from baton.kernel.digest import digest_bytes
draw = np.random.default_rng(0)
matrix = draw.normal(size=(300, 3)).astype("f4")
fitted = learner("lightgbm").fit(matrix, (matrix[:, 0] > 0).astype("f4"), {"rounds": 2}, 7)
print(digest_bytes(fitted.onnx(3)))
"""


@pytest.mark.slow
def test_the_shipped_bytes_do_not_depend_on_the_process() -> None:
    made = {
        subprocess.run(
            [sys.executable, "-c", SEEDED],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(16)
    }
    assert len(made) == 1
