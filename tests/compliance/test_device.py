"""Login by code (RFC 8628) against a provider on this machine: what a person is told, how often is asked, and how it may end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from compliance.issuer import AT, RSA_KEYS, Issuer, serving

from baton.backends.credentials.oidc import OidcProvider
from baton.kernel.errors import BatonError, Refused, Unavailable
from baton.project.ownership import Oidc
from baton.team.ports import Errand, Invitation


@dataclass
class Waited:
    """Lets no time pass, and keeps how much would have."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


def begun(issuer: Issuer) -> Errand:
    errand = OidcProvider(Oidc(issuer=issuer.url, client_id="baton")).errand()
    errand.begin()
    return errand


def granted(issuer: Issuer) -> dict[str, str]:
    return {"id_token": issuer.token(), "access_token": "x", "token_type": "Bearer"}


def test_a_person_is_told_where_to_confirm_what(issuer: Issuer) -> None:
    told = OidcProvider(Oidc(issuer=issuer.url, client_id="baton")).errand().begin()
    assert told == Invitation("WDJB-MJHT", f"{issuer.url}/activate", f"{issuer.url}/activate?user_code=WDJB-MJHT", 600)
    assert issuer.forms == [{"client_id": "baton", "scope": "openid email profile"}]


def test_it_is_asked_in_the_provider_s_own_time_until_it_is_confirmed(issuer: Issuer) -> None:
    issuer.polls = ["authorization_pending", "slow_down", "slow_down", "authorization_pending", granted(issuer)]
    errand, waited = begun(issuer), Waited()
    token = errand.token(waited)
    assert waited.seconds == [3, 3, 8, 13, 13]
    mine = OidcProvider(Oidc(issuer=issuer.url, client_id="baton", audience="https://ci"))
    assert mine.claims(token, AT)["email"] == "ann@shop.example"


def test_a_provider_that_names_no_interval_is_asked_every_five_seconds(issuer: Issuer) -> None:
    issuer.pages["/device"] = {"device_code": "the-device-code", "user_code": "A", "verification_uri": issuer.url}
    issuer.polls = ["authorization_pending", granted(issuer)]
    waited = Waited()
    begun(issuer).token(waited)
    assert waited.seconds == [5, 5]


def test_a_provider_that_stumbles_is_asked_again_more_slowly(issuer: Issuer) -> None:
    issuer.polls = [500, 503, granted(issuer)]
    waited = Waited()
    assert begun(issuer).token(waited)
    assert waited.seconds == [3, 6, 12]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("access_denied", "was refused at the identity provider"),
        ("expired_token", "not confirmed in time"),
        ("invalid_client", "refuses the login"),
        ({"access_token": "x"}, "gave no ID token"),
    ],
)
def test_how_else_it_may_end(issuer: Issuer, told: Any, words: str) -> None:
    issuer.polls = ["authorization_pending", told, granted(issuer)]
    with pytest.raises(Refused, match=words) as caught:
        begun(issuer).token(Waited())
    assert caught.value.fix and len(issuer.polls) == 1


def test_nobody_waits_longer_than_the_code_holds(issuer: Issuer) -> None:
    waited = Waited()
    with pytest.raises(Refused, match="not confirmed in time"):
        begun(issuer).token(waited)
    assert sum(waited.seconds) == 600


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verification_uri": "http://evil.example/"}, "not understood"),
        ({"verification_uri": "javascript:alert(1)"}, "not understood"),
        ({"user_code": "\x1b[2J"}, "not understood"),
        ({"user_code": 7}, "not understood"),
        ({"device_code": ""}, "not understood"),
    ],
)
def test_what_a_person_is_shown_leads_nowhere_else_and_moves_no_cursor(issuer: Issuer, changed: Any, words: str) -> None:
    right = {"device_code": "d", "user_code": "A", "verification_uri": issuer.url}
    issuer.pages["/device"] = {**right, **changed}
    with pytest.raises(Unavailable, match=words):
        begun(issuer)
    issuer.pages["/device"] = {**right, "verification_uri_complete": "http://evil.example/", "interval": -1, "expires_in": "x"}
    told = OidcProvider(Oidc(issuer=issuer.url, client_id="baton")).errand().begin()
    assert (told.whole, told.seconds) == ("", 1800)


def test_a_provider_without_login_by_code_is_said_to_be(issuer: Issuer) -> None:
    del issuer.pages["/.well-known/openid-configuration"]["device_authorization_endpoint"]
    with pytest.raises(Refused, match="knows no login by code") as caught:
        begun(issuer)
    assert "--id-token-file" in caught.value.fix


# --- the keys between processes -------------------------------------------------------------------------------------


def another(issuer: Issuer, path: Path) -> OidcProvider:
    """As another process would make it."""
    return OidcProvider(Oidc(issuer=issuer.url, client_id="baton"), path)


def test_processes_one_after_another_ask_for_the_keys_once(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "made" / "keys.json"
    for minutes in range(5):
        another(issuer, path).claims(issuer.token(exp=int(AT.timestamp()) + 9000), AT + timedelta(minutes=minutes))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    assert path.stat().st_mode & 0o777 == 0o600
    another(issuer, path).claims(issuer.token(exp=int(AT.timestamp()) + 9000), AT + timedelta(hours=1))
    assert len(issuer.asked) == 4


def test_an_unknown_key_is_asked_for_once_a_minute_whatever_process_asks(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    another(issuer, path).claims(issuer.token(), AT)
    issuer.publish(("two", RSA_KEYS[1]))
    for seconds in (1, 30, 59):
        with pytest.raises(Refused, match="no key"):
            another(issuer, path).claims(issuer.token(RSA_KEYS[1], "two"), AT + timedelta(seconds=seconds))
    assert len(issuer.asked) == 2
    assert another(issuer, path).claims(issuer.token(RSA_KEYS[1], "two"), AT + timedelta(seconds=60))["sub"] == "1"
    for _ in range(5):
        with pytest.raises(Refused, match="no key"):
            another(issuer, path).claims(issuer.token(kid="guess"), AT + timedelta(seconds=61))
    assert len(issuer.asked) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "{",
        lambda text: "[]",
        lambda text: text.replace("http://127.0.0.1", "http://127.0.0.2"),
        lambda text: text.replace("2023-01-01T12", "2023-01-01T13"),
        lambda text: text.replace("2023-01-01T12", "yesterday"),
        lambda text: text.replace("RSA", "RSB"),
    ],
)
def test_kept_keys_that_are_damaged_or_of_another_or_of_the_future_are_none(issuer: Issuer, tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "keys.json"
    another(issuer, path).claims(issuer.token(), AT)
    path.write_text(damage(path.read_text()))
    another(issuer, path).claims(issuer.token(), AT)
    assert len(issuer.asked) == 4


def test_where_nothing_can_be_kept_the_keys_are_asked_for(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert another(issuer, tmp_path / "file" / "keys.json").claims(issuer.token(), AT)["sub"] == "1"


def test_keys_that_cannot_be_used_are_not_kept(issuer: Issuer, tmp_path: Path) -> None:
    issuer.pages["/keys"] = {"keys": [{"kty": "RSA"}]}
    with pytest.raises(BatonError):
        another(issuer, tmp_path / "keys.json").claims(issuer.token(), AT)
    assert list(tmp_path.iterdir()) == []
