"""The phases of the loop, in order."""

from typing import Literal, get_args

Phase = Literal[
    "define",
    "ingest",
    "validate",
    "features",
    "train",
    "evaluate",
    "register",
    "package",
    "deploy",
    "monitor",
    "incident",
    "retrain",
]
PHASES: tuple[str, ...] = get_args(Phase)
