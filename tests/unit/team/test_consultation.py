"""Consultations: quorum, majority, default, and who may speak."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.kernel.errors import Conflict, InvalidInput, Refused
from baton.project.ownership import ConsultRule
from baton.team.consultation import STANCES, Consultation, commented, consult, expired
from baton.team.person import Person
from baton.team.team import Team

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TEAM = Team(
    (
        Person("eve", "active", 0, ("ml-engineer",)),
        Person("kim", "active", 1, ("sre",)),
        Person("lee", "active", 2, ("sre", "ml-engineer")),
        Person("max", "active", 3, ("mlops-engineer", "product-manager")),
    )
)


def asked(quorum: int = 2, default: str = "proceed", without: tuple[str, ...] = ()) -> Consultation:
    rule = ConsultRule(quorum=quorum, within=DAY, default=default)  # type: ignore[arg-type]
    return consult(TEAM, "deploy", "handoff-1", "may it go?", rule, AT, without)


def test_everybody_consulted_is_asked_once_but_for_both_ends() -> None:
    assert asked().asked == asked().missing == ("eve", "lee", "kim")
    assert asked(without=("lee",)).asked == ("eve", "kim")
    assert asked().deadline == AT + DAY
    assert asked().id == asked(quorum=1).id


def test_with_nobody_to_ask_the_default_holds_at_once() -> None:
    made = asked(without=("eve", "kim", "lee"), default="stop")
    assert (made.status, made.outcome, made.settled_at) == ("settled", "stop", AT)


def test_a_quorum_that_nobody_could_reach_is_cut() -> None:
    assert asked(quorum=9).quorum == 3


@given(st.permutations(("eve", "kim", "lee")), st.lists(st.sampled_from(STANCES), min_size=3, max_size=3), st.integers(1, 3))
def test_the_majority_of_the_quorum_holds_and_the_default_on_a_tie(names: list[str], stances: list[str], quorum: int) -> None:
    for default in ("proceed", "stop"):
        made, heard = asked(quorum, default), list[str]()
        for name, stance in zip(names, stances, strict=True):
            if made.status == "settled":
                with pytest.raises(Conflict, match="is settled"):
                    commented(made, name, stance, "words", AT)
                continue
            made = commented(made, name, stance, "words", AT)
            heard.append(stance)
        agree, against = heard.count("agree"), heard.count("object")
        assert len(heard) == quorum and made.status == "settled"
        assert made.outcome == (default if agree == against else "proceed" if agree > against else "stop")


def test_one_voice_each_and_only_of_those_asked() -> None:
    made = commented(asked(), "eve", "agree", "", AT)
    with pytest.raises(Conflict, match="commented on"):
        commented(made, "eve", "object", "no", AT)
    with pytest.raises(Refused, match="max was not asked"):
        commented(made, "max", "agree", "", AT)
    with pytest.raises(InvalidInput, match="no stance"):
        commented(made, "kim", "maybe", "", AT)
    with pytest.raises(InvalidInput, match="needs words"):
        commented(made, "kim", "object", " ", AT)


@pytest.mark.parametrize("default", ["proceed", "stop"])
def test_after_its_time_the_declared_default_holds(default: str) -> None:
    made = commented(asked(default=default), "eve", "object", "too early", AT)
    with pytest.raises(Conflict, match="has time until"):
        expired(made, AT + DAY - timedelta(seconds=1))
    over = expired(made, AT + DAY)
    assert (over.status, over.outcome) == ("settled", default) and "1 of 2" in over.reason
