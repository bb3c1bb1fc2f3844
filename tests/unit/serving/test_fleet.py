"""Several models in one server, and versions asked by name: who answers, and what it is counted as."""

import json
from typing import Any

import pytest
from unit.serving.house import ENTITIES, ROW, House, route

from baton.kernel.errors import NotFound, Unavailable
from baton.serving.breaker import AFTER
from baton.serving.fleet import Fleet, Target
from baton.serving.lineup import Lineup
from baton.testing.bundles import tiny_bundle


def ask(target: Target, **fields: Any) -> Any:
    def decode(lineup: Lineup) -> Any:
        assert lineup.codec is not None
        return lineup.codec.decode(json.dumps(fields).encode())

    return target.plane.answer(target.read(decode))


def other() -> House:
    """A house of another project."""
    house, bundle = House(route("live", 1)), tiny_bundle(project="churn-eu", version=5)
    house.shelf.put(bundle)
    house.route(route("live", 5, bundle=bundle), serial=2, project="churn-eu")
    assert house.plane.reload().changed
    return house


def test_a_model_is_found_by_its_project() -> None:
    one, two = House(route("live", 1)), other()
    fleet = Fleet([one.plane, two.plane])
    assert fleet.names == ("flights", "churn-eu") and fleet.default.plane is one.plane
    assert ask(fleet.find("churn-eu"), inputs=ROW).predictions[0].model_version == 5
    assert (len(one.tape.batches), len(two.tape.batches)) == (0, 1)
    with pytest.raises(NotFound) as caught:
        fleet.find("churn-us")
    assert "churn-eu" in caught.value.fix
    with pytest.raises(LookupError):
        Fleet([])


def test_a_version_by_name_answers_for_itself_and_biases_nothing() -> None:
    house = House(route("live", 1), route("canary", 2, share=0.5), route("challenger", 3), route("shadow", 0))
    fleet = Fleet([house.plane])
    alone = {version: House(route("live", version)).ask(entities=ENTITIES).predictions for version in range(4)}
    for version in range(4):
        answer = ask(fleet.find("flights", str(version)), entities=ENTITIES)
        assert {(row.model_version, row.variant, row.release) for row in answer.predictions} == {
            (version, "pinned", f"rel-{version}")
        }
        assert [row.score for row in answer.predictions] == pytest.approx([row.score for row in alone[version]], abs=1e-6)
    assert {batch.variant for batch in house.tape.batches} == {"pinned"}
    assert ask(fleet.find("flights", "2"), inputs=ROW).predictions[0].variant == "pinned"
    assert [heard for heard in house.watchman.heard if heard[0] != "watch"] == []
    assert [batch.odds for batch in house.tape.batches] == [1.0] * 5


def test_a_version_that_is_not_loaded_names_those_that_are() -> None:
    fleet = Fleet([House(route("live", 1), route("shadow", 3)).plane])
    with pytest.raises(NotFound) as caught:
        ask(fleet.find("flights", "2"), inputs=ROW)
    assert caught.value.where == "version" and "1, 3" in caught.value.fix


def test_failures_of_a_version_by_name_do_not_open_the_breaker_of_live() -> None:
    house = House(route("live", 1), route("challenger", 2))
    target = Fleet([house.plane]).find("flights", "2")
    failing = house.plane.lineup.pins[2].live
    assert failing is not None

    def fail(matrix: Any) -> Any:
        raise RuntimeError("gone")

    object.__setattr__(failing.model, "run", fail)
    object.__setattr__(failing.model, "row", None)
    for _ in range(AFTER + 1):
        with pytest.raises(Unavailable):
            ask(target, inputs=ROW)
    assert house.plane.breaker.closed and house.tape.batches == []
    assert [heard for heard in house.watchman.heard if heard[0] != "watch"] == []


def test_while_no_model_is_live_nothing_is_pinned_either() -> None:
    fleet = Fleet([House().plane])
    with pytest.raises(Unavailable, match="no model is live"):
        ask(fleet.default, inputs=ROW)
    with pytest.raises(NotFound):
        ask(Target(fleet.default.plane, 1), inputs=ROW)
