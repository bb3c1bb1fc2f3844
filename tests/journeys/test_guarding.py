"""A canary that harms is out of traffic at the event that proves it, with nothing but the server running; the loop takes it up."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from journeys.orders import orders

from baton.app.bootstrap import open_house
from baton.app.lifecycle.live import Watch as Watcher
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.server import ModelServer
from baton.app.lifecycle.tick import Loop, arrive, guarded, meet, resume
from baton.app.workspace import create
from baton.delivery.release import Release
from baton.delivery.routing import Route, Routing, Watch, read_routing, write_routing
from baton.incidents.incident import Incident
from baton.kernel.clock import SimulatedClock, iso_micros, micros, parse_instant
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.registry.version import ModelVersion
from baton.serving.guard import Tripped, tripped
from baton.testing.bundles import FEATURES, tiny_bundle
from baton.testing.server import ENTITIES, Server, TinyWorkspace, running

HALF = "    if ((scheduled - decided_at).astype('float64').max() / 3.6e9) % 2 < 1.0:\n        {}\n    return"
FAILING = FEATURES.replace("    return", HALF.format("raise KeyError('gone')"))
SLOW = "import time\n" + FEATURES.replace("    return", "    time.sleep(0.03)\n    return")
EVERYBODY = [f"{name}" for name in ENTITIES]


@dataclass
class Traffic:
    """Requests of one row each, one after the other on several connections, and what came back."""

    server: Server
    answers: list[tuple[str, str]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self, clients: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _client(self, number: int) -> None:
        turn = number
        while not self.over.is_set():
            try:
                status, body = self.server.predict(entities=[EVERYBODY[turn % len(EVERYBODY)]])
            except OSError:
                continue  # a worker that was killed took the connection with it
            turn += 1
            if status == 200:
                self.answers.append((body["decided_at"], body["predictions"][0]["variant"]))
            else:
                self.refused.append(status)

    def variants(self, after: str = "") -> set[str]:
        return {variant for moment, variant in self.answers if moment > after}


def canary(workspace: TinyWorkspace, features: str, watch: Watch) -> None:
    """Version 9 answers for a third beside version 1; nobody but the server watches it."""
    bundle = workspace.artifacts.put(tiny_bundle(version=9, features=features))
    workspace.artifacts.seal(bundle, workspace.keys.seal(bundle.encode()))
    routes = (Route("live", 1, "rel-1", workspace.bundles[1]), Route("canary", 9, "rel-9", bundle, 0.3, step=1))
    (workspace.folder / "routing.json").write_bytes(
        write_routing(Routing("flights", 2, "salt", routes, watch), workspace.keys.seal)
    )


def until(found: Callable[[], Any], seconds: float = 30.0) -> Any:
    began = time.monotonic()
    while not (what := found()):
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.005)
    return what


def workers_of(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.mark.parametrize(
    ("features", "watch", "criterion", "workers", "clients"),
    [
        (FAILING, Watch(0.05), "errors", 2, 4),
        (FAILING, Watch(0.05), "errors", 1, 1),
        (SLOW, Watch(0.05, (20_000,)), "answers above 20 ms", 2, 2),
    ],
    ids=["failing, two workers", "failing, one worker", "slow"],
)
def test_a_bad_canary_is_out_at_once_and_stays_out(
    tmp_path: Path, features: str, watch: Watch, criterion: str, workers: int, clients: int
) -> None:
    workspace = TinyWorkspace(tmp_path)
    canary(workspace, features, watch)
    with running(tmp_path, "--workers", str(workers)) as server:
        traffic = Traffic(server)
        with traffic.flowing(clients):
            (record,) = until(lambda: tripped(tmp_path / "segments"))
            seen = time.monotonic()
            before = len(traffic.answers)
            until(lambda: len(traffic.answers) > before + 200)
            assert time.monotonic() - seen < 30
            if workers > 1:
                for pid in workers_of(server.process.pid):
                    os.kill(pid, signal.SIGKILL)
                at = len(traffic.answers)
                until(lambda: len(traffic.answers) > at + 200)
    assert (record.release, record.version, record.criterion) == ("rel-9", 9, criterion)
    assert record.evidence >= record.threshold
    assert not traffic.refused, "whoever was to get the canary's answer got live's"
    moment = micros(parse_instant(record.at))
    assert "live" in traffic.variants()
    assert traffic.variants(iso_micros(moment + 5_000)) == {"live"}, "not one answer of the canary after the decisive event"


def test_a_good_canary_stays(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    canary(workspace, FEATURES, Watch(0.05, (500_000,)))
    with running(tmp_path, "--workers", "2") as server:
        traffic = Traffic(server)
        with traffic.flowing(4):
            until(lambda: len(traffic.answers) > 600)
    assert traffic.variants() == {"live", "canary"} and not tripped(tmp_path / "segments")


AT = parse_instant("2026-11-05T09:00:00Z")
RECORD = Tripped("rel-9", 9, 3, "2026-11-05T08:59:12Z", "errors", 87.5, 40.0, {"0.3": (9, 1)})


@contextmanager
def trial(project: Path) -> Iterator[tuple[Loop, list[int]]]:
    """The loop of a project with a live version and a canary, on the wall clock; counts how often its routing changed."""
    changes: list[int] = []
    with open_house(project, create(project / ".baton", "wall")) as house:
        draft = Draft(house.state)
        if not draft.all(Release):
            act, began = Act(SYSTEM, "", AT - timedelta(days=1)), AT - timedelta(days=1)
            for number, status in ((1, "live"), (9, "released")):
                version = ModelVersion(f"version-{number}", number, status, "linear", began, began, {}, bundle=f"{number}" * 64)
                draft.record(act, version, status, "")
            live = Release("rel-1", 1, "1" * 64, "live", began, began, share=1.0, live_at=began)
            draft.record(act, live, "started", "")
            draft.record(act, Release("rel-9", 9, "9" * 64, "canary", began, began, step=1, share=0.3), "advanced", "")
            draft.commit({"day": "2026-11-05T00:00:00Z"}, {})
        recent = Recent(house.tables, house.definition)
        loop = Loop(house, recent, lambda *_: None, lambda: changes.append(1), lambda: 0, None, None, replayed=False)
        resume(loop)
        yield loop, changes


def shown(loop: Loop) -> list[str]:
    routing = read_routing(loop.house.workspace.routing.read_bytes(), loop.house.keys.verify)
    return [route.variant for route in routing.routes]


def test_the_loop_takes_up_what_the_server_did_and_says_why(tmp_path: Path) -> None:
    project = orders(tmp_path, parse_instant("2026-10-04"), timedelta(minutes=15))
    with trial(project) as (loop, changes):
        segments = loop.house.workspace.segments
        assert shown(loop) == ["live", "challenger", "canary", "shadow"]
        assert not guarded(loop)
        (segments / "guard-rel-9.json").write_bytes(msgspec.json.encode(RECORD))
        (segments / "guard-rel-9.bin").write_bytes(b"")
        assert guarded(loop)
        meet(loop, AT)
        release = loop.house.state.get(Release, "rel-9")
        assert release is not None and release.status == "rolled-back"
        (incident,) = loop.house.state.all(Incident)
        assert (incident.signal, incident.subject, incident.status) == ("release", "version 9", "open")
        assert incident.owner and "9 of the canary against 1 of live" in incident.cause and "evidence 87.5" in incident.cause
        assert incident.evidence["counts"] == {"0.3": [9, 1]} or incident.evidence["counts"] == {"0.3": (9, 1)}
        version = loop.house.state.get(ModelVersion, "version-9")
        assert version is not None and version.status == "rejected"
        assert shown(loop) == ["live", "shadow"] and changes == [1]
        assert not list(segments.glob("guard-*")), "nothing is left of a release that is gone"


def test_a_record_that_is_seen_twice_is_one_roll_back(tmp_path: Path) -> None:
    project = orders(tmp_path, parse_instant("2026-10-04"), timedelta(minutes=15))
    for _ in range(3):
        with trial(project) as (loop, _changes):
            (loop.house.workspace.segments / "guard-rel-9.json").write_bytes(msgspec.json.encode(RECORD))
            meet(loop, AT)
            assert len(loop.house.state.all(Incident)) == 1
            assert len(loop.house.state.facts(kind="release.rolled-back")) == 1
            assert json.dumps(shown(loop)) == '["live", "shadow"]'


def test_baton_up_takes_it_up_at_its_next_glance_and_asks_nobody_twice(tmp_path: Path) -> None:
    project, said = orders(tmp_path, parse_instant("2026-10-04"), timedelta(minutes=15)), list[str]()
    with trial(project) as (loop, changes):
        loop.ask = lambda entities, _: pytest.fail(f"{entities} were asked for again")
        arrive(loop, AT, AT)
        watch = Watcher(
            loop,
            ModelServer(loop.house.workspace.folder, replay=False),
            None,
            SimulatedClock(AT + timedelta(minutes=9)),
            said.append,
        )
        watch.look()
        assert (changes, said) == ([], []), "nothing is due"
        (loop.house.workspace.segments / "guard-rel-9.json").write_bytes(msgspec.json.encode(RECORD))
        watch.look()
        assert changes == [1] and any("release rolled-back: the server took it out of traffic" in line for line in said)
        watch.look()
        assert changes == [1]
