"""Check a whole project: its files against each other, its columns against its sources, its features against both."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.app.bootstrap import open_sources
from baton.app.declared import contract_of, load_project, read_plan
from baton.data.consistency import check_contract
from baton.features.consistency import check_features
from baton.features.personal import log_rules
from baton.features.view import FeaturePlan
from baton.kernel.errors import BrokenSource, InvalidProject, Mistake
from baton.project.columns import check_columns
from baton.project.definition import Source
from baton.project.loader import Loaded
from baton.team.charter import team_of

if TYPE_CHECKING:
    from baton.data.ports import SourceReader

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def check(folder: Path) -> dict[str, Any]:
    """What the project is, when nothing is wrong. Raises InvalidProject with every mistake found."""
    loaded = load_project(folder)
    definition = loaded.definition
    schemas, mistakes = _schemas(folder, loaded)
    plan: FeaturePlan | None = None
    try:
        plan = read_plan(folder, definition)
    except InvalidProject as error:
        mistakes += error.mistakes
    if not mistakes or schemas:
        mistakes += check_columns(definition, schemas, loaded.lines, plan.names if plan else ())
    if plan is not None:
        mistakes += check_features(definition, plan, schemas)
    mistakes += _contracts(folder, loaded, schemas)
    mistakes += _segments(folder, loaded, plan) if plan is not None else ()
    if mistakes:
        raise InvalidProject(tuple(dict.fromkeys(mistakes)))
    team = team_of(definition)
    return {
        "project": definition.project,
        "question": definition.problem.question,
        "sources": {name: len(columns) for name, columns in schemas.items()},
        "features": list(plan.names) if plan else [],
        "owners": {phase: team.owner(phase).name for phase in team.matrix},
        "digest": loaded.digest,
    }


def _schemas(folder: Path, loaded: Loaded) -> tuple[dict[str, dict[str, str]], list[Mistake]]:
    reader, found, mistakes = open_sources(folder), dict[str, dict[str, str]](), list[Mistake]()
    for name, source in loaded.definition.sources.items():
        try:
            found[name] = reader.schema(source)
        except BrokenSource as error:
            mistakes.append(loaded.lines.mistake(("sources", name), f"source '{name}': {error.what} ({error.why})", error.fix))
    return found, mistakes


def _contracts(folder: Path, loaded: Loaded, schemas: dict[str, dict[str, str]]) -> tuple[Mistake, ...]:
    """Contracts that cannot be read, or that promise what the source does not have."""
    mistakes: tuple[Mistake, ...] = ()
    reader = open_sources(folder)
    for name, source in loaded.definition.sources.items():
        if source.contract is None:
            continue
        try:
            contract = contract_of(name, source, folder, reader)
            if name in schemas:
                is_empty = partial(_is_empty, reader, source)
                mistakes += check_contract(name, contract, schemas[name], str(source.contract), is_empty)
        except InvalidProject as error:
            mistakes += error.mistakes
        except (BrokenSource, OSError):
            continue
    return mistakes


def _segments(folder: Path, loaded: Loaded, plan: FeaturePlan) -> Iterator[Mistake]:
    """A canary for a segment is compared with live within it, so what the segment goes by has to be logged as it is."""
    reader, definition, rules = open_sources(folder), loaded.definition, dict[str, Mapping[str, str]]()
    for name, source in definition.sources.items() if definition.rollout.where else ():
        try:
            rules[name] = contract_of(name, source, folder, reader).log_rules if source.contract is not None else {}
        except (InvalidProject, BrokenSource, OSError):
            continue
    hidden = log_rules(plan, definition.entity.source, rules)
    for name in definition.rollout.where:
        if name in hidden:
            what = f"rollout.where goes by '{name}', which is personal and not logged as it is: nothing could be compared by it"
            yield loaded.lines.mistake(("rollout", "where", name), what, "choose another feature")


def _is_empty(reader: "SourceReader", source: Source, column: str) -> bool:
    """Whether no row of a source has a value in a column."""
    rows = reader.read(source.model_copy(update={"columns": (column,)}), None, _FOREVER)
    return bool(rows[column].null_count == rows.num_rows)
