"""Which features come from personal columns: by name, so that packaging can tell the server how they are logged."""

from collections.abc import Mapping

from baton.features.view import FeaturePlan, LatestView, WindowView

HASH, DROP = "hash", "drop"
_IMPERSONAL = ("count", "age")
Rules = Mapping[str, Mapping[str, str]]
"""Per source, the columns that are not logged as they are, with `hash` or `drop`."""


def log_rules(plan: FeaturePlan, entity_source: str, rules: Rules) -> dict[str, str]:
    """The rule of every feature that has one. What is made from several columns obeys the strictest."""
    own = rules.get(entity_source, {})
    found = {name: own[name] for name in plan.entity_needs() if name in own}
    for view in plan.views:
        of_source = rules.get(view.source, {})
        for name, column in zip(view.features, _columns(view), strict=True):
            if column in of_source:
                found[name] = of_source[column]
    for call in plan.requests:
        told = [found[name] for name in call.inputs if name in found]
        if told:
            found[call.name] = DROP if DROP in told else HASH
    return {name: rule for name, rule in found.items() if name in plan.names}


def _columns(view: LatestView | WindowView) -> list[str]:
    """The column behind each feature of a view; none behind counts and ages, which tell nothing of its values."""
    if isinstance(view, LatestView):
        return list(view.columns)
    return ["" if aggregate in _IMPERSONAL else view.column for _ in view.over for aggregate in view.aggregates]
