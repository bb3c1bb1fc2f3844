"""Coverage: who answers and who comes next, gaps, load, skills."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from baton.app.views.catalogue import catalogue
from baton.kernel.errors import NotFound
from baton.project.ownership import HandoffRule
from baton.project.phase import PHASES
from baton.team.approval import Matter, requested
from baton.team.charter import Charter, team_under
from baton.team.coverage import Open, able, coverage
from baton.team.departure import Consequence, without
from baton.team.edge import EDGES
from baton.team.handoff import Result, offer
from baton.team.person import Absence, Person
from baton.team.raci import DEFAULT
from baton.team.task import opened
from baton.team.team import Team

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PIA = Person("pia", "active", 0, ("product-manager",))
DAN = Person("dan", "active", 1, ("data-engineer",), deputy="mia")
SAM = Person("sam", "active", 2, ("data-scientist",))
MIA = Person("mia", "active", 3, ("ml-engineer",), deputy="ola")
OLA = Person("ola", "active", 4, ("mlops-engineer", "sre"), deputy="mia")
TEAM = Team((PIA, DAN, SAM, MIA, OLA))
NOTHING = Open()
ESSENTIAL = catalogue().essential
PERSON = HandoffRule(accept="person")


def consequences(team: Team, *gone: str, waiting: Open = NOTHING) -> dict[tuple[str, str], Consequence]:
    return {(each.kind, each.subject.split(":")[0]): each for each in without(team, gone, AT, waiting)}


def test_every_phase_has_who_answers_who_is_next_and_who_could() -> None:
    told = coverage(TEAM, AT, Open(), ESSENTIAL)
    covers = {cover.phase: cover for cover in told.phases}
    assert tuple(covers) == PHASES and told.fallbacks == 0
    deploy = covers["deploy"]
    assert (deploy.owner, deploy.accountable, deploy.via, deploy.next, deploy.next_via) == (
        "ola",
        "ola",
        "owner",
        "mia",
        "deputy",
    )
    assert (deploy.able, deploy.deputies) == (("ola",), ("mia",)) and covers["define"].able == ("pia",)
    assert {cover.gap for cover in told.phases} == {""}


def test_an_absence_is_a_fallback_and_a_gap_with_its_reason() -> None:
    away = TEAM.having(replace(OLA, absences=(Absence(AT, AT + DAY),)))
    told = coverage(away, AT, Open(), ESSENTIAL)
    covers = {cover.phase: cover for cover in told.phases}
    assert (covers["deploy"].accountable, covers["deploy"].via, covers["deploy"].gap) == ("mia", "deputy", "ola is away")
    assert told.fallbacks == 3
    assert coverage(away, AT + DAY, Open(), ESSENTIAL).fallbacks == 0
    lost = coverage(TEAM.having(replace(OLA, unreachable_since=AT)), AT, Open(), ESSENTIAL)
    assert {cover.gap for cover in lost.phases if cover.gap} == {"ola cannot be reached"}


def test_a_role_that_nobody_wears_is_a_gap_and_nobody_at_all_is_told() -> None:
    told = coverage(replace(TEAM, people=(PIA, SAM)), AT, Open(), ESSENTIAL)
    covers = {cover.phase: cover for cover in told.phases}
    assert covers["deploy"].gap == "nobody wears its accountable role mlops-engineer"
    assert (covers["deploy"].owner, covers["deploy"].accountable, covers["deploy"].via) == ("", "pia", "define")
    gone = coverage(replace(TEAM, people=(replace(PIA, unreachable_since=AT),)), AT, Open(), ESSENTIAL)
    assert {(cover.accountable, cover.via) for cover in gone.phases} == {("", "nobody")} and gone.fallbacks == len(PHASES)


def test_load_counts_phases_and_what_waits() -> None:
    handoff = offer(TEAM, EDGES["bundle"], Result("v1"), AT, PERSON)
    task = opened("mia", "package", "mend it", "x", AT)
    told = coverage(TEAM, AT, Open((handoff,), tasks=(task,)), ESSENTIAL)
    load = {each.person: each for each in told.people}
    assert load["ola"].waiting == (handoff.id,) and load["mia"].waiting == (task.id,)
    assert load["mia"].owns == load["mia"].answers == ("features", "register", "package")
    assert load["sam"].works == ("features", "train", "evaluate") and load["pia"].waiting == ()


def test_skills_are_judged_only_when_somebody_declares_any() -> None:
    assert all(cover.lacks == () for cover in coverage(TEAM, AT, Open(), ESSENTIAL).phases)
    skilled = TEAM.having(replace(DAN, skills=("sql", "Python", "linux")))
    lacks = {cover.phase: cover.lacks for cover in coverage(skilled, AT, Open(), ESSENTIAL).phases}
    assert lacks["ingest"] == lacks["validate"] == ("ETL frameworks", "data modelling")
    assert lacks["train"] == ESSENTIAL("data-scientist") and lacks["define"] == ()


def test_away_falls_to_the_deputy_and_leaving_does_not() -> None:
    told = consequences(TEAM, "ola")["phase", "deploy"]
    assert (told.away.to, told.away.stops, told.away.words) == ("mia", False, "falls to mia (deputy)")
    assert (told.left.to, told.left.stops) == ("pia", True) and "nobody can do it" in told.left.words
    assert consequences(TEAM, "mia")["phase", "package"].away.to == "ola"
    assert not consequences(replace(TEAM, people=(*TEAM.people, Person("kim", "active", 5, ("mlops-engineer",)))), "ola")[
        "phase", "deploy"
    ].left.stops


def test_a_phase_that_one_person_bears_stops_when_they_leave_and_no_other() -> None:
    second = replace(TEAM, people=(*TEAM.people, Person("kim", "active", 5, ("mlops-engineer",), deputy="mia")))
    for team in (TEAM, second):
        for cover in coverage(team, AT, NOTHING, ESSENTIAL).phases:
            alone = cover.able == (cover.owner,)
            told = consequences(team, cover.owner)["phase", cover.phase]
            assert told.left.stops == alone, f"{cover.phase}: one bears it exactly where it stops once they have left"
            assert told.away.stops == (alone and not cover.deputies)


def test_the_last_one_leaves_and_everything_stops() -> None:
    alone = Team((PIA,))
    assert {each.left.words for each in without(alone, ("pia",), AT, Open())} == {"nobody of the team is there to answer for it"}
    assert len(without(alone, ("pia",), AT, Open())) == len(PHASES)
    assert without(TEAM, (), AT, Open()) == ()


def test_open_handoffs_tasks_and_approvals_fall_to_somebody() -> None:
    waits = offer(TEAM, EDGES["bundle"], Result("v1"), AT, PERSON)
    given = offer(TEAM, EDGES["report"], Result("m1"), AT, PERSON)
    task = opened("ola", "deploy", "roll out again", "x", AT)
    approval = requested(Matter("promote", "v1", "d", "deploy", "promote v1", authors=("sam",)), "mia", AT, 2)
    told = consequences(TEAM, "ola", waiting=Open((waits, given), (approval,), tasks=(task,)))
    assert told["hand-off", waits.id].away.to == "pia" and told["hand-off", waits.id].left.to == "pia"
    assert told["given", given.id].away.words.startswith("waits on pia")
    assert told["task", task.id].away.to == "mia" and told["task", task.id].left.to == "pia"
    assert "ola" not in told["approval", approval.id].away.words and not told["approval", approval.id].left.stops
    nobody = consequences(Team((OLA,)), "ola", waiting=Open((waits,), (approval,), tasks=(task,)))
    assert all(each.away.stops and each.left.stops for each in nobody.values())


def test_an_unknown_person_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="nobody is called 'olo'") as caught:
        without(TEAM, ("olo",), AT, Open())
    assert "'ola'" in caught.value.why


def test_who_could_do_a_phase_is_everybody_once() -> None:
    assert [person.id for person in able(TEAM, "package")] == ["mia", "ola"]
    assert [person.id for person in able(TEAM, "train")] == ["sam", "mia"]


def test_a_charter_names_the_same_people_however_its_keys_come_back() -> None:
    people = (PIA, DAN, SAM, MIA, replace(OLA, roles=("mlops-engineer", "devops-engineer")))
    turned = {phase: dict(sorted(row.items())) for phase, row in sorted(DEFAULT.items())}
    told = [
        coverage(team_under(Charter("team", "in-force", matrix, {}), people), AT, NOTHING, ESSENTIAL)
        for matrix in (DEFAULT, turned)
    ]
    assert told[0] == told[1] and tuple(cover.phase for cover in told[1].phases) == PHASES
    doers = [
        team_under(Charter("team", "in-force", matrix, {}), people).responsible("package", AT).id for matrix in (DEFAULT, turned)
    ]
    assert doers == ["mia", "mia"]
