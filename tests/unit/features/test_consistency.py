"""Features speak of what the sources have, in kinds that can serve."""

from pathlib import Path

from baton.features.consistency import check_features
from baton.features.view import plan_from_source
from baton.project.definition import Definition

DEFINITION = Definition.model_validate(
    {
        "project": "sample",
        "problem": {"question": "?"},
        "people": [{"name": "ann", "roles": ["sre"]}],
        "sources": {
            "flights": {"path": "f.parquet", "key": ["id"]},
            "landings": {"path": "l.parquet", "key": ["id"]},
        },
        "entity": {"source": "flights", "key": "id"},
        "label": {"source": "flights", "column": "late", "equals": 1},
        "features": Path("features.py"),
    }
)
SCHEMAS = {
    "flights": {"id": "string", "origin": "string", "distance": "int", "late": "int"},
    "landings": {"id": "string", "origin": "string", "delay": "float", "late": "bool", "landed_at": "timestamp"},
}
HEAD = "from baton.features import *\n"


def told(text: str) -> list[str]:
    return [str(mistake) for mistake in check_features(DEFINITION, plan_from_source(HEAD + text), SCHEMAS)]


def test_what_is_there_and_fits() -> None:
    text = "window('landings', key='origin', over=['1h'], of={'delay': ['mean'], 'late': ['sum'], 'landed_at': ['count']})\n"
    assert told("entity(columns=['origin', 'distance'])\nlatest('landings', key='origin', columns=['id'])\n" + text) == []


def test_a_window_over_texts() -> None:
    assert told("window(\n    'landings', key='origin', over=['1h'],\n    of={'id': ['count']})\n") == [
        (
            "features.py:4: a window aggregates 'id' of source 'landings', and it holds texts\n"
            "    fix: aggregate a numeric column; 'landings' has delay"
        )
    ]


def test_sources_keys_and_columns_that_are_not_there() -> None:
    assert told("entity(columns=['orign'])\nlatest('landing', key='origin', columns=['delay'])\n") == [
        "features.py:2: entity column 'orign' is no column of source 'flights'\n    fix: did you mean 'origin'?",
        "features.py:3: there is no source 'landing'\n    fix: did you mean 'landings'?",
    ]
    assert told("latest('landings', key='distance', columns=['dely'])\n") == [
        "features.py:2: key 'distance' is no column of source 'landings'\n    fix: known: delay, id, landed_at, late, origin",
        "features.py:2: column 'dely' is no column of source 'landings'\n    fix: did you mean 'delay'?",
    ]


def test_the_decision_time_has_its_own_name() -> None:
    assert told("entity(columns=['decided_at'])\n")[0] == (
        "features.py:2: 'decided_at' is the decision time's own name\n    fix: rename the column or leave it out"
    )


def test_a_source_that_cannot_be_read_is_not_judged() -> None:
    plan = plan_from_source(HEAD + "window('landings', key='x', over=['1h'], of={'y': ['mean']})\n")
    assert check_features(DEFINITION, plan, {"flights": {"x": "string"}}) == ()
