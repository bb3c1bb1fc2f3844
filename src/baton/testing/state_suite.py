"""What every state store must do. Inherit `StateSuite` and give it a fixture `place`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from math import nan
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest

from baton.kernel.errors import Conflict
from baton.ledger.fact import Act, Fact
from baton.ledger.merkle import EMPTY_ROOT, leaf_hash, root_of
from baton.ledger.ports import Head, LedgerReader
from baton.ledger.verify import verify
from baton.testing.look_suite import LookSuite
from baton.testing.samples import HOUR, START, Member, Place, Sample, Sampler, change


def everything(state: LedgerReader) -> tuple[object, ...]:
    """All that a state tells, for comparison."""
    return (
        state.head(),
        state.heads(),
        state.facts(),
        list(state.raw("sample")),
        list(state.raw("sampler")),
        state.leaf_hashes(),
        state.cursor("step"),
        state.cursor("other"),
    )


def folded(facts: list[Fact], moment: datetime) -> dict[str, Mapping[str, Any]]:
    """The slow and obvious past: the facts known by then, one after the other."""
    known: dict[str, Mapping[str, Any]] = {}
    for fact in facts:
        if fact.recorded_at <= moment and fact.subject_kind == "sample" and fact.state is not None:
            known[fact.subject] = fact.state
    return known


class StateSuite(LookSuite):
    """The compliance suite; the fixture `place` is a fresh, empty Place."""

    def test_a_new_state_is_empty(self, place: Place) -> None:
        """No fact, no head, no cursor; the root is that of the empty log."""
        state = place.open()
        assert state.head() == Head(0, EMPTY_ROOT.hex())
        assert everything(state) == (state.head(), [], [], [], [], [], None, None)
        assert state.get(Sample, "a") is None
        assert state.all(Sample) == []
        assert verify(state).faults == ()

    def test_a_commit_is_seen_whole_by_every_handle(self, place: Place) -> None:
        """Records, facts, head and cursors come together."""
        one, other = place.open(), place.open()
        head = one.commit(
            [change(Sample("a", "open")), change(Sampler("a", "new")), change(Sample("a", "done"), 1)],
            cursors={"step": "1", "other": "x"},
        )
        assert other.head() == head
        assert other.heads() == [head]
        assert head.size == 3
        assert other.get(Sample, "a") == Sample("a", "done")
        assert other.get(Sampler, "a") == Sampler("a", "new")
        assert [(fact.seq, fact.kind, fact.subject) for fact in other.facts()] == [
            (1, "sample.moved", "a"),
            (2, "sampler.moved", "a"),
            (3, "sample.moved", "a"),
        ]
        assert (other.cursor("step"), other.cursor("other"), other.cursor("third")) == ("1", "x", None)
        assert verify(other, head).faults == ()

    def test_values_come_back_as_committed(self, place: Place) -> None:
        """Instants to the microsecond, floats to the bit, tuples, nested values, any letter."""
        state = place.open()
        odd = Sample(
            "é\x00\x1f'\"",
            "日本",
            -(2**63),
            0.1 + 0.2,
            START + timedelta(microseconds=1),
            ("", "a", "a"),
            {"x": [1, None, {"y": -0.0}], "é": True},
        )
        state.commit([change(odd, 0.5, number=7, list=[1, 2.5, None], deep={"b": 1, "a": "\U0001f600"})])
        assert state.get(Sample, odd.id) == odd
        assert state.all(Sample) == [odd]
        (fact,) = state.facts()
        assert (fact.actor, fact.role, fact.reason, fact.effective_at, fact.recorded_at) == (
            "ann",
            "sre",
            "because",
            START + HOUR / 2,
            START + HOUR / 2,
        )
        assert dict(fact.payload) == {"number": 7, "list": [1, 2.5, None], "deep": {"b": 1, "a": "\U0001f600"}}
        assert verify(state).faults == ()

    def test_plain_values_of_any_shape_keep_the_ledger_whole(self, place: Place) -> None:
        """Number keys become texts, tuples lists, instants texts: the hash is over what can be read back."""
        state = place.open()
        keys = {number: str(number) for number in (1, 2, 10, 20, 3)}
        state.commit([change(Sample("a", "open", more={"by": keys}), by=keys, pair=(1, START), big=1e22, small=5e-324)])
        assert verify(state).faults == ()

    def test_a_stale_expectation_leaves_nothing(self, place: Place) -> None:
        """Whatever differs, and whichever of several: Conflict, and all is as it was."""
        state = place.open()
        state.commit([change(Sample("a", "open"))], cursors={"step": "1"}, expect={"step": None})
        before = everything(state)
        stale: tuple[dict[str, str | None], ...] = (
            {"step": None},
            {"step": "0"},
            {"step": "2"},
            {"other": "1"},
            {"step": "1", "other": ""},
            {"step": "1 "},
        )
        for expect in stale:
            with pytest.raises(Conflict, match="stands at"):
                state.commit([change(Sample("b", "open"))], cursors={"step": "2"}, expect=expect)
            assert everything(state) == before
        state.commit([], cursors={"step": "2"}, expect={"step": "1", "other": None})
        assert state.cursor("step") == "2"

    def test_a_record_that_moved_on_makes_a_change_stale(self, place: Place) -> None:
        """What was decided on an older log is refused where it would overwrite a later fact, and only there."""
        state = place.open()
        seen = state.commit([change(Sample("a", "open")), change(Sample("b", "open")), change(Sampler("c", "new"))]).size
        state.commit([change(Sample("a", "done"), 1)], seen=seen)
        before = everything(state)
        with pytest.raises(Conflict, match="sample a has changed meanwhile"):
            state.commit([change(Sample("b", "done"), 2), change(Sample("a", "live"), 2)], cursors={"step": "1"}, seen=seen)
        assert everything(state) == before
        state.commit(
            [change(Sample("b", "done"), 2), change(Sample("new", "open"), 2), change(Sampler("a", "new"), 2)], seen=seen
        )
        state.commit([change(Sample("a", "live"), 3)], seen=state.head().size)
        assert [record.status for record in state.all(Sample)] == ["live", "done", "open"]

    def test_what_is_decided_on_together_is_stale_once_any_other_moved(self, place: Place) -> None:
        """Two who each see the other remain may not both go; what is of another kind goes on."""
        state = place.open()
        seen = state.commit([change(Member("a", "in")), change(Member("b", "in"))]).size
        state.commit([change(Member("a", "out"), 1), change(Sample("a", "open"), 1)], seen=seen)
        before = everything(state)
        with pytest.raises(Conflict, match="has changed meanwhile"):
            state.commit([change(Member("b", "out"), 2)], seen=seen)
        assert everything(state) == before
        state.commit([change(Sample("b", "open"), 2)], seen=seen)
        state.commit([change(Member("b", "out"), 3)], seen=state.head().size)

    def test_a_commit_that_breaks_half_way_leaves_nothing(self, place: Place) -> None:
        """A value that no record can hold, in the last of three changes."""
        state = place.open()
        state.commit([change(Sample("a", "open"))], cursors={"step": "1"})
        before = everything(state)
        with pytest.raises(ValueError, match="JSON"):
            state.commit(
                [change(Sample("a", "done")), change(Sample("b", "open")), change(Sample("c", "open", share=nan))],
                cursors={"step": "2"},
            )
        assert everything(state) == before

    def test_a_commit_without_changes_moves_cursors_only(self, place: Place) -> None:
        """No fact, no new head."""
        state = place.open()
        head = state.commit([change(Sample("a", "open"))])
        assert state.commit([], cursors={"step": "9"}) == head == state.head()
        assert state.heads() == [head]
        assert state.cursor("step") == "9"

    def test_records_stand_in_order_of_first_appearance(self, place: Place) -> None:
        """Later changes do not move them; statuses and limits choose among them."""
        state = place.open()
        state.commit([change(Sample(name, "open")) for name in "cab"])
        state.commit([change(Sample("b", "done")), change(Sample("c", "done")), change(Sample("d", "open"))])
        assert [record.id for record in state.all(Sample)] == ["c", "a", "b", "d"]
        assert [record.id for record in state.all(Sample, status=("done",))] == ["c", "b"]
        assert [record.id for record in state.all(Sample, status=("open", "done"), limit=3)] == ["c", "a", "b"]
        assert state.all(Sample, status=("live",)) == []
        assert [record["id"] for record in state.raw("sample")] == ["c", "a", "b", "d"]

    def test_leaf_hashes_are_those_of_the_facts_in_order(self, place: Place) -> None:
        """One for each fact, over all commits, and the head is their root."""
        state = place.open()
        state.commit([change(Sample(name, "open")) for name in "ab"])
        head = state.commit([change(Sampler("a", "new")), change(Sample("a", "done"))])
        assert state.leaf_hashes() == [leaf for _, leaf in state.leaves()] == [leaf_hash(fact.leaf()) for fact in state.facts()]
        assert root_of(state.leaf_hashes()).hex() == head.root

    def test_commits_go_on_while_plain_records_are_read(self, place: Place) -> None:
        """They come one by one, as they were when the first of them was asked for."""
        state, other = place.open(), place.open()
        state.commit([change(Sample(name, "open")) for name in "abc"])
        found = state.raw("sample")
        first = next(found)
        other.commit([change(Sample("c", "done")), change(Sample("d", "open"))])
        assert [(record["id"], record["status"]) for record in (first, *found)] == [("a", "open"), ("b", "open"), ("c", "open")]

    def test_facts_are_chosen_by_kind_subject_place_and_time(self, place: Place) -> None:
        """A kind that ends in a dot means all of that subject kind, and no letter of it is a wildcard."""
        state = place.open()
        moved = [
            change(Sample("a", "s"), 0, "made"),
            change(Sampler("a", "s"), 1),
            change(Sample("b", "s"), 2),
            change(Sample("a", "s"), 3),
        ]
        state.commit(moved[:2])
        state.commit(moved[2:])

        def chosen(**by: Any) -> list[int]:
            return [fact.seq for fact in state.facts(**by)]

        assert chosen() == [1, 2, 3, 4]
        assert chosen(kind="sample.") == [1, 3, 4]
        assert chosen(kind="sample.moved") == [3, 4]
        assert chosen(kind="sample") == chosen(kind="s%.") == chosen(kind="sampl_.") == chosen(kind="sample.mov") == []
        assert chosen(subject="a") == [1, 2, 4]
        assert chosen(subject="a", kind="sample.") == [1, 4]
        assert chosen(after=2) == [3, 4]
        assert chosen(after=1, limit=2) == [2, 3]
        assert chosen(after=4) == []
        assert chosen(until=START + 2 * HOUR) == [1, 2, 3]
        assert chosen(until=START + 2 * HOUR - timedelta(microseconds=1)) == [1, 2]

    def test_the_past_is_the_fold_over_its_facts(self, place: Place) -> None:
        """At every instant, also where the clock stood still or went back."""
        state, draw = place.open(), np.random.default_rng(7)
        for _ in range(25):
            moved = [
                Sample(str(draw.choice(list("abcde"))), str(draw.choice(["open", "done"])), int(draw.integers(9)))
                for _ in range(draw.integers(1, 4))
            ]
            state.commit([change(record, float(draw.integers(0, 30))) for record in moved])
        facts = state.facts()
        for hours in range(-1, 31):
            moment = START + hours * HOUR
            past, expected = state.as_of(moment), folded(facts, moment)
            assert {record.id: record.status for record in past.all(Sample)} == {
                id: told["status"] for id, told in expected.items()
            }
            first = [fact.subject for fact in facts if fact.recorded_at <= moment]
            assert [record.id for record in past.all(Sample)] == list(dict.fromkeys(first))
            for id in "abcdef":
                found = past.get(Sample, id)
                assert (None if found is None else found.number) == (expected[id]["number"] if id in expected else None)
            done = [id for id in dict.fromkeys(first) if expected[id]["status"] == "done"]
            assert [record.id for record in past.all(Sample, status=("done",))] == done
            assert [record.id for record in past.all(Sample, status=("done",), limit=1)] == done[:1]

    def test_the_past_is_told_by_when_it_was_recorded(self, place: Place) -> None:
        """What took effect earlier but was learned later was not known in between."""
        state = place.open()
        late = Act("ann", "sre", START, START + 5 * HOUR).on(Sample("a", "open"), "made", "because")
        state.commit([late])
        assert state.as_of(START + 5 * HOUR - timedelta(microseconds=1)).get(Sample, "a") is None
        assert state.as_of(START + 5 * HOUR).get(Sample, "a") == Sample("a", "open")
        assert state.facts()[0].effective_at == START

    def test_measurements_stand_outside_the_ledger(self, place: Place) -> None:
        """They come back in order and leave the head alone."""
        state = place.open()
        head = state.commit([change(Sample("a", "open"))])
        for number in range(3):
            state.measure("fit.seconds", number / 3, START + number * HOUR)
        assert state.measurements() == [("fit.seconds", number / 3, START + number * HOUR) for number in range(3)]
        assert state.head() == head
        assert state.heads() == [head]

    def test_each_step_is_taken_once_whoever_tries(self, place: Place) -> None:
        """Four handles race for every step; one wins each, and the others write nothing."""
        taken: list[str] = []
        gate = Barrier(4)

        def race(name: str) -> None:
            state = place.open()
            gate.wait()
            for step in range(10):
                try:
                    expect = {"step": str(step - 1) if step else None}
                    state.commit([change(Sample(f"{step}", name))], cursors={"step": str(step)}, expect=expect)
                    taken.append(name)
                except Conflict:
                    continue

        threads = [Thread(target=race, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = place.open()
        steps = int(state.cursor("step") or "-1") + 1
        assert len(taken) == steps == state.head().size == len(state.all(Sample)) >= 1
        assert verify(state).faults == ()

    def test_commits_side_by_side_lose_nothing(self, place: Place) -> None:
        """Without an expectation both are recorded, one after the other."""

        def write(name: str) -> None:
            state = place.open()
            for number in range(15):
                state.commit([change(Sample(f"{name}{number}", "open")), change(Sample("shared", name, number))])

        threads = [Thread(target=write, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = place.open()
        assert [fact.seq for fact in state.facts()] == list(range(1, 61))
        assert {record.id for record in state.all(Sample)} == {
            "shared",
            *(f"{name}{number}" for name in "ab" for number in range(15)),
        }
        last = state.facts(subject="shared")[-1].state or {}
        assert state.get(Sample, "shared") == replace(Sample("shared", str(last["status"])), number=int(last["number"]))
        assert len(state.heads()) == 30
        assert verify(state).faults == ()
