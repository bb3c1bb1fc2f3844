"""Check a whole project: its files against each other, its columns against its sources, its features against both."""

from pathlib import Path
from typing import Any

from baton.app.bootstrap import contract_of, load_project, open_sources, read_plan
from baton.features.view import DECIDED_AT, FeaturePlan, LatestView
from baton.kernel.errors import BrokenSource, InvalidProject, Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.columns import check_columns
from baton.project.definition import Definition
from baton.project.loader import Loaded
from baton.team.raci import team_of


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
    mistakes += _contracts(folder, definition)
    if mistakes:
        raise InvalidProject(tuple(dict.fromkeys(mistakes)))
    team = team_of(definition)
    return {
        "project": definition.project,
        "question": definition.problem.question,
        "sources": {name: len(columns) for name, columns in schemas.items()},
        "features": list(plan.names) if plan else [],
        "owners": {phase: team.accountable(phase).name for phase in team.matrix},
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


def _contracts(folder: Path, definition: Definition) -> tuple[Mistake, ...]:
    mistakes: tuple[Mistake, ...] = ()
    reader = open_sources(folder)
    for name, source in definition.sources.items():
        try:
            contract_of(name, source, folder, reader)
        except InvalidProject as error:
            mistakes += error.mistakes
        except (BrokenSource, OSError):
            continue
    return mistakes


def check_features(definition: Definition, plan: FeaturePlan, schemas: dict[str, dict[str, str]]) -> tuple[Mistake, ...]:
    """Sources, keys and columns that the feature file names and nobody has; watched features that nobody declares."""
    file, mistakes = str(definition.features), list[Mistake]()

    def miss(source: str, column: str, what: str) -> None:
        known = schemas.get(source)
        if known is not None and column not in known:
            mistakes.append(
                Mistake(
                    file, _line(plan, column), f"{what} '{column}' is no column of source '{source}'", did_you_mean(column, known)
                )
            )

    for name in {DECIDED_AT} & {*plan.names, *plan.entity_needs()}:
        mistakes.append(
            Mistake(file, _line(plan, name), f"'{name}' is the decision time's own name", "rename the column or leave it out")
        )
    for column in plan.entity_needs():
        miss(definition.entity.source, column, "entity column")
    for view in plan.views:
        if view.source not in definition.sources:
            mistakes.append(
                Mistake(
                    file,
                    _line(plan, view.source),
                    f"there is no source '{view.source}'",
                    did_you_mean(view.source, definition.sources),
                )
            )
            continue
        for key in view.key:
            miss(view.source, key, "key")
        for column in view.columns if isinstance(view, LatestView) else (view.column,):
            miss(view.source, column, "column")
    return tuple(mistakes)


def _line(plan: FeaturePlan, word: str) -> int:
    """The first line of the feature file that has the word in quotes."""
    return next(
        (number for number, line in enumerate(plan.source.splitlines(), 1) if f'"{word}"' in line or f"'{word}'" in line), 1
    )
