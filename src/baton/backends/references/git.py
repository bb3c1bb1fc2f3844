"""Commits of a local repository, through its own `git`."""

import subprocess
from pathlib import Path

from baton.kernel.errors import InvalidInput, MissingExtra, NotFound, Unavailable
from baton.team.reference import Pinned, Reference

SECONDS = 60


class Git:
    """Implements `team.ports.References` for `git:COMMIT[@REPO]`, relative folders from `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pin(self, reference: Reference) -> Pinned:
        """The commit that a branch, a tag or an abbreviation means now, in full; it moves no more."""
        place = self._folder / reference.place
        commit = self._ask(place, reference)
        facts = {} if commit == reference.name else {"named": reference.name}
        return Pinned(Reference("git", commit, place=reference.place), f"git:{commit}", facts)

    def _ask(self, place: Path, reference: Reference) -> str:
        wanted = f"{reference.name}^{{commit}}"
        command = ["git", "-C", str(place), "rev-parse", "--verify", "--end-of-options", wanted]
        try:
            told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise MissingExtra(
                "git is not installed", where=str(reference), fix="install git, or name the file instead"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"git did not answer within {SECONDS} seconds", where=str(place), fix="try again") from error
        if told.returncode == 0:
            return told.stdout.strip().splitlines()[-1]
        words = told.stderr.strip().splitlines()
        if "not a git repository" in told.stderr or "cannot change to" in told.stderr:
            raise InvalidInput(
                f"'{reference}' is in no repository", where=str(place), why=words[-1], fix="name its folder: git:COMMIT@FOLDER"
            )
        if "dubious ownership" in told.stderr:
            raise InvalidInput(
                f"git does not trust the repository of '{reference}'",
                where=str(place),
                why=words[0],
                fix=f"git config --global --add safe.directory {place}",
            )
        raise NotFound(
            f"there is no commit '{reference.name}'",
            where=str(place),
            why=words[-1] if words else "",
            fix="git fetch --unshallow, or name a commit that git log lists",
        )
