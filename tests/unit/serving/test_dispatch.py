"""When requests are worked on: nobody gets somebody else's rows, whatever is batched, cancelled, late or broken."""

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.serving.house import ROW, House, route

from baton.kernel.errors import Expired, InvalidInput, Overloaded
from baton.serving.codec import Answer
from baton.serving.dispatch import FEW, Dispatcher, Ticket, score
from baton.serving.work import Work
from baton.testing.bundles import logistic_onnx, tiny_bundle

STRICT = tiny_bundle(version=1, model=logistic_onnx([0.001] * 7, missing=False))


class Desk:
    """A dispatcher whose loop runs when told; what comes from the lane waits until then."""

    def __init__(self, house: House, wait: float = 0.02) -> None:
        self.house, self.time, self.shed_for = house, 0.0, list[str]()
        self.calls: list[Callable[[], None]] = []
        self.came = threading.Condition()
        self.batches = 0
        self.dispatcher = Dispatcher(lambda: self.time, self, self.calls.append, self.threadsafe, wait=wait)
        self.outcomes: dict[int, Answer | Exception] = {}

    def threadsafe(self, call: Callable[[], None]) -> None:
        with self.came:
            self.calls.append(call)
            self.came.notify()

    def shed(self, reason: str) -> None:
        self.shed_for.append(reason)

    def batched(self) -> None:
        self.batches += 1

    def submit(self, number: int, inputs: Any, *, deadline: float = 60.0, low: bool = False) -> Ticket:
        body = json.dumps({"inputs": inputs}).encode()

        def done(outcome: Answer | Exception) -> None:
            assert number not in self.outcomes, "answered twice"
            self.outcomes[number] = outcome

        ticket = Ticket(self.house.plane, lambda: self.house.plane.read(body), done, deadline, low=low)
        self.dispatcher.submit(ticket)
        return ticket

    def run(self) -> None:
        """Run the loop until nothing is left to do."""
        while self.calls or not self.dispatcher.idle:
            with self.came:
                assert self.calls or self.came.wait(20), "the lane did not come back"
            self.calls.pop(0)()


def slow(house: House) -> House:
    """The same models, taken for slow ones: everything goes through the lane."""
    live = house.plane.lineup.live
    assert live is not None
    object.__setattr__(live.model, "call_us", 5_000.0)
    return house


def tagged(tag: float) -> dict[str, Any]:
    return {**ROW, "distance": tag}


def score_of(tag: float) -> float:
    (answer,) = House(route("live", 1)).ask(inputs=[tagged(tag)]).predictions
    return float(answer.score)


REQUESTS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["kept", "kept", "kept", "cancelled", "late", "broken"])),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(requests=REQUESTS, cuts=st.sets(st.integers(0, 40)))
def test_no_rows_are_crossed(requests: list[tuple[int, str]], cuts: set[int]) -> None:
    """Each row carries a tag in a feature that alone decides its score; every caller must get the scores of its own tags."""
    house = slow(House(route("live", 1)))
    house.shelf.put(STRICT)
    house.reroute(route("live", 1, bundle=STRICT))
    slow(house)
    desk = Desk(house, wait=1e9)
    wanted: dict[int, list[float]] = {}
    tag = 0.0
    for number, (rows, kind) in enumerate(requests):
        tags = [tag := tag + 1 for _ in range(rows)]
        inputs = [tagged(each) for each in tags]
        if kind == "broken":
            inputs[-1]["distance"] = None
        ticket = desk.submit(number, inputs, deadline=-1.0 if kind == "late" else 60.0)
        ticket.cancelled = kind == "cancelled"
        wanted[number] = tags
        if number in cuts:
            desk.run()
    desk.run()
    for number, (rows, kind) in enumerate(requests):
        if kind == "cancelled":
            assert number not in desk.outcomes
        elif kind == "late":
            assert isinstance(desk.outcomes[number], Overloaded | Expired)
        elif kind == "broken":
            assert isinstance(desk.outcomes[number], InvalidInput)
        else:
            answer = desk.outcomes[number]
            assert isinstance(answer, Answer), answer
            scores = [row.score for row in answer.predictions]
            assert scores == [scored(each) for each in wanted[number]]
            assert len(scores) == rows
    logged = [score for batch in house.tape.batches for score in batch.scores]
    assert len(logged) == sum(rows for rows, kind in requests if kind == "kept")


def scored(tag: float, known: dict[float, float] = {}) -> float:  # noqa: B006  remembered on purpose
    if tag not in known:
        house = House()
        house.shelf.put(STRICT)
        house.reroute(route("live", 1, bundle=STRICT))
        (row,) = house.ask(inputs=tagged(tag)).predictions
        known[tag] = row.score
    return known[tag]


def test_what_queues_while_the_lane_is_busy_runs_at_once() -> None:
    house = slow(House(route("live", 1)))
    desk, runs, gate = Desk(house, wait=1e9), list[int](), threading.Event()
    live = house.plane.lineup.live
    assert live is not None
    run = live.model.run

    def watched(matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        gate.wait(20)
        runs.append(len(matrix))
        return run(matrix)

    object.__setattr__(live.model, "run", watched)
    for number in range(9):
        desk.submit(number, tagged(number))
        desk.calls.pop(0)() if desk.calls else None
    gate.set()
    desk.run()
    assert sum(runs) == 9
    assert len(runs) < 9 and max(runs) > 1
    assert desk.batches >= 1
    assert [row.score for n in range(9) for row in answer_of(desk, n).predictions] == [score_of(n) for n in range(9)]


def answer_of(desk: Desk, number: int) -> Answer:
    answer = desk.outcomes[number]
    assert isinstance(answer, Answer), answer
    return answer


def test_quick_models_answer_in_the_callers_thread() -> None:
    house = House(route("live", 1))
    live = house.plane.lineup.live
    assert live is not None
    object.__setattr__(live.model, "call_us", 1.0)
    object.__setattr__(live.model, "row_us", 1.0)
    desk = Desk(house)
    desk.submit(0, ROW)
    assert not desk.outcomes
    desk.calls.pop(0)()
    assert answer_of(desk, 0).predictions[0].variant == "live"
    assert desk.dispatcher.idle


def test_more_than_can_be_done_in_time_is_refused_at_once() -> None:
    desk = Desk(House(route("live", 1)), wait=0.0)
    for number in range(FEW + 5):
        desk.submit(number, ROW)
    refused = [number for number, outcome in desk.outcomes.items() if isinstance(outcome, Overloaded)]
    assert refused == list(range(FEW, FEW + 5))
    assert desk.shed_for == ["overload"] * 5
    desk.run()
    assert all(isinstance(desk.outcomes[number], Answer) for number in range(FEW))


def test_a_request_that_cannot_be_begun_by_its_deadline_is_not_begun() -> None:
    desk = Desk(House(route("live", 1)))
    desk.submit(0, ROW, deadline=1.0)
    desk.time = 2.0
    desk.run()
    assert isinstance(desk.outcomes[0], Expired)
    assert desk.shed_for == ["expired"]
    assert not desk.house.tape.batches
    desk.submit(1, ROW, deadline=1.5)
    assert isinstance(desk.outcomes[1], Expired)


def test_one_broken_row_costs_only_its_own_request() -> None:
    house = House()
    house.shelf.put(STRICT)
    house.reroute(route("live", 1, bundle=STRICT))
    tickets = []
    for value in (1.0, None, 3.0):
        body = json.dumps({"inputs": {**ROW, "distance": value}}).encode()
        work = house.plane.read(body)
        house.plane.prepare(work)
        tickets.append(Ticket(house.plane, partial(_same, work), lambda _: None, 60.0, work=work))
    score(tickets)
    assert [len(one_of(ticket)) for ticket in tickets] == [1, 0, 1]
    assert [type(ticket.outcomes[0]) for ticket in tickets] == [type(None), InvalidInput, type(None)]


def _same(work: Work) -> Work:
    return work


def one_of(ticket: Ticket) -> Sequence[float]:
    assert ticket.work is not None
    return ticket.work.parts[0].scores or ()


def test_what_waits_never_counts_for_less_than_nothing() -> None:
    desk = Desk(House(route("live", 1)), wait=1e9)
    for turn in range(5):
        for number in range(40):
            desk.submit(100 * turn + number, ROW)
        assert desk.dispatcher.backlog > 0
        desk.run()
    for number in range(1000, 1040):
        desk.submit(number, ROW)
    assert desk.dispatcher.backlog > 0


def test_a_cancelled_request_is_neither_scored_nor_logged() -> None:
    desk = Desk(House(route("live", 1)))
    ticket = desk.submit(0, ROW)
    ticket.cancelled = True
    desk.run()
    assert not desk.outcomes and not desk.house.tape.batches


@pytest.mark.parametrize("count", [1, 3])
def test_low_tickets_go_after_the_others(count: int) -> None:
    house = slow(House(route("live", 1)))
    desk, order = Desk(house, wait=1e9), list[int]()
    gate = threading.Event()
    live = house.plane.lineup.live
    assert live is not None
    run = live.model.run
    object.__setattr__(live.model, "run", lambda matrix: (gate.wait(20), run(matrix))[1])
    desk.submit(0, ROW)
    desk.calls.pop(0)()
    for number in range(1, count + 1):
        desk.submit(number, ROW, low=True)
    desk.submit(99, ROW)
    while desk.calls:
        desk.calls.pop(0)()
    gate.set()
    desk.run()
    order = list(desk.outcomes)
    assert order[0] == 0 and order[1] == 99
