"""The project's files and their owners as read by the edges; writes CODEOWNERS."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from baton.app.declared import load_owned, load_rules
from baton.app.workspace import replace_file
from baton.kernel.errors import Conflict, InvalidInput, Refused
from baton.kernel.suggest import did_you_mean
from baton.project.loader import FILE
from baton.project.ownership import Ownership
from baton.project.roles import ROLES
from baton.team.charter import charter_of, team_of
from baton.team.codeowners import MARK, addresses, codeowners
from baton.team.files import DECLARED, Claim, Rule, claims, clashes, counted, fits, rules
from baton.team.team import Team

MOST = 20_000
"""The most files looked at."""
SKIPPED = (".git", ".venv", "__pycache__", "node_modules")
"""Folders that are never looked into; those that begin with `.baton` neither."""


def owners(project: Path, dialect: str, prefix: str = "", target: str | None = None) -> dict[str, Any]:
    """Every file of a project with its phase and owner, counts, what clashes or is nobody's, and the CODEOWNERS text.

    `target` is the file that is about to be written: it counts as there, so that writing it twice writes the same.
    Raises InvalidProject with every mistake, InvalidInput for a handle that cannot be written.
    """
    owned = load_owned(project).owned
    order, team = _rules(project, owned), team_of(owned)
    listed = list(islice(_listed(project), MOST + 1))
    paths = {*listed[:MOST], *([_place(project, target)] if target else [])}
    found, named = claims(sorted(paths), order), addresses(owned, dialect)
    return {
        "project": owned.project,
        "files": [_file(team, claim) for claim in found],
        "counts": dict(counted(found)),
        "unowned": [claim.path for claim in found if claim.rule is None],
        "clashes": [_clash(team, rule) for rule in clashes(order, team.matrix)],
        "idle_rules": [rule.pattern for rule in order if rule.why == DECLARED and not _any(rule, found)],
        "without_address": sorted({claim.rule.owner for claim in found if claim.rule and not named.get(claim.rule.owner)}),
        "truncated": len(listed) > MOST,
        "dialect": dialect,
        "written": _place(project, target) if target else None,
        "codeowners": codeowners(found, order, named, dialect, prefix),
    }


def _rules(project: Path, owned: Ownership) -> tuple[Rule, ...]:
    definition = load_rules(project).definition if (project / FILE).exists() else None
    return rules(owned, charter_of(owned).matrix, definition)


def _any(rule: Rule, found: Sequence[Claim]) -> bool:
    return any(fits(rule.pattern, claim.path) for claim in found)


def _file(team: Team, claim: Claim) -> dict[str, Any]:
    rule = claim.rule
    return {
        "path": claim.path,
        "phase": rule.phase if rule else None,
        "owner": rule.owner if rule else None,
        "people": [person.id for person in team.wearing(rule.owner)] if rule else [],
        "rule": rule.pattern if rule else None,
        "why": rule.why if rule else "no rule fits it",
    }


def _clash(team: Team, rule: Rule) -> dict[str, str]:
    doers = [role for role, letters in team.matrix[rule.phase].items() if set("RA") & set(letters)]
    known = rule.owner in ROLES
    return {
        "path": rule.pattern,
        "phase": rule.phase,
        "owner": rule.owner,
        "reason": f"{rule.owner} is neither R nor A in {rule.phase}" if known else f"there is no role '{rule.owner}'",
        "fix": f"give it to {' or '.join(doers)}, or give {rule.owner} an R in {rule.phase}"
        if known
        else did_you_mean(rule.owner, ROLES),
    }


def _listed(project: Path) -> Iterator[str]:
    """The files that are, or would be, committed; of a folder that is in no git repository all but what is skipped."""
    names = _git(project)
    for name in names if names is not None else _walked(project):
        parts = name.split("/")
        if not any(part in SKIPPED or part.startswith(".baton") for part in parts) and _is_file(project / name):
            yield name.encode("utf-8", "replace").decode()


def _is_file(path: Path) -> bool:
    return path.is_file() or path.is_symlink()


def _git(project: Path) -> list[str] | None:
    """What git lists in the folder, ignored files left out; None without git or outside a repository."""
    command = ["git", "-C", str(project), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        told = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = dict.fromkeys(os.fsdecode(name) for name in told.stdout.split(b"\0") if name)
    return list(names) if told.returncode == 0 else None


def _walked(project: Path) -> Iterator[str]:
    ignored = _ignored(project)
    for folder, folders, names in os.walk(project):
        here = Path(folder).relative_to(project)
        folders[:] = sorted(each for each in folders if each not in SKIPPED and not each.startswith(".baton"))
        for path in ((here / name).as_posix() for name in sorted(names)):
            if not any(fits(pattern, path) for pattern in ignored):
                yield path


def _ignored(project: Path) -> list[str]:
    """The patterns of the folder's own .gitignore; exceptions to them are not read."""
    path = project / ".gitignore"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "!"))]


def write(project: Path, place: str, text: str) -> None:
    """Write a CODEOWNERS file whole or not at all, at a place inside the project that `owners` has judged.

    Raises Conflict when somebody's own file is there.
    """
    path = project / place
    if path.is_dir() or (path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK)):
        raise Conflict(
            f"{place} holds something else",
            where=str(project),
            why="it was not written by this command, and would be lost",
            fix="move its rules into 'files:' of the project's file and remove it, then run the command again",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())


def _place(project: Path, name: str) -> str:
    """Where a file is to be written, from the project on; links are followed.

    Raises InvalidInput for a name that no code host reads, Refused for a place outside the project.
    """
    root = project.resolve()
    path = (root / name).resolve()
    if path.name != "CODEOWNERS":
        raise InvalidInput(
            f"'{name}' is no CODEOWNERS file",
            why="code hosts read that name only",
            fix="--write CODEOWNERS, or .github/CODEOWNERS",
        )
    if not path.is_relative_to(root):
        raise Refused(f"'{name}' is outside the project", where=str(root), fix="name a place inside it: --write CODEOWNERS")
    return path.relative_to(root).as_posix()
