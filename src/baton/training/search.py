"""Choose learner and parameters: the portfolio first, then a seeded TPE search, judged on the validation part.

The budget is a number of trials, so the same recipe gives the same choice on any machine; the wall clock only aborts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from baton.kernel.digest import finite
from baton.kernel.errors import Refused
from baton.training.loss import log_loss
from baton.training.ports import Learner, Params

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Trial:
    """One parameter set that was tried: its log loss on the validation part and the rounds it stopped at."""

    number: int
    learner: str
    params: Mapping[str, Any] = field(default_factory=dict)
    loss: float | None = None
    rounds: int = 0


def search(
    learners: Sequence[Learner],
    train: tuple[Array, Array],
    validation: tuple[Array, Array],
    *,
    trials: int,
    seed: int,
    overrides: Mapping[str, Params],
    expired: Callable[[], bool],
) -> tuple[Trial, ...]:
    """Run `trials` trials and return them in order; the best is the one of lowest loss (first on ties).

    `overrides` are the user's own parameters by learner: they replace the portfolio's. Raises Refused when `expired`
    turns true, because a search cut by the clock could not be repeated.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4))
    done: list[Trial] = []
    by_name = {learner.name: learner for learner in learners}
    guesses = _portfolio(learners, overrides)
    while len(done) < trials:
        if expired():
            raise Refused(
                "the search ran out of time",
                why=f"{len(done)} of {trials} trials done",
                fix="lower recipe.trials or raise recipe.abort_after",
            )
        if len(done) < len(guesses):
            done.append(_try(*guesses[len(done)], train, validation, seed, len(done)))
            continue
        ask = study.ask()
        learner = by_name[ask.suggest_categorical("learner", sorted(by_name))]
        made = _try(learner, learner.suggest(ask), train, validation, seed, len(done))
        study.tell(ask, made.loss, state=optuna.trial.TrialState.FAIL if made.loss is None else None)
        done.append(made)
    return tuple(done)


def best(trials: Sequence[Trial]) -> Trial:
    """The trial of lowest validation loss."""
    return min(trials, key=lambda trial: (np.inf if trial.loss is None else trial.loss, trial.number))


def _portfolio(learners: Sequence[Learner], overrides: Mapping[str, Params]) -> list[tuple[Learner, Params]]:
    """First guesses of every learner, interleaved so that a small budget still compares families."""
    guesses = [
        [(learner, overrides[learner.name])]
        if learner.name in overrides
        else [(learner, params) for params in learner.portfolio()]
        for learner in learners
    ]
    depth = max(len(each) for each in guesses)
    return [each[rank] for rank in range(depth) for each in guesses if rank < len(each)]


def _try(
    learner: Learner, params: Params, train: tuple[Array, Array], validation: tuple[Array, Array], seed: int, number: int
) -> Trial:
    fitted = learner.fit(*train, params, seed, stop_on=validation)
    return Trial(number, learner.name, dict(params), finite(log_loss(validation[1], fitted.score(validation[0]))), fitted.rounds)
