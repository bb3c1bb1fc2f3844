"""Readings of evidence: what of them is worth showing."""

from unit.web.scene import NOON

from baton.delivery.reading import Arm, Question, Reading
from baton.delivery.terms import FAILURES, QUALITY
from baton.delivery.weighing import Weighing
from baton.web.evidence import readings


def read(name: str, mine: int) -> Reading:
    question = Question("Is it worse?", 2.0, 20.0)
    return Reading(name, question, None, (Arm("challenger", 90, mine), Arm("live", 90, 0)), None, "open", "Open.")


def test_a_comparison_of_scores_has_no_events_to_count() -> None:
    weighing = Weighing("release-a", "hold", 0, "canary", 0, NOON, 90, 90, (read(QUALITY, 0), read(FAILURES, 0)), "Open.")
    quality, failures = readings(weighing)
    assert not quality.sided
    assert failures.sided, "no failure is a count as well"
