"""Run a command that kills itself with SIGKILL right after its n-th write.

    python scoring_failpoints.py DEALT PLACE score …

Writes are table appends, commits of the state and renames of files; the file DEALT gets a line when it dies.
"""

import sys
from pathlib import Path

from journeys.failpoints import Killer, arm

import baton.cli.main


def main() -> None:
    """See the module."""
    dealt, place, *sys.argv[1:] = sys.argv[1:]
    arm(Killer(Path(dealt), int(place), {""}))  # no day begins here, so all writes are of one
    baton.cli.main.main()


if __name__ == "__main__":
    main()
