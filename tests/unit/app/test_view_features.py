"""Features as the record tells them, what a feature file declares, and how the archive counts them."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from journeys import archived

from baton.app.archive import featurefile
from baton.app.archive.archivist import Archivist
from baton.app.archive.question import answered
from baton.app.views import features as view
from baton.app.workspace import existing
from baton.backends.state.sql import open_sqlite
from baton.features.view import plan_from_source
from baton.kernel.errors import InvalidProject, NotFound, Unavailable
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import State
from baton.monitoring.day import Day
from baton.registry.version import ModelVersion

NOON = datetime(2024, 3, 1, tzinfo=UTC)
TEXT = '''
from baton.features import entity, latest, on_request, window

entity(columns=["lab", "age"])
latest("clinics", key="lab", columns=["size"], ttl="3h")
window("visits", key="lab", over=["7d", "1d"], of={"cost": ["mean", "count"]}, clip=(0, 9))
for name in ("late",):
    window("visits", key="lab", over=["1d"], of={name: ["sum"]})


@on_request(inputs=["age", "clinics_size", "came_at", "decided_at"])
def weight(age, size, came, now):
    """How heavy it weighs."""
    return age * size
'''


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = open_sqlite(tmp_path / "state.db", create=True)
    draft = Draft(made)
    for number, importance in ((1, {"old": 1.0}), (2, {"lab": 0.4, "age": 0.6}), (3, {"lab": 1.0})):
        status = {1: "retired", 2: "retired", 3: "live"}[number]
        draft.record(
            Act(SYSTEM, "", NOON),
            ModelVersion(
                f"version-{number}", number, status, "linear", NOON, NOON, {}, importance=importance, parity=10.0**-number
            ),
            "registered",
            "made",
        )
    draft.record(
        Act(SYSTEM, "", NOON), Day("2024-03-01", "served", NOON, 1, 1, (3,), {"age": 0.1}, {"age": 0.3}), "served", "1 day"
    )
    draft.commit({}, expect={})
    return made


def test_every_feature_that_a_version_used_or_the_file_declares(state: State) -> None:
    told = {each["name"]: each for each in featurefile.described(plan_from_source(TEXT), "visits", {})["features"]}
    known = view.features(state, {"features": list(told.values())}, missing={"lab": 0.5})
    found = {each.name: each for each in known.features}
    assert (known.total, known.known, known.day) == (10, 10, NOON)
    assert (found["lab"].versions, found["lab"].used, found["lab"].missing) == ((3, 2), "2–3", 0.5)
    assert (found["age"].drift, found["age"].outside, found["old"].form) == (0.3, 0.1, "")
    assert [each.name for each in view.features(state, asked="AGE").features] == ["age"]
    assert view.features(state, source="clinics").total == 0
    assert [each.name for each in view.features(state, order="name", limit=1, after=1).features] == ["lab"]


def test_weights_places_and_proofs(state: State) -> None:
    assert [(each.version, each.importance, each.place, each.of) for each in view.weights(state, "lab")] == [
        (3, 1.0, 1, 1),
        (2, 0.4, 2, 2),
    ]
    assert [(each.version, each.equal) for each in view.parity(state)] == [(3, False), (2, False), (1, False)]
    assert view.course(state, "age")[0].drift == 0.3 and view.feature(state, "nothing") is None


def test_what_a_file_declares() -> None:
    told = featurefile.described(plan_from_source(TEXT), "visits", {"visits": {"lab": "hash"}, "clinics": {"size": "drop"}})
    found = {each["name"]: each for each in told["features"]}
    assert list(found) == [
        "lab",
        "age",
        "clinics_size",
        "lab_cost_mean_1d",
        "lab_cost_count_1d",
        "lab_cost_mean_7d",
        "lab_cost_count_7d",
        "lab_late_sum_1d",
        "weight",
    ]
    assert (found["lab"]["logged"], found["weight"]["logged"], found["age"]["logged"]) == ("hash", "drop", "keep")
    assert (found["clinics_size"]["ttl"], found["clinics_size"]["columns"]) == (10800.0, ["clinics.size"])
    assert found["lab_cost_mean_1d"]["line"] == 6 and "bounded to 0 … 9" in found["lab_cost_mean_1d"]["says"]
    assert (found["lab_late_sum_1d"]["code"], found["lab_late_sum_1d"]["line"]) == ("", None)
    assert found["weight"]["columns"] == ["visits.age", "clinics.size", "visits.came_at"] and found["weight"]["line"] == 11
    assert found["weight"]["code"].startswith("@on_request") and found["weight"]["says"] == "How heavy it weighs."


def test_a_file_runs_apart_and_its_mistakes_come_back() -> None:
    told = featurefile.declared(
        'print("x")\nfrom baton.features import entity\nentity(columns=["a"])\n', "features.py", "visits", {}
    )
    assert [each["name"] for each in told["features"]] == ["a"]
    with pytest.raises(InvalidProject) as caught:
        featurefile.declared("\nnothing_here()\n", "features.py", "visits", {})
    assert caught.value.mistakes[0].line == 2


@pytest.mark.parametrize("text", ["import os\nos._exit(3)\n", "held = bytearray(1 << 40)\nheld[0] = 1\nimport os\nos._exit(1)\n"])
def test_a_file_that_does_more_than_declare_harms_nobody(text: str) -> None:
    with pytest.raises((Unavailable, InvalidProject)):
        featurefile.declared(text, "features.py", "visits", {})


def test_a_file_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurefile, "SECONDS", 1)
    with pytest.raises(Unavailable, match="could not be read"):
        featurefile.declared("while True: pass", "features.py", "visits", {})


@pytest.fixture(scope="module")
def archivist(tmp_path_factory: pytest.TempPathFactory) -> Archivist:
    project = archived.project(tmp_path_factory.mktemp("archived"))
    return Archivist(project, existing(project / ".baton"))


@pytest.fixture
def ask(archivist: Archivist) -> Any:
    return lambda name, **plain: msgspec.json.decode(msgspec.json.encode(answered(archivist, name, plain)))


ROWS = archived.payments()
MARCH = [row for row in ROWS if row["at"] < datetime(2026, 4, 1, tzinfo=UTC)]  # type: ignore[operator]


def test_months_of_a_number_agree_with_the_rows(ask: Any) -> None:
    told = ask("months", feature="amount")
    amounts = np.array([row["amount"] for row in MARCH if row["payment"] != "p7"], dtype=np.float64)
    first = told["months"][0]
    assert (told["shape"], first["rows"]) == ("number", len(MARCH)) and first["missing"] == 1 / first["rows"]
    assert math.isclose(first["p10"], np.quantile(amounts, 0.1)) and math.isclose(first["p50"], np.quantile(amounts, 0.5))
    assert len(ask("months", feature="amount", until="2026-03-15T00:00:00Z")["months"]) == 1


def test_months_of_a_category_agree_with_the_rows(ask: Any) -> None:
    told = ask("months", feature="country")
    shares = dict(zip(told["values"], told["months"][0]["shares"], strict=True))
    count = sum(row["country"] == "de" and row["payment"] != "p9" for row in MARCH)
    assert set(shares) == set(archived.COUNTRIES) and shares["de"] == count / len(MARCH)


def test_missing_shares_and_broken_rules(ask: Any) -> None:
    told = ask("missing", end="2026-04-01T00:00:00Z")
    assert told["missing"]["amount"] == 1 / told["rows"] and told["missing"]["country"] == 1 / told["rows"]
    days = ask("broken_rules", source="payments")["days"]
    assert [(each["day"], each["rule"], each["rows"]) for each in days] == [
        ("2026-04-10T00:00:00Z", "amount minimum", 1), ("2026-03-01T00:00:00Z", "amount minimum", 1),
    ]  # fmt: skip
    assert [each["day"] for each in ask("broken_rules", source="planes")["days"]] == [None]


def test_a_feature_beside_no_training_has_bins_of_its_own(ask: Any) -> None:
    told = ask("beside_training", feature="amount", candidate="")
    assert told["reference"] == [] and sum(told["counts"]) == told["rows"] - told["missing"]
    with pytest.raises(NotFound, match="never logged"):
        ask("months", feature="amuont")
    with pytest.raises(NotFound, match="never logged"):
        ask("months", feature="score")
