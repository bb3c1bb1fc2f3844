"""The ledger: every fact, newest first, what it proves, and what can be taken away of it."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse

from baton.app.views import record as view
from baton.app.workspace import witness
from baton.kernel.clock import iso
from baton.kernel.errors import NotFound, Refused
from baton.ledger.fact import IMPERSONAL, Fact
from baton.web import pager
from baton.web.download import attached
from baton.web.page import Look, Page
from baton.web.places import place_of

MANY = 50
MOST = 100_000
"""Facts of one export."""
WHOLE = 250_000
"""Facts that the console verifies or proves among; more is a matter for the command line."""
SECONDS = 60.0
"""How long a verification may take."""
KINDS = (
    "address", "approval", "charter", "consultation", "day", "fault", "handoff", "identity", "incident", "member", "month", "notice", "override",
    "person", "proposal", "release", "sample", "sampler", "scoring", "shipment", "source", "task", "token", "turn", "version", "weighing",
)  # fmt: skip
"""Kinds of subjects that facts are about."""
COLUMNS = ("seq", "kind", "subject_kind", "subject", "actor", "role", "effective_at", "recorded_at", "reason", "payload", "state")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def ledger(look: Look) -> Response:
    """The list."""
    sought = _sought(look)
    before = look.number("before", 0, 1, 1 << 62) or None
    facts, following = view.recent(look.ledger, sought, before, MANY)
    told = f"facts {facts[-1].seq:,} – {facts[0].seq:,}" if facts else ""
    return look.show(
        "ledger.html",
        facts=facts,
        sought=sought,
        kinds=KINDS,
        actors=[*(person.id for person in look.team.active), *IMPERSONAL],
        told=view.witnessed(look.ledger, witness(look.workspace)) if look.moment is None else None,
        head=look.head,
        room=lambda fact: _room(look, fact),
        plain=_plain,
        pager=pager.by_record(lambda seq: look.here(before=seq), told, following, before),
        filtered=bool(sought.kind or sought.subject or sought.actor),
        csv=look.url("/ledger/export", form="csv", kind=sought.kind, subject=sought.subject, actor=sought.actor),
        lines=look.url("/ledger/export", form="jsonl", kind=sought.kind, subject=sought.subject, actor=sought.actor),
        most=MOST,
    )


def fact(look: Look) -> Response:
    """One fact."""
    found = _fact(look)
    before = view.earlier_state(look.ledger, found)
    changed = _changed(before.state if before is not None else None, found.state)
    return look.show(
        "ledger/fact.html",
        fact=found,
        before=before,
        changed=changed,
        room=_room(look, found),
        plain=_plain,
        size=look.head.size,
    )


def proof(look: Look) -> Response:
    """The proof that a fact is in the log."""
    found = _fact(look)
    _refuse_too_long(look)
    told = view.inclusion(look.ledger, found.seq, look.moment)
    return look.fragment("ledger/proof.html", told=told, fact=found)


def verification(look: Look) -> Response:
    """What a verification of everything finds."""
    if look.moment is not None:
        raise Refused("everything is verified as it is now", where="the past", fix="go back to the present")
    _refuse_too_long(look)
    seen = f"{look.ledger.head()} {witness(look.workspace)} {look.desk.stamp()}"
    told = look.archive.ask("verification", seconds=SECONDS, seen=seen)
    return look.fragment("ledger/verification.html", told=told)


def export(look: Look) -> Response:
    """The facts that fit as CSV or JSON lines, at most 100,000, newest first."""
    form, sought = look.choice("form", ("csv", "jsonl")), _sought(look)
    facts = view.every(look.ledger, sought, MOST)
    made = _csv(facts) if form == "csv" else _lines(facts)
    media = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    headers = {**attached(f"ledger-newest-{MOST}.{form}"), "x-at-most": str(MOST)}
    return StreamingResponse(made, media_type=media, headers=headers)


def _sought(look: Look) -> view.Sought:
    return view.Sought(look.text("kind"), look.text("subject"), look.text("actor"), look.moment)


def _fact(look: Look) -> Fact:
    seq = look.number("seq", 0, 0, 1 << 62)
    found = view.fact_at(look.ledger, seq, look.moment)
    if found is None:
        raise NotFound(
            f"there is no fact {seq}" + (" at that time" if look.moment else ""), where="ledger", fix="choose one of the list"
        )
    return found


def _refuse_too_long(look: Look) -> None:
    size = look.ledger.head().size
    if size > WHOLE:
        raise Refused(
            f"{size:,} facts are too many to read while you wait",
            where="ledger",
            why=f"at most {WHOLE:,}",
            fix="baton ledger verify",
        )


def _room(look: Look, found: Fact) -> str:
    path = place_of(found.subject_kind, found.subject.removeprefix("version-"))
    return look.url(path) if path else ""


def _plain(value: Any) -> str:
    """Plain values as a text to be read."""
    return json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False, sort_keys=True)


def _changed(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """The fields of a record that this fact changed: name, before, after."""
    was, now = dict(before or {}), dict(after or {})
    return [(name, was.get(name), now.get(name)) for name in sorted({*was, *now}) if was.get(name) != now.get(name)]


def _told(found: Fact) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return {
        **{name: plain[name] for name in COLUMNS},
        "effective_at": iso(found.effective_at),
        "recorded_at": iso(found.recorded_at),
    }


def _lines(facts: Iterator[Fact]) -> Iterator[bytes]:
    for each in facts:
        yield msgspec.json.encode(_told(each)) + b"\n"


def _csv(facts: Iterator[Fact]) -> Iterator[str]:
    yield _row(COLUMNS)
    for each in facts:
        told = _told(each)
        yield _row(
            [
                _cell(told[name] if name not in ("payload", "state") else json.dumps(told[name], ensure_ascii=False))
                for name in COLUMNS
            ]
        )


def _row(cells: Any) -> str:
    made = io.StringIO()
    csv.writer(made).writerow(cells)
    return made.getvalue()


def _cell(value: Any) -> Any:
    """A cell that a spreadsheet reads as text, never as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


PAGES = (
    Page("GET", "/ledger", "read", ledger),
    Page("GET", "/ledger/verify", "read", verification),
    Page("GET", "/ledger/export", "read", export),
    Page("GET", "/ledger/{seq}", "read", fact),
    Page("GET", "/ledger/{seq}/proof", "read", proof),
)
