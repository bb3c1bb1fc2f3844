"""The inbox: what waits on whom, one thing with its story, and the answers of people, in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import Response

from baton.app import answers, coming
from baton.app.alone import answer
from baton.app.views import inbox as view
from baton.app.views import story as telling
from baton.kernel.clock import parse_duration, parse_instant
from baton.kernel.errors import InvalidInput
from baton.project.phase import PHASES
from baton.team.person import Delegation
from baton.web import pager
from baton.web.act import Trouble, attempted
from baton.web.page import Look, Page

BADGE = 99
"""More than so many are shown as so many and a plus."""


def inbox(look: Look) -> Response:
    """The page: what waits, or what somebody answered lately."""
    if look.choice("tab", ("", "history")):
        return look.show("inbox.html", **_history(look))
    return look.show("inbox.html", **_waiting(look))


def waiting(look: Look) -> Response:
    """The list alone, for while one looks."""
    return look.fragment("inbox/list.html", **_waiting(look))


def badge(look: Look) -> Response:
    """How many things wait on whoever looks."""
    known = bool(look.person) and look.team.person(look.person) is not None
    count = view.count(look.records, look.team, look.at, look.person) if known else 0
    return look.fragment("inbox/badge.html", inbox_count=count if count <= BADGE else f"{BADGE}+")


def one(look: Look) -> Response:
    """One thing with its story."""
    return look.show("inbox/item.html", **_told(look, look.text("id")))


def state(look: Look) -> Response:
    """What becomes of one thing while one looks."""
    return look.fragment("inbox/story.html", **_told(look, look.text("id")))


def _whose(look: Look) -> str:
    """Whose inbox is shown, empty for everybody's. Raises NotFound for a name that nobody bears."""
    asked = look.text("whose")
    if asked == "all" or (not asked and (not look.person or look.team.person(look.person) is None)):
        return ""
    return look.team.known(asked or look.person).id


def _waiting(look: Look) -> dict[str, Any]:
    whose, type = _whose(look), look.choice("type", ("", *view.TYPES))
    pile = view.pile(look.records, look.team, look.at, whose or None, type, look.number("from", 0, 0, view.AT_MOST))
    return {
        "tab": "",
        "whose": whose,
        "type": type,
        "types": view.TYPES,
        "pile": pile,
        "pager": pager.by_place(partial(_list, look), pile.place, view.PAGE, pile.reach, told=_ranked(pile, type)),
        "answers": {each["id"]: _answers(look, each["id"]) for each in pile.items},
        "waits": view.waits(look.records).most_common(10) if not pile.total else [],
        "people": [each.id for each in look.team.active],
        "trouble": None,
        "back": _list(look, pile.place),
    }


def _ranked(pile: view.Pile, type: str) -> str:
    """Which of all are shown: no more than can be paged through stand in order."""
    total = pile.counts[type] if type else pile.total
    more = f"; the first {pile.reach} can be paged through" if total > pile.reach else ""
    return f"{pile.place + 1:,} – {pile.place + len(pile.items):,} of {total:,}, most urgent first{more}"


def _list(look: Look, place: int | str | None) -> str:
    """The page of the list that begins at a place."""
    return look.url("/inbox", whose=look.text("whose"), type=look.text("type"), **{"from": place or None})


def _history(look: Look) -> dict[str, Any]:
    whose = _whose(look) or (look.team.active[0].id if look.team.active else "")
    before = look.number("before", 0, 0, 2**53) or None
    found = telling.answered(look.ledger, whose, before, look.moment, view.PAGE + 1)
    return {
        "tab": "history",
        "whose": whose,
        "facts": found[: view.PAGE],
        "pager": pager.by_record(
            lambda seq: look.url("/inbox", tab="history", whose=look.text("whose"), before=seq),
            "newest first",
            found[view.PAGE - 1].seq if len(found) > view.PAGE else None,
            before,
        ),
        "people": [each.id for each in look.team.active],
    }


def _as_whom(look: Look) -> str:
    """As whom somebody answers: themselves, or the only person of the team."""
    people = look.team.active
    return look.person or (people[0].id if len(people) == 1 else "")


def _answers(look: Look, id: str) -> dict[str, str]:
    """The answers that can be given to one thing, each with why not, empty when whoever looks may."""
    if look.moment is not None:
        return {}
    kind = telling.KINDS[id.rpartition("-")[0]]
    record = look.records.get(kind, id)
    if record is None:
        return {}
    return {each.name: each.why_not for each in telling.answers(record, look.team, _as_whom(look), look.at, look.may)}


def _told(look: Look, id: str) -> dict[str, Any]:
    told = telling.story(look.records, look.ledger, look.team, look.at, id, look.moment)
    return {
        "story": told,
        "record": told.record,
        "kind": told.record.KIND,
        "item": told.item,
        "answers": {id: _answers(look, id)},
        "people": [each.id for each in look.team.active],
        "phases": PHASES,
        "trouble": None,
        "back": "/inbox",
    }


def _acting(act: Callable[[Look, str], str]) -> Callable[[Look], Response]:
    """An act on one thing: done, back to where one was; else the thing again, with what went wrong and what was typed."""

    def answered(look: Look) -> Response:
        id = look.text("id")

        def again(status: int, trouble: Trouble) -> Response:
            return look.show("inbox/item.html", status, **{**_told(look, id), "trouble": trouble})

        return attempted(look, lambda: look.done(_back(look), act(look, id)), again)

    return answered


def _back(look: Look) -> str:
    """The list from where somebody answered, or everything that waits on them."""
    asked = look.field("back", 200)
    return asked if asked == "/inbox" or asked.startswith("/inbox?") else "/inbox"


def _accept(look: Look, id: str) -> str:
    taken = answer.accept(look.desk, id, look.actor, look.field("reason"))
    return f"You took '{taken.payload}' ({taken.subject}). It is in {taken.holder}'s hands now."


def _decline(look: Look, id: str) -> str:
    sent = answer.decline(look.desk, id, look.actor, _words(look, "reason", "say what is to be mended: the giver reads it"))
    return f"You sent '{sent.payload}' ({sent.subject}) back to {sent.giver}, who has a task now."


def _comment(look: Look, id: str) -> str:
    heard = answer.comment(look.desk, id, look.actor, look.field("stance"), look.field("words"))
    return f"You said {look.field('stance')}. " + (
        f"Settled: {heard.outcome}." if heard.status == "settled" else "Others still speak."
    )


def _approve(look: Look, id: str) -> str:
    look.desk.move()
    return answers.approve(look.seat(), id, look.field("words"))


def _refuse(look: Look, id: str) -> str:
    look.desk.move()
    return answers.refuse(look.seat(), id, _words(look, "words", "say what speaks against it"))


def _finish(look: Look, id: str) -> str:
    look.desk.move()
    return answers.finish(look.seat(), id, _words(look, "words", "say what was done, or mended"))


def _give_up(look: Look, id: str) -> str:
    look.desk.move()
    return answers.finish(look.seat(), id, _words(look, "words", "say why it stays undone"), give_up=True)


def _delegate(look: Look, id: str) -> str:
    look.desk.move()
    record = telling.story(look.records, look.ledger, look.team, look.at, id).record
    giver = getattr(record, "waiting_on", "") or getattr(record, "owner", "")
    return coming.delegate(look.seat(), giver, lambda now: delegation(look, now))


def delegation(look: Look, now: datetime) -> Delegation:
    """The delegation that a form tells. Raises InvalidInput for an end that is none."""
    to, phases = look.field("to", 200), tuple(filter(None, look.form.get("phases", ())))
    if not to:
        raise InvalidInput("nobody is named", where="to whom", fix="name a person of the team")
    words = look.field("reason") or f"to {to}"
    return Delegation(to, now, ending(look.field("until", 40), now), phases, look.field("subject", 200), words)


def ending(text: str, now: datetime) -> datetime:
    """The end that somebody typed: a day, an instant, or a time from now. Raises InvalidInput with examples."""
    try:
        return (now + parse_duration(text)).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    try:
        moment = parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"'{text}' is no end", where="until", fix="write e.g. 2027-01-04, or a time from now such as 2d"
        ) from error
    return moment


def _words(look: Look, name: str, fix: str) -> str:
    found = look.field(name)
    if not found:
        raise InvalidInput("words are missing", where="the form", fix=fix)
    return found


PAGES = (
    Page("GET", "/inbox", "read", inbox),
    Page("GET", "/inbox/list", "read", waiting),
    Page("GET", "/inbox/badge", "read", badge),
    Page("GET", "/inbox/{id}", "read", one),
    Page("GET", "/inbox/{id}/state", "read", state),
    Page("POST", "/inbox/{id}/accept", "handoff.answer", _acting(_accept)),
    Page("POST", "/inbox/{id}/decline", "handoff.answer", _acting(_decline)),
    Page("POST", "/inbox/{id}/comment", "consultation.comment", _acting(_comment)),
    Page("POST", "/inbox/{id}/approve", "approval.answer", _acting(_approve)),
    Page("POST", "/inbox/{id}/refuse", "approval.answer", _acting(_refuse)),
    Page("POST", "/inbox/{id}/finish", "task.finish", _acting(_finish)),
    Page("POST", "/inbox/{id}/give-up", "task.finish", _acting(_give_up)),
    Page("POST", "/inbox/{id}/delegate", "team.self", _acting(_delegate)),
)
