"""Versions compared beside the live one: an A/B comparison is decided, a bandit follows what was earned and promotes nothing."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from journeys.orders import orders

from baton.app.bootstrap import open_house
from baton.app.lifecycle import collecting, comparing, people
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.routing import routing_of
from baton.app.lifecycle.step import Step
from baton.app.views.release import picture, release
from baton.app.workspace import create
from baton.delivery.release import Release
from baton.delivery.split import arm_of
from baton.kernel.clock import micros, parse_instant
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.registry.version import ModelVersion
from baton.serving.prediction import PredictionBatch

START, DAY = parse_instant("2026-11-05"), timedelta(days=1)
AB = "rollout: {steps: [{kind: shadow}], ab: {variants: {bold: {version: 2, share: 0.3}, calm: {version: 3, share: 0.3}}, lasts: 5d}}\n"
BANDIT = "rollout: {steps: [{kind: shadow}], bandit: {variants: {bold: 2, calm: 3}, reward: right, floor: 0.05}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return orders(tmp_path, parse_instant("2026-10-04"), timedelta(minutes=15))


def declare(project: Path, rollout: str) -> None:
    with (project / "baton.yaml").open("a") as stream:
        stream.write(rollout)


@contextmanager
def day(project: Path, now: datetime) -> Iterator[Step]:
    """A daily step over three packaged versions, the first of them live; committed at its end."""
    with open_house(project, create(project / ".baton", "wall")) as house:
        draft = Draft(house.state)
        if not draft.all(Release):
            act = Act(SYSTEM, "", START)
            for number, status in ((1, "live"), (2, "retired"), (3, "packaged")):
                made = ModelVersion(f"version-{number}", number, status, "linear", START, START, {}, bundle=f"{number}" * 64)
                draft.record(act, made, status, "")
            draft.record(act, Release("rel-1", 1, "1" * 64, "live", START, START, share=1.0, live_at=START), "started", "")
        yield Step(house, Office(draft, people.recorded_team(draft, house.definition), house.definition, now))
        draft.commit({}, {})


def advance(project: Path, now: datetime) -> dict[str, Release]:
    with day(project, now) as step:
        comparing.advance(step, Recent(step.house.tables, step.house.definition))
        return {release.variant or "live": release for release in step.draft.all(Release)}


def serve(project: Path, now: datetime, wrong: Mapping[str, float], count: int = 3000) -> None:
    """A day of answers by whoever is drawn, so often wrong, with their labels."""
    chance = random.Random(int(now.timestamp()))
    with day(project, now) as step:
        routing = routing_of(step.house.definition, step.house.state, 1)
        arms = [route for route in routing.routes if route.variant not in ("live", "shadow", "fallback")]
        shares = [route.share for route in arms]
        batches, labels = [], []
        for number in range(count):
            key, at = f"{now:%m%d}-{number}", now - DAY + timedelta(seconds=number * 20 + 1)
            drawn = arm_of(routing.salt, key, shares)
            route = arms[drawn] if drawn is not None else routing.routes[0]
            label = chance.random() < 0.5
            said = label != (chance.random() < wrong[route.variant])
            odds = route.share if drawn is not None else 1 - sum(shares)
            batches.append(
                PredictionBatch(
                    "orders", micros(at), route.version, route.release, route.variant, [f"p{key}"], [key], [0.9 if said else 0.1],
                    {"amount": [1.0]}, 1000, 1, odds,
                )
            )  # fmt: skip
            labels.append((key, label))
        step.house.tables.append("predictions", collecting.as_table(batches, "order_id"), step=step.number)
        known = pa.array([now - timedelta(hours=1)] * count, pa.timestamp("us", "UTC"))
        keys, values = zip(*labels, strict=True)
        table = pa.table(
            {"order_id": list(keys), "label": pa.array([int(each) for each in values], pa.int8()), "known_at": known}
        )
        step.house.tables.append("labels", table, step=step.number)


def days(project: Path, wrong: Mapping[str, float], most: int = 7) -> list[dict[str, Release]]:
    """Who was there at the end of each day, until the comparison is over."""
    found = [advance(project, START + DAY)]
    for number in range(2, most + 2):
        serve(project, START + number * DAY, wrong)
        found.append(advance(project, START + number * DAY))
        if not any(each.status == "arm" for each in found[-1].values()):
            break
    return found


def test_a_better_challenger_wins_and_a_worse_one_goes(project: Path) -> None:
    declare(project, AB)
    found = days(project, {"live": 0.3, "bold": 0.15, "calm": 0.5})
    assert {name: each.status for name, each in found[0].items()} == {"live": "live", "bold": "arm", "calm": "arm"}
    last = found[-1]
    assert (last["bold"].status, last["calm"].status, last["live"].status) == ("live", "rolled-back", "retired")
    assert "No worse" in last["bold"].reason and len(found) <= 4
    shown = release(project / ".baton", last["bold"].id)
    assert [each["name"] for each in shown["readings"]] == ["split", "bold", "calm"]
    assert picture(project / ".baton", last["bold"].id, "bold").startswith("<svg")


def test_equals_stay_undecided_until_their_time_is_over(project: Path) -> None:
    declare(project, AB)
    found = days(project, {"live": 0.3, "bold": 0.3, "calm": 0.3})
    assert [each["bold"].status for each in found] == ["arm"] * 5 + ["ended"]
    assert "no challenger was proved better" in found[-1]["calm"].reason and found[-1]["live"].status == "live"
    assert advance(project, START + 20 * DAY)["bold"].status == "ended", "what is over does not begin again"


def test_units_stay_with_an_arm_when_the_other_goes(project: Path) -> None:
    declare(project, AB)
    found = days(project, {"live": 0.3, "bold": 0.3, "calm": 0.6}, most=3)
    assert (found[-1]["calm"].status, found[-1]["bold"].status) == ("rolled-back", "arm")
    with day(project, START + 9 * DAY) as step:
        routes = routing_of(step.house.definition, step.house.state, 1).routes
    assert [(each.variant, each.share) for each in routes if each.variant in ("bold", "calm")] == [("bold", 0.3), ("calm", 0.0)]


def test_a_bandit_follows_what_was_earned_and_promotes_nothing(project: Path) -> None:
    declare(project, BANDIT)
    found = days(project, {"live": 0.3, "bold": 0.2, "calm": 0.4}, most=4)
    assert found[0]["bold"].share == found[0]["calm"].share == 1 / 3
    assert found[-1]["bold"].share == 0.5, "as much as one of two arms can have"
    assert found[-1]["calm"].share == pytest.approx(0.05, abs=0.001)
    assert {name: each.status for name, each in found[-1].items()} == {"live": "live", "bold": "arm", "calm": "arm"}


def test_what_is_no_longer_declared_ends(project: Path) -> None:
    before = (project / "baton.yaml").read_text()
    declare(project, AB)
    assert advance(project, START + DAY)["bold"].status == "arm"
    (project / "baton.yaml").write_text(before)
    assert advance(project, START + 2 * DAY)["bold"].status == "ended"


def test_a_version_that_is_not_there_is_waited_for(project: Path) -> None:
    declare(project, AB.replace("version: 3", "version: 9"))
    assert set(advance(project, START + DAY)) == {"live"}
