"""Tenure: at every instant of recorded time exactly one person is accountable, against a slow definition in plain words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from baton.project.phase import PHASES
from baton.team.charter import Charter
from baton.team.person import Absence, Delegation, Person
from baton.team.raci import DEFAULT, role_with
from baton.team.tenure import Became, prove, totals

START = datetime(2023, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LENGTH = 24
NAMES = ("ann", "ben", "cat", "dan")
ROLES = ("product-manager", "data-engineer", "data-scientist", "ml-engineer", "mlops-engineer", "sre")
CHARTER = Charter("team", "in-force", DEFAULT, {})


def hour(number: int) -> datetime:
    return START + number * HOUR


def the_accountable(people: Sequence[Person], phase: str, at: datetime, subject: str) -> list[str]:
    """By the words of the promise: those who are reachable and before whom nobody reachable comes.

    First every owner in turn: the delegate at the end of their chain, they themselves, their deputies one after another;
    then those who do the work, then the owners of `define` with their deputies, then anybody; each in declared order.
    """
    here = {each.id: each for each in sorted(people, key=lambda each: each.rank) if each.status == "active"}
    places: dict[str, list[tuple[int, int, int]]] = {name: [] for name in here}

    def bearing(of: str, letter: str) -> list[str]:
        roles = role_with(DEFAULT, of, letter)
        return list(dict.fromkeys(name for role in roles for name, each in here.items() if role in each.roles))

    def chain_of_deputies(name: str) -> list[str]:
        found = [name]
        while here[found[-1]].deputy in here and here[found[-1]].deputy not in found:
            found.append(here[found[-1]].deputy)
        return found[1:]

    def end_of_delegations(name: str) -> str:
        seen = [name]
        while True:
            holding = [
                each
                for each in here[seen[-1]].delegations
                if each.since <= at < each.until and (not each.phases or phase in each.phases) and each.subject in ("", subject)
            ]
            if not holding or holding[-1].to not in here or holding[-1].to in seen:
                return seen[-1]
            seen.append(holding[-1].to)

    for number, owner in enumerate(bearing(phase, "A")):
        places[end_of_delegations(owner)].append((0, number, 0 if end_of_delegations(owner) != owner else 1))
        places[owner].append((0, number, 1))
        for step, deputy in enumerate(chain_of_deputies(owner)):
            places[deputy].append((0, number, 2 + step))
    for number, doer in enumerate(bearing(phase, "R")):
        places[doer].append((1, number, 0))
    for number, owner in enumerate(bearing("define", "A")):
        for step, name in enumerate((owner, *chain_of_deputies(owner))):
            places[name].append((2, number, step))
    for number, name in enumerate(here):
        places[name].append((3, number, 0))
    reachable = [
        name
        for name, each in here.items()
        if each.unreachable_since is None and not any(gap.since <= at < gap.until for gap in each.absences)
    ]
    return [name for name in reachable if all(min(places[name]) <= min(places[other]) for other in reachable)]


SPANS = st.tuples(st.integers(0, LENGTH + 2), st.integers(1, 12)).map(lambda each: (hour(each[0]), hour(each[0] + each[1])))
ABSENCES = st.lists(SPANS.map(lambda span: Absence(*span)), max_size=2).map(tuple)
DELEGATIONS = st.lists(
    st.builds(
        lambda to, span, phases, subject: Delegation(to, span[0], span[1], phases, subject),
        st.sampled_from(NAMES),
        SPANS,
        st.lists(st.sampled_from(PHASES), max_size=2).map(tuple),
        st.sampled_from(["", "", "turn-1"]),
    ),
    max_size=2,
).map(tuple)
STATES = st.builds(
    lambda name, roles, deputy, absences, delegations, out, gone: Person(
        name,
        "left" if gone else "active",
        NAMES.index(name),
        tuple(roles),
        deputy=deputy,
        absences=() if gone else absences,
        delegations=() if gone else delegations,
        unreachable_since=START if out else None,
    ),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True),
    st.sampled_from(("", *NAMES)),
    ABSENCES,
    DELEGATIONS,
    st.sampled_from([False, False, False, True]),
    st.sampled_from([False, False, False, True]),
)
HISTORIES = st.lists(st.tuples(st.integers(0, LENGTH), STATES), min_size=1, max_size=10).map(
    lambda each: tuple(Became(hour(at), state) for at, state in sorted(each, key=lambda one: one[0]))
)


def known_at(history: Sequence[Became], at: datetime) -> list[Person]:
    latest = {each.record.id: each.record for each in history if each.at <= at and isinstance(each.record, Person)}
    return list(latest.values())


def moments() -> Iterator[datetime]:
    """Both sides of every hour, where alone anything can change."""
    for number in range(LENGTH + 4):
        yield from (hour(number), hour(number) + HOUR / 2)


@settings(deadline=None, max_examples=150)
@given(HISTORIES, st.sampled_from(["", "turn-1"]))
def test_exactly_one_is_accountable_and_it_is_the_one_the_promise_names(history: tuple[Became, ...], subject: str) -> None:
    told = (Became(START, CHARTER), *history)
    proof = prove(told, hour(LENGTH + 4))
    assert proof.torn == ()
    named = {each.subject for each in proof.tenures}
    begins = history[0].at
    for at in (moment for moment in moments() if moment >= begins):
        people = known_at(history, at)
        for phase in PHASES:
            of = subject if subject in named else ""
            found = [
                each for each in proof.tenures if each.phase == phase and each.subject == of and each.since <= at < each.until
            ]
            assert len(found) == 1
            assert [found[0].person] == (the_accountable(people, phase, at, subject) or [""])


@settings(deadline=None, max_examples=60)
@given(HISTORIES)
def test_while_one_person_stays_nothing_is_orphaned(history: tuple[Became, ...]) -> None:
    steady = Person("eve", "active", 9, ("sre",))
    proof = prove((Became(START, CHARTER), Became(START, steady), *history), hour(LENGTH + 4))
    assert proof.orphaned == timedelta() and proof.torn == ()
    assert (
        sum(totals(proof).values(), timedelta())
        == len({(each.phase, each.subject) for each in proof.tenures}) * (LENGTH + 4) * HOUR
    )


def test_time_without_anybody_is_told_and_fallbacks_are_counted() -> None:
    ann = Person("ann", "active", 0, ("mlops-engineer",), deputy="ben", absences=(Absence(hour(2), hour(4)),))
    ben = Person("ben", "active", 1, ("ml-engineer",), absences=(Absence(hour(3), hour(4)),))
    proof = prove([Became(START, CHARTER), Became(START, ann), Became(START, ben)], hour(6))
    deploy = [(each.person, each.via, each.since, each.until) for each in proof.tenures if each.phase == "deploy"]
    assert deploy == [
        ("ann", "owner", hour(0), hour(2)),
        ("ben", "deputy", hour(2), hour(3)),
        ("", "nobody", hour(3), hour(4)),
        ("ann", "owner", hour(4), hour(6)),
    ]
    assert proof.orphaned == len(PHASES) * HOUR
    assert ("deploy", "deputy") in {(each.phase, each.via) for each in proof.fallbacks}


def test_facts_of_one_instant_count_together_and_a_clock_that_went_back_does_not() -> None:
    ann, ben = Person("ann", "active", 0, ("ml-engineer",)), Person("ben", "active", 1, ("ml-engineer",))
    away = replace(ann, absences=(Absence(START, hour(9)),))
    together = prove([Became(START, CHARTER), Became(START, away), Became(START, ben), Became(hour(1), ann)], hour(2))
    assert together.orphaned == timedelta()
    back = prove([Became(hour(5), CHARTER), Became(hour(5), ben), Became(hour(1), ann)], hour(6))
    assert back.since == hour(5) and {each.person for each in back.tenures if each.phase == "package"} == {"ann"}


def test_before_anybody_is_on_record_there_is_nothing_to_tell() -> None:
    assert prove([], hour(3)).tenures == ()
    assert prove([Became(START, CHARTER)], hour(3)).since is None
