"""The matrix: one accountable role for every phase, whole rows overridden."""

import pytest

from baton.project.phase import PHASES
from baton.project.roles import ROLES
from baton.team.raci import DEFAULT, effective, role_with


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_has_exactly_one_accountable_role_and_somebody_at_work(phase: str) -> None:
    assert len(role_with(DEFAULT, phase, "A")) == 1
    assert role_with(DEFAULT, phase, "R")
    assert set(DEFAULT[phase].values()) <= {"R", "A", "RA", "C", "I"}
    assert set(DEFAULT[phase]) <= set(ROLES)


def test_the_default_is_this_one() -> None:
    assert tuple(DEFAULT) == PHASES
    assert {phase: role_with(DEFAULT, phase, "A")[0] for phase in PHASES} == {
        "define": "product-manager",
        "ingest": "data-engineer",
        "validate": "data-engineer",
        "features": "ml-engineer",
        "train": "data-scientist",
        "evaluate": "data-scientist",
        "register": "ml-engineer",
        "package": "ml-engineer",
        "deploy": "mlops-engineer",
        "monitor": "mlops-engineer",
        "incident": "product-manager",
        "retrain": "mlops-engineer",
    }


def test_an_override_replaces_the_whole_row_and_no_other() -> None:
    matrix = effective({"train": {"sre": "RA"}})
    assert matrix["train"] == {"sre": "RA"}
    assert {phase: row for phase, row in matrix.items() if phase != "train"} == {
        phase: row for phase, row in DEFAULT.items() if phase != "train"
    }
    assert effective({}) == DEFAULT
    assert tuple(matrix) == PHASES
