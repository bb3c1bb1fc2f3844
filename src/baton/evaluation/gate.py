"""The gate: whether a candidate may become a version. A pure decision that carries its reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton.evaluation.compare import Comparison
from baton.project.definition import Criterion, Gates


@dataclass(frozen=True, slots=True)
class Verdict:
    """Passed or not, and why, criterion by criterion."""

    passed: bool
    reasons: tuple[str, ...]


def judge(gates: Gates, quality: Mapping[str, float | None], comparison: Comparison | None) -> Verdict:
    """Every minimum must hold on the hold-out; against a champion the challenger must be superior or proven not inferior."""
    checks = [_minimum(criterion, quality) for criterion in gates.minimum]
    if comparison is not None:
        checks.append(_against(comparison))
    return Verdict(all(passed for passed, _ in checks), tuple(reason for _, reason in checks) or ("no gate is declared",))


def _minimum(criterion: Criterion, quality: Mapping[str, float | None]) -> tuple[bool, str]:
    value = quality.get(criterion.metric)
    if value is None:
        return False, f"{criterion.metric} cannot be told from the hold-out"
    low_enough = criterion.at_most is None or value <= criterion.at_most
    high_enough = criterion.at_least is None or value >= criterion.at_least
    bounds = (("at least", criterion.at_least), ("at most", criterion.at_most))
    bound = " and ".join(f"{words} {limit}" for words, limit in bounds if limit is not None)
    return low_enough and high_enough, f"{criterion.metric} {value:.4f}, wanted {bound}"


def _against(made: Comparison) -> tuple[bool, str]:
    words = f"challenger is {made.answer} to the champion: Brier {made.difference:+.4f} [{made.low:+.4f}, {made.high:+.4f}] over {made.rows} rows of {made.days} days, margin {made.margin}"
    return made.answer in ("superior", "not-inferior"), words


def failed(reasons: Sequence[str]) -> Verdict:
    """A verdict of no, for these reasons."""
    return Verdict(False, tuple(reasons))
