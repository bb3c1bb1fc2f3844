"""Contradictions inside a definition and with the files around it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from baton.kernel.errors import InvalidProject, Mistake
from baton.project.checks.people import Matrix
from baton.project.columns import check_columns, is_instant, is_numeric
from baton.project.loader import load
from baton.project.phase import PHASES

Write = Callable[[str], Path]
OWNERS: Matrix = {phase: {"ml-engineer": "RA", "sre": "I"} for phase in PHASES}
LAST = 20


def mistakes(folder: Path, matrix: Matrix | None = None) -> tuple[Mistake, ...]:
    with pytest.raises(InvalidProject) as caught:
        load(folder, None if matrix is None else lambda definition: {**matrix, **definition.raci})
    return caught.value.mistakes


ADDED = [
    ("raci: {train: {ml-enginer: RA, ml-engineer: R}}", "unknown role 'ml-enginer' in raci.train", "did you mean 'ml-engineer'?"),
    (
        "raci: {train: {ml-engineer: R}}",
        "nobody is accountable for 'train'",
        "give one role an A: 'raci: {train: {ml-engineer: RA}}'",
    ),
    ("raci: {train: {ml-engineer: A, data-scientist: RA}}", "'train' has 2 accountable roles: ml-engineer, data-scientist", None),
    (
        "raci: {train: {sre: RA}}",
        "'train' has no owner: sre is accountable and nobody wears that role",
        "add 'sre' to a person's roles, or give the phase away: 'raci: {train: {data-engineer: RA}}'",
    ),
    ("features: feature.py", "the feature file is not there: feature.py", None),
    ("features: /etc/features.py", "the feature file is named by an absolute path: /etc/features.py", None),
    (
        "recipe: {holdout: 0.6, validation: 0.5}",
        "holdout and validation take 110% of the labels and leave none to train on",
        "write e.g. 'holdout: 0.2'",
    ),
    ("recipe: {holdout: 0.0}", "recipe.holdout is nothing", "write a length above 0"),
    ("recipe: {validation: 0h}", "recipe.validation is nothing", "write a length above 0"),
    ("recipe: {learners: []}", "recipe.learners is empty", None),
    ("gates: {minimum: [{metric: brier}]}", "the criterion on brier has no bound", "add 'at_most: 0.2'"),
    (
        "gates: {minimum: [{metric: auc, at_most: 0.9}]}",
        "at_most never asks anything of auc: more is better",
        "write 'at_least' instead",
    ),
    ("gates: {minimum: [{metric: auc, at_least: 0.9, at_most: 0.8}]}", "no auc is at least 0.9 and at most 0.8", None),
    ("gates: {minimum: [{metric: auc, at_least: 70}]}", "auc lies between 0 and 1, the bound does not", None),
    ("gates: {slices: [origin, origin]}", "slice 'origin' is listed twice", None),
    (
        "rollout: {steps: [{kind: canary, share: 0.5}, {kind: canary, share: 0.2}]}",
        "the canary's share falls from 0.5 to 0.2",
        None,
    ),
    ("rollout: {steps: [{kind: canary, share: 0}]}", "a canary with share 0 answers nobody", None),
    ("rollout: {steps: [{kind: canary}, {kind: shadow}]}", "a shadow after a canary is a step back", None),
    ("decision: {at: scheduled_at, lead: [2h, 1h]}", "decision.lead ends before it begins", None),
    ("decision: {every: 0m, at: scheduled_at, lead: [1h, 2h]}", "decision.every is nothing", None),
    ("handoffs: {data: {within: 0d}}", "hand-off 'data' leaves no time to answer", None),
    (
        "replay: {start: 2023-02-01, live: 2023-01-01, until: 2023-03-01}",
        "replay.live (2023-01-01T00:00:00Z) is not after replay.start (2023-02-01T00:00:00Z)",
        None,
    ),
    (
        "replay: {start: 2023-01-01, live: 2023-02-01, until: 2023-03-01, people: {bem: {answers: 1h}}}",
        "replay.people names 'bem', who is not among the people",
        "did you mean 'ben'?",
    ),
    ("replay: {start: 2023-01-01, live: 2023-02-01, until: 2023-03-01, zone: Mars}", "replay.zone 'Mars' is no time zone", None),
    (
        "replay: {start: 2023-01-01, live: 2023-02-01, until: 2023-03-01, days: {flight: x}}",
        "replay.days names 'flight', which is no source",
        "did you mean 'flights'?",
    ),
]


@pytest.mark.parametrize(("line", "what", "fix"), ADDED, ids=[what for _, what, _ in ADDED])
def test_an_added_contradiction(write: Write, base: str, line: str, what: str, fix: str | None) -> None:
    found = mistakes(write(base + line + "\n"))
    assert (LAST, what) in [(mistake.line, mistake.what) for mistake in found]
    assert all(mistake.fix for mistake in found)
    assert fix is None or fix in [mistake.fix for mistake in found]


@pytest.mark.parametrize(("line", "refused"), [("monitor: {maturity: 7d}", True), ("monitor: {maturity: 6d}", False)])
def test_labels_must_be_able_to_arrive_within_the_hold_out(write: Write, base: str, line: str, refused: bool) -> None:
    own = base.replace("label: {source: flights", "label: {source: landings").replace(
        "entity:", "  landings: {path: data/flights.parquet, key: [flight_id], known_at: landed_at}\nentity:"
    )
    what = "labels have 7d to arrive (monitor.maturity), so a hold-out of the last 7d has none"
    if not refused:
        assert load(write(own + line + "\n")).definition.monitor.maturity.days == 6
        return
    (found,) = mistakes(write(own + line + "\n"))
    assert (found.line, found.what, found.fix) == (LAST + 1, what, "write a longer one: 'holdout: 14d'")
    load(write(own + "recipe: {holdout: 0.2}\n" + line + "\n"))
    load(write(base + line + "\n"))


CHANGED = [
    ("deputy: ben", "deputy: ann", 7, "ann cannot be their own deputy"),
    ("deputy: ben", "deputy: bem", 7, "the deputy of ann, 'bem', is not among the people"),
    ("name: ben", "name: ann", 8, "two people are called 'ann'"),
    *(
        ("name: ben", f"name: {name}", 8, f"nobody can be called '{name}': the record has acts under it that no person did")
        for name in ("baton", "policy", "keeper", "Keeper")
    ),
    ("data-scientist", "data-scientst", 7, "ann wears an unknown role 'data-scientst'"),
    ("data/flights.parquet", "data/flight.parquet", 11, "the file of source 'flights' is not there: data/flight.parquet"),
    (
        "data/flights.parquet",
        "../flights.parquet",
        11,
        "the file of source 'flights' lies outside the project: ../flights.parquet",
    ),
    ("data/flights.parquet", "data/../../x", 11, "the file of source 'flights' lies outside the project: data/../../x"),
    ("data/flights.parquet", "/nowhere/x.parquet", 11, "the file of source 'flights' is not there: /nowhere/x.parquet"),
    (
        "contracts/weather.yaml",
        "../weather.yaml",
        17,
        "the contract of source 'weather' lies outside the project: ../weather.yaml",
    ),
    (
        "contracts/weather.yaml",
        "contracts/wether.yaml",
        17,
        "the contract of source 'weather' is not there: contracts/wether.yaml",
    ),
    ("[flight_id]", "[flight_id, flight_id]", 12, "the key of 'flights' lists 'flight_id' twice"),
    ("entity: {source: flights", "entity: {source: flight", 18, "entity.source is 'flight', which is no source"),
    ("label: {source: flights", "label: {source: wether", 19, "label.source is 'wether', which is no source"),
    ("key: flight_id}", "key: flight}", 18, "entity.key is 'flight', but a row of 'flights' is found by flight_id"),
    ("  weather:\n", "  labels:\n", 14, "source 'labels' bears the name of a table that Baton writes"),
    ("  weather:\n", "  predictions:\n", 14, "source 'predictions' bears the name of a table that Baton writes"),
    ("  weather:\n", "  quarantine:\n", 14, "source 'quarantine' bears the name of a table that Baton writes"),
    (
        "  weather:\n",
        "  Weather-NY:\n",
        14,
        "source 'Weather-NY' cannot be stored under its name: a table's has lower-case letters, digits and '_', a letter first, at most 63",
    ),
    (", above: 15", "", 19, "label does not say when it is true"),
    ("above: 15", "above: 15, equals: 1", 19, "label has both 'above' and 'equals'"),
]


@pytest.mark.parametrize(("old", "new", "line", "what"), CHANGED, ids=[what for _, _, _, what in CHANGED])
def test_a_changed_value(write: Write, base: str, old: str, new: str, line: int, what: str) -> None:
    assert old in base
    found = mistakes(write(base.replace(old, new, 1)))
    assert (line, what) in [(mistake.line, mistake.what) for mistake in found]
    assert all(mistake.fix for mistake in found)


def test_an_absolute_source_is_meant(write: Write, base: str, tmp_path: Path) -> None:
    assert load(write(base.replace("data/flights.parquet", str(tmp_path / "data/flights.parquet")))).digest


def test_time_needs_a_known_time_also_for_the_defaults(write: Write, base: str) -> None:
    text = base.replace("    known_at: landed_at\n", "")
    found = mistakes(write(text))
    assert [(mistake.line, mistake.what.split(",")[0]) for mistake in found] == [
        (1, "recipe.holdout is a stretch of time (the default)"),
        (1, "recipe.validation is a stretch of time (the default)"),
    ]
    assert load(write(text + "recipe: {holdout: 0.2, validation: 0.1}\n")).digest
    found = mistakes(
        write(
            text
            + "recipe: {holdout: 0.2, validation: 0.1, window: 9d}\nreplay: {start: 2023-01-01, live: 2023-02-01, until: 2023-03-01}\n"
        )
    )
    assert [mistake.line for mistake in found] == [19, 20]


def test_every_phase_needs_an_owner_who_is_there(write: Write, base: str) -> None:
    assert load(write(base), lambda definition: OWNERS).digest
    found = mistakes(write(base), {**OWNERS, "deploy": {"sre": "RA"}, "monitor": {"sre": "R"}})
    assert [(mistake.line, mistake.what) for mistake in found] == [
        (6, "'deploy' has no owner: sre is accountable and nobody wears that role"),
        (6, "nobody is accountable for 'monitor'"),
    ]
    partial = {phase: row for phase, row in OWNERS.items() if phase != "incident"}
    assert [mistake.what for mistake in mistakes(write(base), partial)] == ["nobody is accountable for 'incident'"]


SCHEMAS = {
    "flights": {"flight_id": "string", "landed_at": "timestamp", "arr_delay": "int", "scheduled_at": "timestamp"},
    "weather": {"origin": "string", "temp": "float"},
}


def test_columns_that_are_there(write: Write, base: str) -> None:
    loaded = load(write(base + "decision: {at: scheduled_at, lead: [1h, 2h]}\ngates: {slices: [origin]}\n"))
    assert check_columns(loaded.definition, SCHEMAS, loaded.lines) == ()
    assert check_columns(loaded.definition, {}, loaded.lines) == ()
    found = check_columns(loaded.definition, SCHEMAS, loaded.lines, ["weather_temp", "orign"])
    assert [str(mistake) for mistake in found] == [
        "baton.yaml:21: slice 'origin' is no feature and no column of the entity\n    fix: did you mean 'orign'?"
    ]


def test_columns_that_are_missing(write: Write, base: str) -> None:
    text = base.replace("landed_at", "landed").replace("[origin]", "[orgin]").replace("column: arr_delay", "column: arr_dely")
    loaded = load(write(text + "decision: {at: schedled_at, lead: [1h, 2h]}\n"))
    assert [str(mistake) for mistake in check_columns(loaded.definition, SCHEMAS, loaded.lines)] == [
        "baton.yaml:13: source 'flights' has no column 'landed'\n    fix: did you mean 'landed_at'?",
        "baton.yaml:16: source 'weather' has no column 'orgin'\n    fix: did you mean 'origin'?",
        "baton.yaml:19: source 'flights' has no column 'arr_dely'\n    fix: did you mean 'arr_delay'?",
        "baton.yaml:20: source 'flights' has no column 'schedled_at'\n    fix: did you mean 'scheduled_at'?",
    ]


def test_columns_of_the_wrong_kind(write: Write, base: str) -> None:
    schemas = {"flights": {"flight_id": "string", "landed_at": "TIMESTAMP", "arr_delay": "string"}}
    loaded = load(write(base))
    assert [(mistake.line, mistake.what) for mistake in check_columns(loaded.definition, schemas, loaded.lines)] == [
        (13, "'landed_at' must be a timestamp with a time zone, and it is TIMESTAMP"),
        (19, "label.above compares 'arr_delay' with a number, and it is string"),
    ]
    loaded = load(write(base.replace("above: 15", "equals: late")))
    (mistake,) = check_columns(loaded.definition, SCHEMAS, loaded.lines)
    assert mistake.what == "label.equals is the text 'late', and 'arr_delay' holds numbers"


def test_a_label_source_needs_the_entity_key(write: Write, base: str) -> None:
    loaded = load(
        write(
            base.replace("label: {source: flights, column: arr_delay", "label: {source: weather, column: temp")
            + "recipe: {holdout: 0.2, validation: 0.2}\n"
        )
    )
    (mistake,) = check_columns(loaded.definition, SCHEMAS, loaded.lines)
    assert mistake.what == "source 'weather' has no column 'flight_id'"


def test_kinds_by_any_of_their_names() -> None:
    assert all(
        map(
            is_numeric,
            ("int", "float", "int16", "uint8", "double", "BIGINT", "DECIMAL(18,2)", "decimal128(9, 2)", "HUGEINT", "UTINYINT"),
        )
    )
    assert not any(map(is_numeric, ("string", "bool", "timestamp", "interval", "VARCHAR", "date32[day]")))
    assert all(map(is_instant, ("timestamp", "timestamp[us, tz=UTC]", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")))
    assert not any(map(is_instant, ("TIMESTAMP", "timestamp[us]", "date32[day]", "DATE", "int")))


def test_a_source_may_be_many_files(write: Write, base: str) -> None:
    text = base.replace("data/flights.parquet", "data/fli*.parquet")
    assert load(write(text)).definition.sources["flights"].path == Path("data/fli*.parquet")
    assert load(write(base.replace("data/flights.parquet", "data"))).definition.sources["flights"].path == Path("data")
    for pattern in ("data/x*.parquet", "da*a/flights.parquet", "none/*.parquet"):
        (found,) = mistakes(write(base.replace("data/flights.parquet", pattern)))
        assert found.what == f"the file of source 'flights' is not there: {pattern}"
    (found,) = mistakes(write(base.replace("contracts/weather.yaml", "contracts/*.yaml")))
    assert found.what == "the contract of source 'weather' is not there: contracts/*.yaml"
