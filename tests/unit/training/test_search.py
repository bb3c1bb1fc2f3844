"""The search: the same recipe gives the same trials, best first guesses first, and the clock only aborts."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from baton.kernel.errors import Refused
from baton.training.ports import Array, Fitted, Params
from baton.training.search import Trial, best, search

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

MATRIX = np.linspace(0, 1, 40).reshape(-1, 1)
LABELS = (MATRIX[:, 0] > 0.5).astype(float)
DATA = (MATRIX, LABELS)


class Constant:
    """Answers one probability."""

    def __init__(self, value: float) -> None:
        self.value, self.rounds = value, 3

    def score(self, matrix: Array) -> Array:
        return np.full(len(matrix), self.value)

    def native(self) -> bytes:
        return b""

    def onnx(self, features: int) -> bytes:
        return b""

    def importance(self) -> list[float]:
        return [1.0]


class Guesser:
    """A learner that fits nothing: its one parameter is its answer."""

    def __init__(self, name: str, guesses: tuple[float, ...]) -> None:
        self.name, self._guesses = name, guesses
        self.fitted: list[tuple[float, int]] = []

    def portfolio(self) -> tuple[Params, ...]:
        return tuple({"value": guess} for guess in self._guesses)

    def suggest(self, trial: "BaseTrial") -> Params:
        return {"value": trial.suggest_float("value", 0.01, 0.99)}

    def fit(self, matrix: Array, labels: Array, params: Params, seed: int, stop_on: tuple[Array, Array] | None = None) -> Fitted:
        assert stop_on is DATA
        self.fitted.append((float(params["value"]), seed))
        return Constant(float(params["value"]))


def run(
    trials: int,
    *,
    seed: int = 7,
    overrides: Mapping[str, Params] | None = None,
    expired: Callable[[], bool] = lambda: False,
    guesses: Any = ((0.1, 0.2), (0.9,)),
) -> tuple[Trial, ...]:
    learners = [Guesser("first", guesses[0]), Guesser("second", guesses[1])]
    return search(learners, DATA, DATA, trials=trials, seed=seed, overrides=overrides or {}, expired=expired)


def test_the_same_seed_gives_the_same_trials() -> None:
    one, again, other = run(14), run(14), run(14, seed=8)
    assert one == again and one != other
    assert one[:3] == other[:3]
    assert run(6) == one[:6]
    assert [trial.number for trial in one] == list(range(14))


def test_first_guesses_come_first_in_turns() -> None:
    assert [(trial.learner, trial.params["value"]) for trial in run(3)] == [("first", 0.1), ("second", 0.9), ("first", 0.2)]
    assert [trial.learner for trial in run(1)] == ["first"]
    assert {trial.rounds for trial in run(5)} == {3}


def test_own_parameters_replace_the_first_guesses_of_their_learner() -> None:
    made = run(3, overrides={"first": {"value": 0.4}})
    assert [(trial.learner, trial.params["value"]) for trial in made[:2]] == [("first", 0.4), ("second", 0.9)]


def test_the_loss_is_that_of_the_validation_part() -> None:
    (trial,) = run(1)
    assert trial.loss == round(float(-(np.log(0.1) + np.log(0.9)) / 2), 10)


def test_the_best_is_of_lowest_loss_and_the_first_of_equals() -> None:
    assert best(run(14)).loss == min(trial.loss for trial in run(14) if trial.loss is not None)
    assert best([Trial(0, "a", loss=0.5), Trial(1, "b", loss=0.3), Trial(2, "c", loss=0.3)]).number == 1
    assert best([Trial(0, "a", loss=None), Trial(1, "b", loss=0.9)]).number == 1
    assert best([Trial(0, "a"), Trial(1, "b")]).number == 0


def test_a_trial_without_a_finite_loss_is_no_reason_to_stop() -> None:
    class Broken(Guesser):
        def suggest(self, trial: "BaseTrial") -> Params:
            trial.suggest_float("value", 0.01, 0.99)
            return {"value": float("nan")}

    learners = [Broken("first", (float("nan"),)), Guesser("second", (0.5,))]
    made = search(learners, DATA, DATA, trials=12, seed=7, overrides={}, expired=lambda: False)
    assert [trial.loss is None for trial in made] == [trial.learner == "first" for trial in made]
    assert best(made).learner == "second"


@pytest.mark.parametrize("done", [0, 1, 3, 4])
def test_the_clock_aborts_and_never_cuts(done: int) -> None:
    calls = iter([False] * done + [True] * 20)
    with pytest.raises(Refused, match="ran out of time") as caught:
        run(5, expired=lambda: next(calls))
    assert caught.value.why == f"{done} of 5 trials done"


def test_a_search_that_ends_in_time_is_not_refused() -> None:
    calls = iter([False] * 5 + [True] * 20)
    assert len(run(5, expired=lambda: next(calls))) == 5
