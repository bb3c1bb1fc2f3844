"""The data plane without transport: who answers, what is logged, what is kept when things fail."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unit.serving.house import ENTITIES, MODELS, NOW, ROW, House, route

from baton.backends.keys import Sealer
from baton.delivery.routing import Routing, write_routing
from baton.delivery.split import in_canary
from baton.features.online import entity_view
from baton.features.view import plan_from_source
from baton.kernel.clock import micros
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import BatonError, Conflict, Corrupt, InvalidInput, NotFound, Unavailable
from baton.kernel.ids import derived_id
from baton.testing.bundles import FEATURES, INPUTS, logistic_onnx, tiny_bundle


def test_entities_are_answered_and_logged_as_seen() -> None:
    house = House(route("live", 1))
    answer = house.ask(entities=["f2", "f0"])
    assert (answer.watermark, answer.serial, answer.decided_at) == (micros(NOW), 1, "2023-06-01T12:00:00Z")
    first = answer.predictions[0]
    assert (first.entity, first.model_version, first.release, first.variant) == ("f2", 1, "rel-1", "live")
    assert first.prediction_id == derived_id("pr", "flights", "f2", "2023-06-01T12:00:00Z", "live")
    assert first.label == (first.score >= 0.5)
    (batch,) = house.tape.batches
    assert batch.features == {
        "carrier": ["ZZ", "AA"],
        "distance": [102.0, 100.0],
        "weather_wind": [7.5, 7.5],
        "origin_delay_count_1h": [3, 3],
        "origin_delay_mean_1h": [2.5, 2.5],
        "origin_delay_age_1h": [5.0, 5.0],
        "lead_hours": [2.0, 0.0],
    }
    assert (batch.entities, batch.scores, batch.prediction_ids) == (
        ["f2", "f0"],
        [item.score for item in answer.predictions],
        [item.prediction_id for item in answer.predictions],
    )
    assert ("unknown", "carrier", 1) in house.tally.seen


def test_both_ways_of_asking_agree() -> None:
    house = House(route("live", 1))
    looked_up = house.ask(entities=ENTITIES).predictions
    features = house.tape.batches[0].features
    given = [dict(zip(features, values, strict=True)) for values in zip(*features.values(), strict=True)]
    sent = house.ask(inputs=given, ids=ENTITIES).predictions
    assert [item.score for item in sent] == [item.score for item in looked_up]
    assert sent[0].prediction_id != looked_up[0].prediction_id, "each answer has an instant of its own"


def test_without_ids_a_row_is_called_by_its_values() -> None:
    house = House(route("live", 1))
    one, same, other = house.ask(inputs=[ROW, ROW, {**ROW, "distance": 2}]).predictions
    assert [one.entity, same.entity, other.entity] == [f"{one.entity[:15]}-{place}" for place in (1, 2, 3)]
    assert one.score == same.score and len({one.prediction_id, same.prediction_id, other.prediction_id}) == 3


def test_unknown_entities_are_listed() -> None:
    house = House(route("live", 1))
    with pytest.raises(NotFound) as caught:
        house.ask(entities=["f1", *(f"x{n}" for n in range(12))])
    assert caught.value.what == f"12 unknown: {', '.join(f'x{n}' for n in range(10))}, …"
    assert house.tape.batches == []
    answer = house.ask(entities=["x1", "f1", "x2"], missing="skip")
    assert ([item.entity for item in answer.predictions], answer.missing) == (["f1"], ["x1", "x2"])
    assert house.ask(entities=["x1"], missing="skip").predictions == []


def test_another_watermark_is_a_conflict() -> None:
    house = House(route("live", 1), replay=True)
    with pytest.raises(Conflict, match="watermark"):
        house.ask(entities=["f1"], watermark=5)
    assert (
        house.ask(entities=["f1"], watermark=micros(NOW), decided_at="2023-06-01T12:00:01Z").decided_at == "2023-06-01T12:00:01Z"
    )


def test_the_canary_answers_for_its_share_only() -> None:
    house = House(route("live", 1), route("canary", 2, share=0.4))
    answers = house.ask(entities=ENTITIES).predictions
    wanted = ["canary" if in_canary("saltrel-2", key, 0.4) else "live" for key in ENTITIES]
    assert [item.variant for item in answers] == wanted
    assert {item.variant for item in answers} == {"live", "canary"}
    assert [item.entity for item in answers] == ENTITIES
    alone = {version: House(route("live", version)).ask(entities=ENTITIES).predictions for version in (1, 2)}
    assert [item.score for item in answers] == [alone[item.model_version][row].score for row, item in enumerate(answers)]
    assert sorted([*house.tape.of("live")[0].entities, *house.tape.of("canary")[0].entities]) == sorted(ENTITIES)


@pytest.mark.parametrize(("share", "variants"), [(0.0, {"live"}), (1.0, {"canary"})])
def test_the_ends_of_the_share(share: float, variants: set[str]) -> None:
    house = House(route("live", 1), route("canary", 2, share))
    assert {item.variant for item in house.ask(entities=ENTITIES).predictions} == variants


def test_silent_variants_score_all_rows_and_never_answer() -> None:
    house = House(route("live", 1), route("canary", 2, 0.5), route("challenger", 3), route("shadow", 0))
    answers = house.ask(entities=ENTITIES).predictions
    assert {item.variant for item in answers} == {"live", "canary"}
    for variant, version in (("challenger", 3), ("shadow", 0)):
        (batch,) = house.tape.of(variant)
        assert (batch.model_version, batch.entities) == (version, ENTITIES)
        assert batch.prediction_ids[0] == derived_id("pr", "flights", "f0", "2023-06-01T12:00:00Z", variant)


FAILING = FEATURES.replace("    return", "    raise KeyError('gone')\n    return")
BROKEN = tiny_bundle(version=9, features=FAILING)
PICKY = tiny_bundle(version=9, model=logistic_onnx([0.1] * 7, missing=False))
OTHER = tiny_bundle(
    version=9,
    inputs=(replace(INPUTS[1], name="other"),),
    features='from baton.features import entity\nentity(columns=["other"])',
)


@pytest.mark.parametrize("bundle", [BROKEN, PICKY, OTHER])
@pytest.mark.parametrize("variant", ["challenger", "canary"])
def test_whoever_is_on_trial_never_breaks_the_answer(bundle: bytes, variant: str) -> None:
    house = House(route("live", 1))
    house.shelf.put(bundle)
    house.route(route("live", 1), route(variant, 9, bundle=bundle), serial=2)
    assert house.plane.reload().changed
    answers = house.ask(entities=ENTITIES).predictions
    assert {item.variant for item in answers} == {"live"}
    assert [item.score for item in answers] == [item.score for item in House(route("live", 1)).ask(entities=ENTITIES).predictions]
    assert ("failed", variant, 9) in house.tally.seen
    assert (("fell_back",) in house.tally.seen) == (variant == "canary")
    assert [batch.variant for batch in house.tape.batches] == ["live"]


def test_a_failing_live_model_is_an_error_and_leaves_no_record() -> None:
    house = House(route("live", 1))
    house.shelf.put(BROKEN)
    house.route(route("live", 9, bundle=BROKEN), serial=2)
    house.plane.reload()
    with pytest.raises(BatonError, match="request function"):
        house.ask(entities=["f1"])
    assert house.tape.batches == []


def test_an_answer_that_cannot_be_logged_is_not_given() -> None:
    house = House(route("live", 1))
    house.tape.full = True
    with pytest.raises(Unavailable):
        house.ask(entities=["f1"])


def test_without_a_live_model_there_is_no_answer() -> None:
    house = House(route("challenger", 1))
    with pytest.raises(Unavailable, match="no model is live"):
        house.ask(entities=["f1"])


def test_stored_rows_of_another_shape_are_not_misread() -> None:
    house = House(route("live", 1))
    house.store.write([(entity_view("flights"), "f1", 1, ("AA", 1.0))], watermark=9)
    with pytest.raises(Unavailable, match="do not fit version 1"):
        house.ask(entities=["f1"])


def test_a_model_without_features_takes_inputs_only() -> None:
    bare = tiny_bundle(version=9, features="", inputs=(INPUTS[1],))
    house = House(route("live", 1))
    house.shelf.put(bare)
    house.route(route("live", 9, bundle=bare), serial=2)
    house.plane.reload()
    assert len(house.ask(inputs={"distance": 5}).predictions) == 1
    with pytest.raises(InvalidInput, match="by entity"):
        house.ask(entities=["f1"])


def test_one_plan_is_assembled_once_for_all_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(route("live", 1), route("challenger", 2), route("shadow", 3))
    reads: list[str] = []
    reader = house.plane._fit.reader
    read = reader.read

    def counted(view: str, keys: Sequence[str]) -> Any:
        reads.append(view)
        return read(view, keys)

    monkeypatch.setattr(reader, "read", counted)
    house.ask(entities=ENTITIES)
    assert reads == [entity_view("flights"), *(view.name for view in plan_from_source(FEATURES).views)]


def test_the_snapshot_is_let_go_of() -> None:
    house = House(route("live", 1))
    house.ask(entities=["f1"])
    with pytest.raises(Conflict):
        house.plane._fit.reader.read("entity.flights", ["f1"])


def test_a_reload_swaps_and_keeps_loaded_models() -> None:
    house = House(route("live", 1))
    before = house.plane.lineup.live
    house.route(route("live", 1), route("canary", 2, 0.5), serial=2)
    outcome = house.plane.reload()
    assert (outcome.changed, outcome.serial, outcome.error) == (True, 2, None)
    assert before is not None and house.plane.lineup.live is not None
    assert house.plane.lineup.live.model is before.model
    assert not house.plane.reload().changed


def corrupt(house: House) -> None:
    house.shelf.stored[digest_bytes(MODELS[2])] = MODELS[2][:-50]
    house.route(route("live", 2), serial=2)


def absent(house: House) -> None:
    house.route(route("live", 9, bundle=b"nowhere"), serial=2)


def forged(house: House) -> None:
    house.file = write_routing(Routing("flights", 2, "salt", (route("live", 2),)), Sealer(Ed25519PrivateKey.generate()).seal)


def torn(house: House) -> None:
    house.file = house.file[:40]


def older(house: House) -> None:
    house.route(route("live", 2), serial=0)


def mislabelled(house: House) -> None:
    house.route(replace(route("live", 2), version=3), serial=2)


def foreign(house: House) -> None:
    house.route(route("live", 2), serial=2, project="other")


def doubled(house: House) -> None:
    house.route(route("live", 1), route("live", 2), serial=2)


def crowded(house: House) -> None:
    house.route(route("live", 1), route("canary", 2, 0.6), route("other", 3, 0.1), serial=2)


def headless(house: House) -> None:
    house.route(route("canary", 2, 0.6), serial=2)


@pytest.mark.parametrize("harm", [corrupt, absent, forged, torn, older, mislabelled, foreign, doubled, crowded, headless])
def test_a_routing_that_cannot_be_loaded_whole_changes_nothing(harm: Any) -> None:
    house = House(route("live", 1))
    before = house.ask(entities=ENTITIES).predictions
    harm(house)
    outcome = house.plane.reload()
    assert isinstance(outcome.error, BatonError)
    assert house.plane.problem is outcome.error
    assert ("kept",) in house.tally.seen
    after = house.ask(entities=ENTITIES).predictions
    assert [(row.score, row.release) for row in after] == [(row.score, row.release) for row in before]
    house.route(route("live", 3), serial=3)
    assert house.plane.reload().changed
    assert house.plane.problem is None


def test_a_first_routing_that_cannot_be_loaded_is_explained() -> None:
    house = House(route("live", 9, bundle=b"nowhere"))
    assert isinstance(house.outcome.error, NotFound)
    with pytest.raises(Unavailable) as caught:
        house.ask(entities=["f1"])
    assert "no such artifact" in caught.value.why
    assert not isinstance(caught.value, Corrupt)
