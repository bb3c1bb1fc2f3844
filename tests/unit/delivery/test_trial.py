"""What a release on trial is asked: alpha shared out among the questions, and what each says of plain counts."""

import pytest

from baton.delivery.grouped import Groups
from baton.delivery.paired import PairedTest
from baton.delivery.routing import Watch
from baton.delivery.sequential import Counts
from baton.delivery.terms import by_name, terms_of, watch_of
from baton.delivery.trial import Seen, answers, read, rounded
from baton.project.definition import Rollout

STEPS = Rollout()
TERMS = terms_of(STEPS, 0.01)


UNITS: Counts = {0.2: (400, 1600)}
WRONG: Counts = {0.2: (80, 320)}


def seen(loss: float = 0.0, failed: int = 0, units: Counts = UNITS, wrong: Counts = WRONG, rows: int = 2000) -> Seen:
    hours = [row // 50 for row in range(rows)]
    jitter = [0.01 * (-1) ** (hour % 2) for hour in hours]
    losses = Groups.of(hours, [loss + each for each in jitter])
    return Seen(losses, PairedTest(0, failed, rows - failed), units, units, wrong, 400)


def test_alpha_is_shared_by_all_who_may_roll_back() -> None:
    assert TERMS.alpha == pytest.approx(0.05 / 4), "quality, failures, outcome, and the server's errors"
    assert watch_of(STEPS) == Watch(0.05 / 4)
    slow = Rollout.model_validate({"guard": {"slow": ["50ms", "200ms"]}})
    assert terms_of(slow, 0.01).alpha == pytest.approx(0.05 / 6)
    assert watch_of(slow) == Watch(0.05 * 3 / 6, (50_000, 200_000))
    silent = Rollout.model_validate({"steps": [{"kind": "shadow"}]})
    assert (terms_of(silent, 0.01).alpha, watch_of(silent)) == (0.025, None)
    assert watch_of(Rollout.model_validate({"guard": {"errors": False}})) is None
    assert terms_of(Rollout(strategy="champion-challenger"), 0.01).margin == 0.0


def test_one_that_is_as_good_is_proved_on_every_question_that_must_be() -> None:
    found = answers(read(TERMS, seen(), {}, canary=True))
    assert found == {"split": "open", "quality": "no worse", "failures": "no worse", "outcome": "open"}
    assert set(answers(read(TERMS, seen(), {}, canary=False))) == {"quality", "failures"}


def test_each_harm_shows_where_it_is() -> None:
    assert answers(read(TERMS, seen(loss=0.06), {}, canary=True))["quality"] == "harm"
    assert answers(read(TERMS, seen(failed=12), {}, canary=True))["failures"] == "harm"
    assert answers(read(TERMS, seen(failed=3), {}, canary=True))["failures"] != "harm"
    assert answers(read(TERMS, seen(wrong={0.2: (300, 320)}), {}, canary=True))["outcome"] == "harm"


def test_a_broken_split_voids_what_was_compared_over_it_and_nothing_else() -> None:
    found = answers(read(TERMS, seen(units={0.2: (100, 1900)}, wrong={0.2: (90, 320)}), {}, canary=True))
    assert found == {"split": "void", "quality": "no worse", "failures": "no worse", "outcome": "void"}


def test_a_ramp_in_the_middle_of_a_test_is_one_test() -> None:
    ramp = {0.01: (10, 990), 0.05: (50, 950), 0.25: (250, 750)}
    wrong = {0.01: (2, 198), 0.05: (10, 190), 0.25: (50, 150)}
    found = answers(read(TERMS, seen(units=ramp, wrong=wrong), {}, canary=True))
    assert found["split"] == found["outcome"] == "open"
    pooled = {0.25: (310, 2690)}
    assert answers(read(TERMS, seen(units=pooled), {}, canary=True))["split"] == "void", "which pooling would have called broken"


def test_what_was_once_decided_stays_decided_and_looks_add_up() -> None:
    first = read(TERMS, seen(wrong={0.2: (300, 320)}), {}, canary=True)
    later = by_name(read(TERMS, seen(units={0.2: (800, 3200)}), by_name(first), canary=True))
    assert later["outcome"].decided == "harm" and len(later["outcome"].harm.trajectory) == 2
    assert rounded(later["quality"]).harm.evidence == pytest.approx(later["quality"].harm.evidence, rel=1e-5)


def test_a_challenger_must_be_better() -> None:
    terms = terms_of(Rollout(strategy="champion-challenger"), 0.01)
    assert answers(read(terms, seen(), {}, canary=False))["quality"] == "open"
    assert answers(read(terms, seen(loss=-0.03), {}, canary=False))["quality"] == "no worse"
