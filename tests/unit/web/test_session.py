"""Cookies as browsers send them, and the proof that a form is of the session it says."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from baton.app.visit import Visit, Visits, proof, same
from baton.kernel.errors import Refused, Unavailable
from baton.team.actor import Actor
from baton.web.origin import Place
from baton.web.session import Door

UNTIL = datetime(2023, 1, 1, tzinfo=UTC)


class Known:
    """Visits that know one key, and note what they were shown."""

    def __init__(self, *, broken: bool = False) -> None:
        self.shown, self._broken = list[str](), broken

    def of(self, key: str) -> Visit:
        self.shown.append(key)
        if self._broken:
            raise Unavailable("the credentials cannot be read")
        if key != "right":
            raise Refused("not known here")
        return Visit(Actor("ann"), UNTIL, key)


def door(known: Known, *, tls: bool = False) -> Door:
    return Door(cast("Visits", known), Place("127.0.0.1", 8090, tls=tls))


def scope(*cookies: str, **more: str) -> dict[str, Any]:
    headers = [(b"cookie", cookie.encode("latin-1")) for cookie in cookies]
    return {"headers": [*headers, *((name.replace("_", "-").encode(), value.encode()) for name, value in more.items())]}


def test_a_console_has_cookies_of_its_own() -> None:
    assert door(Known()).cookie() == "baton-8090" and door(Known(), tls=True).cookie() == "__Host-baton"
    assert door(Known(), tls=True).cookie("way") == "__Host-baton-way"
    other = scope("baton-8091=right; baton=right; xbaton-8090=right; baton-8090-before=right")
    assert door(Known()).visit(other) is None


@pytest.mark.parametrize("cookies", [("baton-8090=right",), ("a=b; baton-8090=right;c=d",), ("a=b", "baton-8090=right")])
def test_whose_visit_it_is(cookies: tuple[str, ...]) -> None:
    visit = door(Known()).visit(scope(*cookies))
    assert visit is not None and visit.actor == Actor("ann")


def test_a_cookie_that_another_program_set_keeps_nobody_out_and_costs_little() -> None:
    known = Known()
    assert door(known).visit(scope("baton-8090=planted; baton-8090=right")) is not None
    assert door(known).visit(scope("; ".join(["baton-8090=planted"] * 100))) is None
    assert len(known.shown) == 2 + 4


@pytest.mark.parametrize("value", ["", "x" * 513, "é", "a\x00b"])
def test_what_no_console_gave_is_not_looked_at(value: str) -> None:
    known = Known()
    assert door(known).visit(scope(f"baton-8090={value}")) is None and known.shown == []


def test_a_fault_is_not_taken_for_a_stranger() -> None:
    with pytest.raises(Unavailable):
        door(Known(broken=True)).visit(scope("baton-8090=right"))


def test_a_form_is_proven_by_the_session_or_before_there_is_one_by_the_browser() -> None:
    here, visit = door(Known()), Visit(Actor("ann"), UNTIL, "right")
    here.require_proof(scope(), {"csrf": (visit.csrf,)}, visit)
    here.require_proof(scope(x_csrf=visit.csrf), {}, visit)
    here.require_proof(scope("baton-8090-before=b"), {"csrf": (proof("b", "form"),)}, None)
    before = scope("baton-8090-before=b")
    wrong: list[tuple[dict[str, Any], dict[str, tuple[str, ...]], Visit | None]] = [
        (scope(), {}, visit),
        (scope(), {"csrf": ("",)}, visit),
        (scope(), {"csrf": (visit.csrf, visit.csrf)}, visit),
        (scope(x_csrf="x"), {"csrf": (visit.csrf,)}, visit),
        (before, {"csrf": (proof("b", "form"),)}, visit),
        (before, {"csrf": (visit.csrf,)}, None),
        (scope(), {"csrf": (proof("", "form"),)}, None),
    ]
    for asked, form, whose in wrong:
        with pytest.raises(Refused, match="not of your present session"):
            here.require_proof(asked, form, whose)


def test_nothing_secret_is_told_of_a_visit() -> None:
    visit = Visit(Actor("ann"), UNTIL, "the-secret-key")
    assert "the-secret-key" not in repr(visit) + visit.csrf
    assert len({proof("k", what) for what in ("form", "state", "nonce", "verifier")}) == 4
    assert same("a", "a") and not same("", "") and not same("é", "a")
