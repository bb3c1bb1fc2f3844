"""Contradictions between a feature plan and the sources it speaks of. Pure; called by the check of a whole project."""

from collections.abc import Iterator, Mapping

from baton.features.view import DECIDED_AT, FeaturePlan, View, WindowView
from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean
from baton.project.columns import is_numeric
from baton.project.definition import Definition

Schemas = Mapping[str, Mapping[str, str]]
"""Source → column → kind; sources that cannot be read are left out."""


def check_features(definition: Definition, plan: FeaturePlan, schemas: Schemas) -> tuple[Mistake, ...]:
    """Sources, keys and columns that the feature file names and nobody has, and columns of a kind that cannot serve."""
    file = str(definition.features)
    found = [*_reserved(plan), *_entity(definition, plan, schemas), *_views(definition, plan, schemas)]
    return tuple(Mistake(file, _line(plan, word), what, fix) for word, what, fix in found)


def _reserved(plan: FeaturePlan) -> Iterator[tuple[str, str, str]]:
    if DECIDED_AT in {*plan.names, *plan.entity_needs()}:
        yield DECIDED_AT, f"'{DECIDED_AT}' is the decision time's own name", "rename the column or leave it out"


def _entity(definition: Definition, plan: FeaturePlan, schemas: Schemas) -> Iterator[tuple[str, str, str]]:
    for column in plan.entity_needs():
        yield from _missing(definition.entity.source, column, "entity column", schemas)


def _views(definition: Definition, plan: FeaturePlan, schemas: Schemas) -> Iterator[tuple[str, str, str]]:
    for view in plan.views:
        if view.source not in definition.sources:
            yield view.source, f"there is no source '{view.source}'", did_you_mean(view.source, definition.sources)
            continue
        for key in view.key:
            yield from _missing(view.source, key, "key", schemas)
        for column in view.columns:
            yield from _missing(view.source, column, "column", schemas)
        yield from _uncountable(view, schemas)


def _missing(source: str, column: str, what: str, schemas: Schemas) -> Iterator[tuple[str, str, str]]:
    known = schemas.get(source)
    if known is not None and column not in known:
        yield column, f"{what} '{column}' is no column of source '{source}'", did_you_mean(column, known)


def _uncountable(view: View, schemas: Schemas) -> Iterator[tuple[str, str, str]]:
    known = schemas.get(view.source, {})
    if isinstance(view, WindowView) and known.get(view.column) == "string":
        numbers = ", ".join(name for name, kind in known.items() if is_numeric(kind)) or "none"
        what = f"a window aggregates '{view.column}' of source '{view.source}', and it holds texts"
        yield view.column, what, f"aggregate a numeric column; '{view.source}' has {numbers}"


def _line(plan: FeaturePlan, word: str) -> int:
    """The first line of the feature file that has the word in quotes."""
    return next(
        (number for number, line in enumerate(plan.source.splitlines(), 1) if f'"{word}"' in line or f"'{word}'" in line), 1
    )
