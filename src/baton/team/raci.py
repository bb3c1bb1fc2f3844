"""The RACI matrix: for every phase who is responsible (R), accountable (A), consulted (C) and informed (I).

The default is the matrix of the lifecycle with its holes filled: a column for SRE, a row for registration, DevOps at
work beside the owner in package and deploy, the ML engineer beside the data scientist in train.
"""

from collections.abc import Mapping

_COLUMNS = ("data-scientist", "ml-engineer", "mlops-engineer", "data-engineer", "devops-engineer", "sre", "product-manager")
_ROWS = {
    "define": "C C I I I I RA",
    "ingest": "C I I RA I I C",
    "validate": "C C C RA I I I",
    "features": "R A I C I I I",
    "train": "RA R I I I I I",
    "evaluate": "RA C I I I I C",
    "register": "I RA C I I I I",
    "package": "C RA C I R I I",
    "deploy": "I C RA I R C I",
    "monitor": "C C RA C C C I",
    "incident": "C C R C C R A",
    "retrain": "C R A C I I I",
}

Matrix = Mapping[str, Mapping[str, str]]
DEFAULT: Matrix = {phase: dict(zip(_COLUMNS, row.split(), strict=True)) for phase, row in _ROWS.items()}


def effective(overrides: Matrix) -> Matrix:
    """The default with a project's rows laid over it: an overridden row replaces the whole row."""
    return in_order({phase: overrides.get(phase, row) for phase, row in DEFAULT.items()})


def in_order(matrix: Matrix) -> Matrix:
    """The matrix with its phases in lifecycle order and the roles of a row in the default's, others after them by name.

    The ledger keeps no order of keys, and who comes first of several responsible must not depend on where it was read.
    """
    places = {role: place for place, role in enumerate(_COLUMNS)}
    rows = {phase: matrix[phase] for phase in (*DEFAULT, *sorted(matrix)) if phase in matrix}
    return {
        phase: {role: row[role] for role in sorted(row, key=lambda role: (places.get(role, len(places)), role))}
        for phase, row in rows.items()
    }


def role_with(matrix: Matrix, phase: str, letter: str) -> tuple[str, ...]:
    """The roles that bear a letter in a phase, in the matrix's order."""
    return tuple(role for role, letters in matrix[phase].items() if letter in letters)
