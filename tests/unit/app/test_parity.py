"""Parity: a conversion that scores otherwise than the trained model, or turns an answer, does not ship."""

import numpy as np
import pytest

from baton.app.parity import parity
from baton.backends.frameworks import learner
from baton.kernel.errors import Refused
from baton.training.ports import Array, Fitted

MATRIX = np.random.default_rng(7).normal(size=(200, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return learner("linear").fit(MATRIX, (MATRIX[:, 0] > 0).astype(np.float32), {"c": 1.0}, 7)


def test_an_honest_conversion_is_proved_on_real_rows_and_on_edges(fitted: Fitted) -> None:
    proof = parity(fitted.onnx(2), fitted.score, MATRIX, 0.5)
    assert (proof["rows"], proof["flips"]) == (200 + 4 * 2, 0)
    assert proof["largest_difference"] <= 1e-5


def test_a_conversion_that_lies_is_refused(fitted: Fitted) -> None:
    def shifted(rows: Array) -> Array:
        return np.asarray(fitted.score(rows)) + 2e-5

    def mirrored(rows: Array) -> Array:
        return 1 - np.asarray(fitted.score(rows))

    with pytest.raises(Refused, match="does not score like") as caught:
        parity(fitted.onnx(2), shifted, MATRIX, 0.5)
    assert "0 answers flipped" in caught.value.why
    with pytest.raises(Refused, match="does not score like") as caught:
        parity(fitted.onnx(2), mirrored, MATRIX, 0.5)
    assert "208 rows" in caught.value.why and "0 answers flipped" not in caught.value.why
