"""What looks at a state store must answer, compared with the slow and obvious answer; part of `StateSuite`."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np

from baton.ledger.fact import Act
from baton.ledger.ports import StateReader
from baton.testing.samples import HOUR, START, Place, Sample, Sampler, change


def text_of(record: Sample, field: str) -> str | None:
    """The slow and obvious text that a field equals; None when it equals none."""
    value: object = record.more.get(field.removeprefix("more.")) if field.startswith("more.") else getattr(record, field, None)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None


def chosen(
    known: Sequence[Sample], status: Sequence[str], where: Mapping[str, str] | None, before: str = "", limit: int = 1000
) -> list[Sample]:
    """The slow and obvious `latest`: of those known, in order of first appearance, the newest that fit."""
    ids = [record.id for record in known]
    if before:
        known = known[: ids.index(before)] if before in ids else []
    fit = [record for record in known if not status or record.status in status]
    return [record for record in reversed(fit) if all(text_of(record, name) == text for name, text in (where or {}).items())][
        :limit
    ]


def counted(known: Sequence[Sample], field: str) -> dict[str, int]:
    """The slow and obvious `counts`."""
    values = [text_of(record, field) or "" for record in known]
    return {value: values.count(value) for value in sorted(set(values))}


def agree(look: StateReader, known: Sequence[Sample]) -> None:
    """What a look answers is what the known records say, in order of first appearance, one after the other."""
    assert look.all(Sample) == list(known)
    for status, where in (
        ((), None),
        (("open",), None),
        (("open", "done"), {"number": "3"}),
        ((), {"number": "3", "more.of": "p1"}),
        ((), {"more.sure": "true"}),
        ((), {"more.of": "1"}),
        ((), {"share": "0.5"}),
        (("done",), {"nothing": ""}),
    ):
        for before, limit in (("", 1000), ("", 2), *((record.id, 3) for record in known[-4:]), ("nobody", 3)):
            assert look.latest(Sample, before=before, status=status, where=where, limit=limit) == chosen(
                known, status, where, before, limit
            )
        fit = chosen(known, status, where)
        for name in ("status", "number", "share", "more.of", "more.sure", "nothing"):
            assert look.counts(Sample, name, status=status, where=where) == counted(fit, name)


class LookSuite:
    """Lists, counts and pages; the fixture `place` is a fresh, empty Place."""

    def test_pages_are_the_whole_in_order_of_first_appearance(self, place: Place) -> None:
        """Whatever the size of a page; what changed meanwhile keeps its place."""
        state = place.open()
        made = [Sample(f"s{number * 7 % 10}", "open" if number % 3 else "done") for number in range(10)]
        state.commit([change(each) for each in made])
        state.commit([change(made[0], 1), change(Sampler("s3", "open"))])
        for status, wanted in (((), made), (("open",), [each for each in made if each.status == "open"])):
            for limit in (1, 3, 10, 11):
                found: list[Sample] = []
                while page := state.page(Sample, after=found[-1].id if found else "", status=status, limit=limit):
                    assert len(page) <= limit
                    found += page
                assert found == wanted
        assert state.page(Sample, where={"id": "s3"}) == [Sample("s3", made[9].status)]
        assert state.page(Sample, after="nobody") == []

    def test_the_earliest_are_picked_by_the_store(self, place: Place) -> None:
        """By an instant in a field, among those in a status and with equal fields, now and as of an instant."""
        state = place.open()
        made = [
            Sample(
                f"s{number}", ("open", "done")[number % 2], at=START + ((7 * number) % 10) * HOUR, more={"of": f"p{number % 3}"}
            )
            for number in range(10)
        ]
        state.commit([change(sample, number) for number, sample in enumerate(made)])

        def expected(known: list[Sample], of: str | None, limit: int) -> list[Sample]:
            found = [sample for sample in known if sample.status == "open" and of in (None, sample.more["of"])]
            return sorted(found, key=lambda sample: sample.at or START)[:limit]

        for of, limit in ((None, 200), (None, 2), ("p0", 200), ("p1", 1), ("nobody", 5)):
            where = None if of is None else {"more.of": of}
            assert state.earliest(Sample, "at", status=("open",), where=where, limit=limit) == expected(made, of, limit)
            past = state.as_of(START + 5 * HOUR).earliest(Sample, "at", status=("open",), where=where, limit=limit)
            assert past == expected(made[:6], of, limit)

    def test_the_latest_are_picked_by_the_store(self, place: Place) -> None:
        """Newest first, page after page, whatever changed meanwhile."""
        state = place.open()
        assert (state.latest(Sample), state.counts(Sample), state.recent(), state.span()) == ([], {}, [], None)
        made = [Sample(f"s{number * 7 % 10}", "open" if number % 3 else "done", number) for number in range(10)]
        state.commit([change(each, number) for number, each in enumerate(made)])
        state.commit([change(made[0], 10), change(Sampler("s3", "open"), 10)])
        for look in (state, state.as_of(START + 10 * HOUR)):
            for limit in (1, 3, 10, 11):
                found: list[Sample] = []
                while page := look.latest(Sample, before=found[-1].id if found else "", limit=limit):
                    assert len(page) <= limit
                    found += page
                assert found == made[::-1]
            assert look.latest(Sample, before="nobody") == look.latest(Sample, before=made[0].id) == []
            assert look.counts(Sample) == {"done": 4, "open": 6}
            assert look.counts(Sampler) == {"open": 1}
        past = state.as_of(START + 4 * HOUR)
        assert past.latest(Sample, limit=2) == [made[4], made[3]]
        assert past.latest(Sample, before=made[7].id) == [], "what was unknown then has nothing before it"
        assert past.counts(Sample) == {"done": 2, "open": 3}

    def test_a_field_equals_a_text_as_people_write_it(self, place: Place) -> None:
        """Whole numbers by their digits, truths by their names; fractions, lists, mappings and nothing at all equal no text."""
        state = place.open()
        odd = 'it\'s "quoted" \\ 日本 %_*?[x]'
        one = Sample("a", "open", 3, 3.0, None, ("3",), {"of": "3", "sure": True, "deep": {"er": -7}, "odd": odd, "empty": ""})
        two = Sample("b", "true", 0, 0.5, START, (), {"of": 1, "sure": 1, "deep": "true", "big": 2**53 + 1})
        state.commit([change(one), change(two)])
        for look in (state, state.as_of(START)):

            def found(field: str, text: str, look: StateReader = look) -> str:
                ids = [record.id for record in look.latest(Sample, where={field: text})]
                assert ids == [record.id for record in look.earliest(Sample, "at", where={field: text})][::-1]
                return "".join(ids)

            assert (found("number", "3"), found("number", "0"), found("number", "03"), found("number", "3.0")) == (
                "a",
                "b",
                "",
                "",
            )
            assert (found("share", "3"), found("share", "3.0"), found("share", "0.5"), found("tags", '["3"]')) == ("", "", "", "")
            assert (found("more.of", "3"), found("more.of", "1"), found("more.deep.er", "-7"), found("more.odd", odd)) == tuple(
                "abaa"
            )
            assert (found("more.sure", "true"), found("more.sure", "1"), found("more.deep", "true")) == ("a", "b", "b")
            assert (found("more.empty", ""), found("number", ""), found("nothing", ""), found("at", "")) == ("a", "", "", "")
            assert (found("more.big", str(2**53 + 1)), found("more.big", str(2**53)), found("more.deep", '{"er":-7}')) == (
                "b",
                "",
                "",
            )
            assert look.counts(Sample, "more.sure") == {"1": 1, "true": 1}
            assert look.counts(Sample, "number") == {"0": 1, "3": 1}
            assert look.counts(Sample, "share") == look.counts(Sample, "nothing") == {"": 2}
            assert look.counts(Sample, "more.empty") == {"": 2}

    def test_every_look_is_the_slow_and_obvious_one(self, place: Place) -> None:
        """At every instant, also where the clock stood still or went back; as of the end it is the present."""
        state, draw = place.open(), np.random.default_rng(11)
        for _ in range(12):
            moved = [
                Sample(
                    f"s{draw.integers(9)}",
                    str(draw.choice(["open", "done"])),
                    int(draw.integers(2, 5)),
                    float(draw.choice([0.5, 3.0])),
                    more={"of": [f"p{draw.integers(2)}", 1, None][draw.integers(3)], "sure": bool(draw.integers(2))},
                )
                for _ in range(draw.integers(1, 4))
            ]
            state.commit([change(record, float(draw.integers(0, 6))) for record in moved])
        facts = state.facts()
        for hours in range(-1, 7):
            known: dict[str, Sample] = {}
            for fact in facts:
                if fact.recorded_at <= START + hours * HOUR:
                    known[fact.subject] = msgspec.convert(fact.state, Sample)
            agree(state.as_of(START + hours * HOUR), list(known.values()))
        agree(state, state.all(Sample))
        told = [fact.recorded_at for fact in facts]
        assert state.span() == (min(told), max(told))

    def test_recent_facts_come_newest_first(self, place: Place) -> None:
        """By kind, subject, actor, place and time, alone and together, also where the clock went back."""
        state = place.open()
        for number in range(12):
            act = Act(("ann", "bob", "baton")[number % 3], "sre", START + (number if number != 7 else 1) * HOUR)
            record = Sampler("a", "s") if number % 4 == 3 else Sample("ab"[number % 2], "s", number)
            state.commit([act.on(record, "made" if number < 2 else "moved", "because")])
        facts = state.facts()
        ways: dict[str, tuple[Any, ...]] = {
            "kind": (None, "sample.", "sample.made", "sampler.moved", "sample", "s%."),
            "subject": (None, "a", "x"),
            "actor": (None, "bob", "nobody"),
            "before": (None, 8, 1, 100),
            "until": (None, START + 6 * HOUR, START - HOUR),
            "limit": (50, 2),
        }
        for kind, subject, actor, before, until, limit in product(*ways.values()):
            expected = [
                fact
                for fact in reversed(facts)
                if (kind is None or fact.kind == kind or (kind[-1] == "." and f"{fact.subject_kind}." == kind))
                and subject in (None, fact.subject)
                and actor in (None, fact.actor)
                and (before is None or fact.seq < before)
                and (until is None or fact.recorded_at <= until)
            ]
            asked = {"kind": kind, "subject": subject, "actor": actor, "before": before, "until": until}
            assert state.recent(**asked, limit=limit) == expected[:limit], asked
        assert len(state.recent()) == 12
        assert state.span() == (START, START + 11 * HOUR)
