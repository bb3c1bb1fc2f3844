"""Signing in at an identity provider, in a browser: who began it, whose answer it is, and what the provider's word is worth."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from compliance.issuer import RSA_KEYS, Issuer, serving
from journeys.visitors import Answer, Browser, House, Running, console, house

from baton.app.bootstrap import open_credentials
from baton.kernel.clock import SystemClock
from baton.team import identity


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


@pytest.fixture
def oidc(tmp_path: Path, issuer: Issuer) -> Iterator[tuple[House, Running]]:
    here = house(tmp_path / "shop", f'oidc: {{issuer: "{issuer.url}", client_id: baton}}\n')
    here.settle("ann")
    with console(here) as running:
        yield here, running


def times() -> dict[str, Any]:
    now = int(SystemClock().now().timestamp())
    return {"iat": now, "exp": now + 300}


def back(mine: Browser, told: dict[str, str]) -> Answer:
    headers = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    return mine.get("/sign-in/oidc?" + urlencode(told), **headers)


def away(mine: Browser, next: str = "/models") -> str:
    """Where the provider is asked."""
    sent = mine.get("/sign-in/way?" + urlencode({"next": next}))
    assert sent.status == 303, sent.text
    return sent.header("location")


def test_in_by_the_identity_provider(oidc: tuple[House, Running], issuer: Issuer) -> None:
    here, running = oidc
    mine = Browser(running.port)
    assert "Continue with 127.0.0.1" in mine.get("/sign-in").text
    place = away(mine)
    asked = dict(parse_qsl(urlsplit(place).query))
    assert place.startswith(f"{issuer.url}/authorize?tenant=shop&") and asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"http://127.0.0.1:{running.port}/sign-in/oidc" and asked["response_type"] == "code"
    came = back(mine, issuer.confirmed(place, email_verified=True, **times()))
    assert (came.status, came.header("location")) == (303, "/models") and mine.inside()
    held = open_credentials(here.workspace).read().secrets[mine.cookies[f"baton-{mine.port}"].partition(".")[0]]
    assert (held.owner, held.how, held.use) == ("ann", "oidc", "session")
    assert identity.SESSION - timedelta(minutes=1) < held.until - SystemClock().now() <= identity.SESSION
    assert back(mine, {**issuer.confirmed(place, **times())}).status == 401, "the way back is good once"


def test_another_browser_s_answer_opens_nothing(oidc: tuple[House, Running], issuer: Issuer) -> None:
    """A stranger who begins and has somebody else end it would have them act as the stranger (RFC 6749, 10.12)."""
    mine, stranger = Browser(oidc[1].port), Browser(oidc[1].port)
    theirs = issuer.confirmed(away(stranger), email_verified=True, **times())
    assert "no answer to what this browser asked" in back(mine, theirs).text
    ours = issuer.confirmed(away(mine), "our-code", email_verified=True, **times())
    assert back(mine, {**theirs, "state": ours["state"]}).status == 401, "a code that was injected: the verifier is not ours"
    for state in ("", "x", theirs["state"]):
        assert back(mine, {**ours, "state": state}).status == 401
    assert not mine.inside() and not stranger.inside()
    assert back(mine, issuer.confirmed(away(mine), email_verified=True, **times())).status == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"email_verified": False},
        {"email": "eve@shop.example"},
        {"aud": "another"},
        {"exp": 1},
        {"key": RSA_KEYS[1]},
        {"iss": "https://evil.example"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_token_that_does_not_hold_opens_nothing(oidc: tuple[House, Running], issuer: Issuer, changed: dict[str, Any]) -> None:
    mine = Browser(oidc[1].port)
    told = issuer.confirmed(away(mine), **{"email_verified": True, **times(), **changed})
    assert back(mine, told).status == 401 and not mine.inside()


def test_a_provider_that_refuses_or_is_another_is_said_to(oidc: tuple[House, Running], issuer: Issuer) -> None:
    mine = Browser(oidc[1].port)
    place = away(mine)
    told = back(mine, {"error": "access_denied", "error_description": "<b>no</b>", "state": "x"})
    assert told.status == 401 and "&lt;b&gt;no" in told.text
    mixed = {**issuer.confirmed(place, email_verified=True, **times()), "iss": "https://evil.example"}
    assert "another identity provider answered" in back(mine, mixed).text
    issuer.pages["/.well-known/openid-configuration"] = 500
    assert mine.get("/sign-in/way").status == 503


def test_a_provider_without_proof_of_possession_is_not_asked(oidc: tuple[House, Running], issuer: Issuer) -> None:
    issuer.pages["/.well-known/openid-configuration"]["code_challenge_methods_supported"] = ["plain"]
    told = Browser(oidc[1].port).get("/sign-in/way")
    assert told.status == 401 and "proof of possession" in told.text
