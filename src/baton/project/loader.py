"""From a project's folder to its definition, or to every mistake in it at once, each with file, line and what to write.

Called by the app for every command that needs a project. Nothing of the user's is executed here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from baton.kernel.digest import digest, digest_file
from baton.kernel.errors import InvalidProject, Mistake
from baton.kernel.suggest import nearest
from baton.project.behaviour import Policy
from baton.project.checks.people import Matrix, ownership_check, policy_check
from baton.project.consistency import cross_check
from baton.project.definition import Definition
from baton.project.document import MAX_BYTES, Document, Lines, read_document
from baton.project.mistakes import in_words, known_keys
from baton.project.ownership import Ownership, TeamFile

FILE = "baton.yaml"
"""The file that makes a folder a project."""

TEAM_FILE = "team.yaml"
"""The file that is enough for hand-offs over somebody else's pipeline."""

MODEL = "model.py"
"""The optional file with a project's own estimator."""

_STUB: dict[str, object] = {
    "project": "stub",
    "problem": {"question": "?"},
    "people": [{"name": "stub", "roles": ["sre"]}],
    "sources": {"stub": {"path": "stub", "key": ["stub"]}},
    "entity": {"source": "stub", "key": "stub"},
    "label": {"source": "stub", "column": "stub"},
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid project: what it declares, its folder, the digest of its files, and the line of every value."""

    definition: Definition
    folder: Path
    digest: str
    lines: Lines


def load(
    folder: Path,
    matrix_of: Callable[[Definition], Matrix] | None = None,
    *,
    absent: Callable[[str], bool] = lambda _: False,
) -> Loaded:
    """Read and check the project in `folder`. Raises InvalidProject with every mistake found.

    `matrix_of` gives the ownership matrix in force (phase → role → letter) for a definition, defaults filled in; then each
    phase must have one accountable role that somebody wears. Without it only the declared rows are judged.
    `absent` tells of which sources the file may be missing; without it of none.
    """
    document = read_document(_bytes(folder), FILE)
    mistakes, broken = list(document.mistakes), frozenset[str]()
    try:
        definition = Definition.model_validate(_mapping(document))
    except ValidationError as error:
        mistakes += in_words(error, document.value, document.lines)
        broken = _broken(error)
        definition = Definition.model_validate(_mended(document.value, broken))
    matrix = matrix_of(definition) if matrix_of and not broken & {"raci"} else None
    mistakes += cross_check(definition, document.lines, folder, matrix, skip=broken, absent=absent)
    if mistakes:
        raise InvalidProject(tuple(mistakes))
    return Loaded(definition, folder, project_digest(definition, folder), document.lines)


@dataclass(frozen=True, slots=True)
class LoadedTeam:
    """The ownership sections of a folder: of its baton.yaml, or of a team.yaml that stands alone; and whose lines they are."""

    owned: TeamFile
    folder: Path
    lines: Lines


def load_team(folder: Path, matrix_of: Callable[[Ownership], Matrix]) -> LoadedTeam:
    """Read and check who owns what in `folder`: the ownership sections of baton.yaml when there is one, else team.yaml.

    The other sections are not judged. Raises InvalidProject with every mistake found.
    """
    file = FILE if (folder / FILE).exists() or not (folder / TEAM_FILE).exists() else TEAM_FILE
    document = read_document(_bytes(folder, file), file)
    value = _mapping(document, file)
    told = {key: content for key, content in value.items() if file == TEAM_FILE or key in TeamFile.model_fields}
    mistakes = list(document.mistakes) if file == TEAM_FILE else []
    try:
        owned = TeamFile.model_validate(told)
        mistakes += ownership_check(owned, document.lines, matrix_of(owned))
    except ValidationError as error:
        raise InvalidProject((*mistakes, *in_words(error, told, document.lines))) from None
    if mistakes:
        raise InvalidProject(tuple(mistakes))
    return LoadedTeam(owned, folder, document.lines)


def load_policy(path: Path, owned: Ownership) -> Policy:
    """Read and check a people policy for a team.

    Raises InvalidProject with every mistake found.
    """
    document = read_document(_bytes(path.parent, path.name), path.name)
    try:
        policy = Policy.model_validate(_mapping(document, path.name))
    except ValidationError as error:
        raise InvalidProject((*document.mistakes, *in_words(error, document.value, document.lines))) from None
    mistakes = (*document.mistakes, *policy_check(policy, owned, document.lines))
    if mistakes:
        raise InvalidProject(mistakes)
    return policy


def project_digest(definition: Definition, folder: Path) -> str:
    """Identity of a project by content: SHA-256 over baton.yaml, the feature file, model.py and the contracts it names."""
    contracts = (source.contract for source in definition.sources.values() if source.contract)
    names = {path.as_posix() for path in (Path(FILE), Path(MODEL), definition.features, *contracts)}
    return digest({name: digest_file(folder / name) for name in sorted(names) if (folder / name).is_file()})


def _bytes(folder: Path, file: str = FILE) -> bytes:
    path = folder / file
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        what = f"no {file} in {folder}" if missing else f"{path} cannot be read: {error}"
        fix = "begin a project with 'baton new NAME', or go to the folder of one" if missing else "make it a file you may read"
        raise InvalidProject((Mistake(file, 1, what, fix),)) from None


def _mapping(document: Document, file: str = FILE) -> dict[str, object]:
    if isinstance(document.value, dict):
        return document.value
    what = "the file is empty" if document.value is None else "the file is no mapping of keys to values"
    fix = "begin with 'project: NAME', or let 'baton new NAME' write a whole one"
    raise InvalidProject((*document.mistakes, Mistake(file, 1, what, fix)))


def _broken(error: ValidationError) -> frozenset[str]:
    """The sections whose content cannot be relied on. An unknown section counts as the one it was probably meant to be."""
    sections = {str(detail["loc"][0]) for detail in error.errors(include_url=False, include_context=False)}
    known = known_keys(())
    return frozenset(sections | {near for name in sections - set(known) if (near := nearest(name, known))})


def _mended(value: dict[str, object], broken: frozenset[str]) -> dict[str, object]:
    """The sound sections, and stand-ins for the rest, so that what does not depend on the rest can still be checked."""
    return _STUB | {name: content for name, content in value.items() if name not in broken}
