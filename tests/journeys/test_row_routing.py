"""A million requests through one dispatcher, batched, cancelled, late and broken at random: not one row reaches somebody else."""

import json
import random
import threading
from collections.abc import Callable

import pytest
from unit.serving.house import House, route

from baton.kernel.errors import Expired, InvalidInput
from baton.registry.signature import InputFeature
from baton.serving.codec import Answer
from baton.serving.dispatch import Dispatcher, Ticket
from baton.testing.bundles import logistic_onnx, tiny_bundle

TAGS = 4096
ONE = (InputFeature("tag", "number"),)
STRICT = tiny_bundle(version=1, inputs=ONE, features="", model=logistic_onnx([0.001], missing=False), lineage={})
KINDS = ("kept",) * 17 + ("cancelled", "late", "broken")


class Storm:
    """Requests whose rows carry tags that alone decide their scores; every answer is checked against its own tags."""

    def __init__(self, seed: int, *, slow: bool) -> None:
        self.house = House()
        self.house.shelf.put(STRICT)
        self.house.reroute(route("live", 1, bundle=STRICT))
        live = self.house.plane.lineup.live
        assert live is not None
        self.known = live.model.score({"tag": [float(tag) for tag in range(TAGS)]})
        object.__setattr__(live.model, "call_us", 500.0 if slow else 1.0)
        self.deal, self.calls, self.came = random.Random(seed), list[Callable[[], None]](), threading.Condition()
        self.batches = self.right = self.refused = 0
        self.dispatcher = Dispatcher(lambda: 0.0, self, self.soon, self.soon, wait=1e9)

    def shed(self, reason: str) -> None:
        assert reason == "expired"

    def batched(self) -> None:
        self.batches += 1

    def soon(self, call: Callable[[], None]) -> None:
        with self.came:
            self.calls.append(call)
            self.came.notify()

    def turn(self) -> None:
        """One turn of the loop; waits for the lane when nothing else is to do."""
        with self.came:
            if not self.calls:
                if self.dispatcher.idle:
                    return
                assert self.came.wait_for(lambda: self.calls, 30), "the lane did not come back"
            call = self.calls.pop(0)
        call()

    def request(self) -> None:
        tags = [self.deal.randrange(TAGS) for _ in range(self.deal.choice((1, 1, 1, 1, 2, 5)))]
        kind = self.deal.choice(KINDS)
        rows = [{"tag": float(tag)} for tag in tags]
        sent = [*rows[:-1], {"tag": None}] if kind == "broken" else rows
        body = json.dumps({"inputs": sent[0] if len(sent) == 1 else sent}).encode()

        def done(outcome: Answer | Exception) -> None:
            if kind == "kept":
                assert isinstance(outcome, Answer), outcome
                assert [row.score for row in outcome.predictions] == [self.known[tag] for tag in tags]
                self.right += 1
            else:
                assert isinstance(outcome, InvalidInput if kind == "broken" else Expired), outcome
                self.refused += 1

        plane = self.house.plane
        ticket = Ticket(plane, lambda: plane.read(body), done, -1.0 if kind == "late" else 60.0)
        self.dispatcher.submit(ticket)
        ticket.cancelled = kind == "cancelled"

    def run(self, requests: int) -> None:
        for number in range(requests):
            self.request()
            if self.deal.random() < 0.2:
                self.turn()
            if number % 5000 == 4999:
                self.house.tape.batches.clear()
        while self.calls or not self.dispatcher.idle:
            self.turn()
        assert self.right + self.refused > 0.9 * requests


@pytest.mark.parametrize("slow", [False, True])
def test_thousands_of_requests_cross_nothing(slow: bool) -> None:
    storm = Storm(5, slow=slow)
    storm.run(4_000)
    assert (storm.batches > 10) is slow


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_a_million_requests_cross_nothing() -> None:
    quick, slow = Storm(6, slow=False), Storm(7, slow=True)
    quick.run(500_000)
    slow.run(500_000)
    print(f"\n1,000,000 requests: {quick.right + slow.right:,} answers with their own rows, {slow.batches:,} batches")  # noqa: T201
