"""Overrides: who, why and until when, every move from every status, and what holds about which subject."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from baton.kernel.errors import Conflict, InvalidInput
from baton.team.override import ANYTHING, KINDS, MOVES, Override, asked, ended, holding, in_force, refused

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def made(kind: str = "gate", subject: str = "turn-2", until: datetime | None = AT + DAY) -> Override:
    return asked(kind, subject, "ola", "the hold-out was a holiday", AT, until)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_who_why_and_until_when(kind: str) -> None:
    override = made(kind)
    assert (override.status, override.asked_by, override.phase) == ("asked", "ola", KINDS[kind][0])
    assert "until 2023-01-02T00:00:00Z, because: the hold-out was a holiday" in override.what and "turn-2" in override.what
    assert override.open and not replace(override, status="ended").open


@pytest.mark.parametrize(
    ("kind", "reason", "until", "words"),
    [
        ("gates", "why", AT + DAY, "no override 'gates'"),
        ("gate", "  ", AT + DAY, "needs a reason"),
        ("freeze", "why", None, "needs an end"),
        ("freeze", "why", AT, "before it begins"),
        ("halt", "why", AT - DAY, "before it begins"),
    ],
)
def test_what_is_missing_is_refused(kind: str, reason: str, until: datetime | None, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        asked(kind, ANYTHING, "ola", reason, AT, until)


def test_only_a_halt_may_last_until_somebody_ends_it() -> None:
    assert asked("halt", ANYTHING, "ola", "wrong prices", AT, None).until is None


DOORS: dict[str, Callable[[Override], Override]] = {
    "holding": lambda override: holding(override, AT),
    "ended": lambda override: ended(override, AT, "used"),
    "refused": lambda override: refused(override, AT, "no"),
}


@pytest.mark.parametrize("before", MOVES)
@pytest.mark.parametrize("after", DOORS)
def test_every_move_from_every_status(before: str, after: str) -> None:
    override = replace(made(), status=before)
    if after in MOVES[before]:
        assert DOORS[after](override).status == after
    else:
        with pytest.raises(Conflict):
            DOORS[after](override)


def test_it_holds_from_its_approval_until_its_end_and_about_its_subject() -> None:
    waiting, held = made(), holding(made(), AT)
    assert in_force([waiting], "gate", AT, "turn-2") is None
    assert in_force([held], "gate", AT, "turn-2") is held
    assert in_force([held], "gate", AT, "turn-3") is None and in_force([held], "brake", AT, "turn-2") is None
    assert in_force([held], "gate", AT + DAY - timedelta(microseconds=1), "turn-2") is held
    assert in_force([held], "gate", AT + DAY, "turn-2") is None
    anything = holding(made("freeze", ANYTHING), AT)
    assert in_force([held, anything], "freeze", AT) is anything
    assert in_force([ended(anything, AT, "over")], "freeze", AT) is None
