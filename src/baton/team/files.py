"""Files: whose work every file of a project is, by rules of which the last one that matches wins, as in CODEOWNERS.

Patterns are those of CODEOWNERS: a slash at the beginning or inside binds a pattern to the project's folder, else it fits
at any depth; `dir/` is everything beneath, `dir/*` only what lies in it, a plain name a file or everything beneath a folder
of that name; `*` and `?` stay within a name, `**` is any number of folders, and a backslash takes a sign as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from baton.team.raci import Matrix, role_with

if TYPE_CHECKING:
    from baton.project.definition import Definition
    from baton.project.ownership import Ownership

NAMED = (
    ("README*", "define"),
    ("LICENSE*", "define"),
    (".gitignore", "define"),
    (".gitattributes", "define"),
    ("/.github/", "deploy"),
    ("/.gitlab-ci.yml", "deploy"),
    ("/Jenkinsfile", "deploy"),
    ("/Dockerfile", "package"),
    ("CODEOWNERS", "define"),
)
"""Files that many projects have, and whose work they are unless a rule says otherwise."""

DECLARED = "declared"
"""Where a rule comes from that the project wrote itself."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose work the files are that fit a pattern: the phase's owner's, or those of another role `owner`.

    `why` tells where the rule comes from: `declared` in `files:`, or what it was derived from.
    """

    pattern: str
    phase: str
    owner: str
    why: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One file and the rule that decides it; None when none fits, and nobody owns it."""

    path: str
    rule: Rule | None


def rules(owned: Ownership, matrix: Matrix, definition: Definition | None = None) -> tuple[Rule, ...]:
    """Every rule in order: well-known names, what the definition names, then what `files:` declares."""
    found = [(pattern, phase, "", "well-known name") for pattern, phase in NAMED]
    found += [(f"/{name}", "define", "", "the project's file") for name in ("baton.yaml", "team.yaml")]
    found += _derived(definition) if definition is not None else []
    found += [(_told(rule.path), rule.phase, rule.owner or "", DECLARED) for rule in owned.files]
    told = {(pattern, phase, owner or _accountable(matrix, phase)): why for pattern, phase, owner, why in found}
    return tuple(Rule(*key, why) for key, why in told.items())


def _told(path: str) -> str:
    """A path as people write it as a pattern: `./data/` is `/data/`, `.` is everything."""
    return "*" if path in (".", "./", "/") else f"/{path.removeprefix('./')}" if path.startswith("./") else path


def _accountable(matrix: Matrix, phase: str) -> str:
    return next(iter(role_with(matrix, phase, "A")), "")


def _derived(definition: Definition) -> list[tuple[str, str, str, str]]:
    """Folders before the files in them, so that a file's own rule decides it."""
    named = [(source.path.as_posix(), "ingest", f"source {name}") for name, source in definition.sources.items()]
    named += [
        (each.contract.as_posix(), "validate", f"contract of {name}")
        for name, each in definition.sources.items()
        if each.contract
    ]
    named = [each for each in named if not each[0].startswith(("/", "../"))]
    folders = {path.rsplit("/", 1)[0]: phase for path, phase, _ in reversed(named) if "/" in path}
    found = [(f"/{literal(folder)}/", phase, "", f"beside what {phase} reads") for folder, phase in sorted(folders.items())]
    found += [(f"/{literal(path)}", phase, "", why) for path, phase, why in named]
    found.append((f"/{literal(definition.features.as_posix())}", "features", "", "the feature file"))
    return [*found, ("/model.py", "train", "", "the project's own learner")]


def literal(path: str) -> str:
    """A path as a pattern that fits nothing else."""
    return re.sub(r"([\\*?\[\]#! ])", r"\\\1", path)


def claims(found: Iterable[str], order: Iterable[Rule]) -> tuple[Claim, ...]:
    """Every file with the rule that decides it; paths are relative to the project's folder, with `/`."""
    backwards = tuple(reversed(tuple(order)))
    return tuple(Claim(path, next((rule for rule in backwards if fits(rule.pattern, path)), None)) for path in found)


def clashes(order: Iterable[Rule], matrix: Matrix) -> tuple[Rule, ...]:
    """The rules whose owner is neither responsible nor accountable in the phase whose work they say it is."""
    return tuple(rule for rule in order if not set("RA") & set(matrix[rule.phase].get(rule.owner, "")))


def counted(found: Iterable[Claim]) -> Mapping[str, int]:
    """How many files each role owns; under an empty name those that nobody owns."""
    told: dict[str, int] = {}
    for claim in found:
        role = claim.rule.owner if claim.rule is not None else ""
        told[role] = told.get(role, 0) + 1
    return told


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern fits a file."""
    return _expression(pattern).fullmatch(path) is not None


def fits_itself(pattern: str, path: str) -> bool:
    """Whether a pattern fits a file by its own name, not as something beneath a folder that it names."""
    return re.fullmatch(_head(pattern) + _body(pattern.strip("/")), path, re.DOTALL) is not None


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    body = _body(pattern.strip("/"))
    if pattern.endswith("/"):
        tail = "/.*"
    elif pattern.endswith("/*"):
        tail = ""
    else:
        tail = "(?:/.*)?"
    return re.compile(_head(pattern) + body + tail, re.DOTALL)


def _head(pattern: str) -> str:
    return "" if "/" in pattern.rstrip("/") else "(?:.*/)?"


PIECES = re.compile(r"\\(.)|(?<![^/])\*\*/|(?<=/)\*\*$|\*+|\?|(.)", re.DOTALL)
"""A pattern sign by sign: one taken as it is, any number of folders, everything beneath, within a name, one sign, itself."""
_MEANING = {"**/": "(?:.*/)?", "?": "[^/]"}


def _body(pattern: str) -> str:
    return "".join(map(_piece, PIECES.finditer(pattern)))


def _piece(found: re.Match[str]) -> str:
    text = found[0]
    if text in _MEANING:
        return _MEANING[text]
    if text.startswith("*"):
        return ".*" if found.start() and found.end() == len(found.string) and text == "**" else "[^/]*"
    return re.escape(found[1] or text)
