"""Readings: a threshold once reached stays reached, harm goes before its absence, a broken split voids, looks are thinned."""

import pytest

from baton.delivery.reading import LONGEST, Arm, Decided, Question, Reading, decided, thinned, voided


def asked(evidence: float, *looks: float) -> Question:
    return Question("is it?", evidence, 20, tuple(enumerate(looks)))


@pytest.mark.parametrize(
    ("harm", "proof", "answer"),
    [
        (asked(1), asked(1), "open"),
        (asked(1), None, "open"),
        (asked(20), asked(1), "harm"),
        (asked(20), asked(99), "harm"),
        (asked(1), asked(20), "no worse"),
        (asked(1, 25, 3), asked(1), "harm"),
        (asked(19.99), asked(19.99), "open"),
    ],
)
def test_the_answer(harm: Question, proof: Question | None, answer: Decided) -> None:
    assert decided(harm, proof) == answer


def test_looks_add_up_and_the_highest_stays() -> None:
    question = None
    for at in range(1000):
        question = asked(25.0 if at == 333 else 1.0).after(question, at)
    assert question is not None
    places = [exposures for exposures, _ in question.trajectory]
    assert len(places) == LONGEST and places == sorted(places) and {0, 333, 999} <= set(places)
    assert question.peak == 25 and question.answered


def test_thinning_keeps_what_is_short_and_shortens_what_is_long() -> None:
    few = [(at, float(at)) for at in range(10)]
    assert thinned(few) == tuple(few) and thinned([]) == ()
    many = [(at, 7.0 if at == 51_234 else 1.0) for at in range(100_000)]
    kept = thinned(many)
    assert len(kept) == LONGEST and kept[0] == many[0] and kept[-1] == many[-1] and (51_234, 7.0) in kept


def test_a_broken_split_voids_what_was_compared_over_it() -> None:
    reading = Reading("errors", asked(99), None, (Arm("canary", 3, 1), Arm("control", 4, 1)), None, "harm", "…")
    split = Reading("split", asked(1), None, (), None, "open", "as assigned")
    assert voided(reading, split) == reading and reading.exposures == 7
    broken = Reading("split", asked(999), None, (), None, "void", "It is broken.")
    assert voided(reading, broken).decided == "void" and "It is broken." in voided(reading, broken).sentence
