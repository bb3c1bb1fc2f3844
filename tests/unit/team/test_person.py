"""A person on the record: leaving, returning, being away, and what a new declaration keeps."""

from datetime import UTC, datetime, timedelta

import pytest

from baton.kernel.errors import Conflict, InvalidInput
from baton.project.ownership import Member, Ownership
from baton.team.charter import charter_of, people_of, team_of
from baton.team.person import Absence, Delegation, Person, absent, back, delegating, left, redeclared, returned

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KIM = Person("kim", "active", 0, ("sre",))


def test_leaving_ends_everything_and_returning_starts_clean() -> None:
    busy = delegating(absent(KIM, Absence(AT, AT + DAY)), Delegation("lee", AT, AT + DAY))
    gone = left(busy)
    assert (gone.status, gone.absences, gone.delegations, gone.gone) == ("left", (), (), "left")
    assert returned(gone) == KIM
    with pytest.raises(Conflict, match="already left"):
        left(gone)
    with pytest.raises(Conflict, match="has not left"):
        returned(KIM)


def test_coming_back_early_cuts_absences() -> None:
    away = absent(absent(KIM, Absence(AT, AT + 3 * DAY)), Absence(AT + 5 * DAY, AT + 6 * DAY))
    assert back(away, AT + DAY).absences == (Absence(AT, AT + DAY),)
    assert back(away, AT).absences == ()


def test_empty_times_and_delegations_to_oneself_are_refused() -> None:
    for until in (AT, AT - DAY):
        with pytest.raises(InvalidInput, match="is empty"):
            absent(KIM, Absence(AT, until))
        with pytest.raises(InvalidInput, match="is empty"):
            delegating(KIM, Delegation("lee", AT, until))
    with pytest.raises(InvalidInput, match="themselves"):
        delegating(KIM, Delegation("kim", AT, AT + DAY))


def test_the_latest_delegation_that_holds_wins() -> None:
    person = delegating(
        delegating(KIM, Delegation("lee", AT, AT + 9 * DAY)), Delegation("max", AT, AT + DAY, ("deploy",), "turn-1")
    )
    assert person.delegate(AT, "deploy", "turn-1") == "max"
    assert person.delegate(AT, "deploy", "turn-2") == person.delegate(AT, "train", "turn-1") == "lee"
    assert person.delegate(AT + DAY, "deploy", "turn-1") == "lee"
    assert person.delegate(AT + 9 * DAY, "deploy") == ""


def test_a_new_declaration_keeps_what_the_ledger_knows() -> None:
    known = absent(KIM, Absence(AT, AT + DAY))
    anew = Person("kim", "active", 3, ("sre", "data-engineer"), contacts=("mailto:kim@shop.example",))
    after = redeclared(known, anew)
    assert (after.roles, after.rank, after.contacts, after.absences) == (anew.roles, 3, anew.contacts, known.absences)


def test_titles_teams_and_contacts_come_together() -> None:
    owned = Ownership.model_validate(
        {
            "people": [
                {"name": "ann", "roles": ["Product Owner"], "contact": "mailto:a@x.example", "contacts": ["slack://t"]},
                {"name": "ben"},
            ],
            "teams": {"platform": {"members": ["ben", "ann"], "roles": ["site reliability engineer"]}},
            "raci": {"deploy": {"SRE": "RA"}},
        }
    )
    ann, ben = people_of(owned)
    assert (ann.roles, ann.contacts, ben.roles) == (("product-manager", "sre"), ("mailto:a@x.example", "slack://t"), ("sre",))
    assert charter_of(owned).matrix["deploy"] == {"sre": "RA"} and charter_of(owned).teams == {"platform": ("ben", "ann")}
    assert team_of(owned).owner("deploy").id == "ann"
    assert Member(name="x", roles=("chief",)).roles == ("chief",)
