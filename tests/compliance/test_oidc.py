"""ID tokens against a provider on this machine that signs with real keys: what holds, and everything that must not."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from compliance.issuer import AT, RSA_KEYS, Issuer, serving
from cryptography.hazmat.primitives.asymmetric import ec

from baton.backends.credentials.oidc import OidcProvider
from baton.kernel.errors import BatonError, Refused, Unavailable
from baton.project.ownership import Oidc

MINUTE = timedelta(minutes=1)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


def provider(issuer: Issuer, **changed: Any) -> OidcProvider:
    return OidcProvider(Oidc(issuer=issuer.url, client_id="baton", **changed))


def test_a_token_of_the_issuer_holds_and_its_keys_are_kept(issuer: Issuer) -> None:
    mine = provider(issuer)
    assert mine.claims(issuer.token(), AT)["email"] == "ann@shop.example"
    for _ in range(5):
        mine.claims(issuer.token(), AT + MINUTE)
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    mine.claims(issuer.token(exp=int(AT.timestamp()) + 9000), AT + timedelta(hours=1))
    assert len(issuer.asked) == 4


def test_another_audience_may_be_declared(issuer: Issuer) -> None:
    assert provider(issuer, audience="https://ci").claims(issuer.token(aud=["https://ci", "x"]), AT)["sub"] == "1"


def test_a_new_key_is_fetched_when_the_issuer_turns_it_over_but_not_at_every_guess(issuer: Issuer) -> None:
    mine = provider(issuer)
    mine.claims(issuer.token(), AT)
    issuer.publish(("two", RSA_KEYS[1]))
    with pytest.raises(Refused, match="does not hold"):
        mine.claims(issuer.token(RSA_KEYS[1], "two"), AT + timedelta(seconds=30))
    assert len(issuer.asked) == 2
    assert mine.claims(issuer.token(RSA_KEYS[1], "two"), AT + MINUTE)["sub"] == "1"
    assert len(issuer.asked) == 4


def test_elliptic_keys_and_a_single_key_without_a_name(issuer: Issuer) -> None:
    issuer.publish(("e", EC_KEY))
    assert provider(issuer).claims(issuer.token(EC_KEY, "e", "ES256"), AT)["sub"] == "1"
    assert provider(issuer).claims(issuer.token(EC_KEY, None, "ES256"), AT)["sub"] == "1"


SECOND = int(AT.timestamp())
WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": SECOND - 60},
    "not yet": {"nbf": SECOND + 120},
    "of the future": {"iat": SECOND + 120},
    "another audience": {"aud": "shop"},
    "another issuer": {"iss": "https://evil.example"},
    "without an end": {"exp": None},
    "without an audience": {"aud": None},
    "an end that is no number": {"exp": "soon"},
    "signed by a stranger": {"key": RSA_KEYS[1]},
    "an unknown key": {"kid": "three"},
    "no named key among several": {"kid": None, "several": True},
}


@pytest.mark.parametrize("why", WRONG)
def test_what_does_not_hold_is_refused(issuer: Issuer, why: str) -> None:
    changed = dict(WRONG[why])
    if changed.pop("several", False):
        issuer.publish(("one", RSA_KEYS[0]), ("two", RSA_KEYS[1]))
    with pytest.raises(Refused, match="does not hold"):
        provider(issuer).claims(issuer.token(**changed), AT)


def test_a_minute_between_clocks_is_forgiven(issuer: Issuer) -> None:
    told = provider(issuer).claims(issuer.token(exp=SECOND - 59, iat=SECOND + 59), AT)
    assert (told["exp"], told["iat"]) == (SECOND - 59, SECOND + 59)


def test_no_signature_and_a_public_key_as_secret_are_refused(issuer: Issuer) -> None:
    """The two classic forgeries: `alg: none`, and HMAC with the public key."""
    head, body, _ = issuer.token().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "one", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    hmac = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    for forged in (f"{none}.{body}.", f"{hmac}.{body}.AAAA", f"{head}.{body}.", f"{head}.{body}.AAAA", "", "a.b.c", "x" * 10_000):
        with pytest.raises(Refused, match="does not hold"):
            provider(issuer).claims(forged, AT)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (500, "does not answer"),
        (302, "does not answer"),
        (b"not json", "not understood"),
        (b"[" * 100_000, "not understood"),
        (b"[1]", "not understood"),
        (b" " * (1 << 20) + b"{}", "not understood"),
        ({"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys"}, "does not hold to its name"),
    ],
)
def test_a_provider_that_misbehaves_is_said_to(issuer: Issuer, page: Any, words: str) -> None:
    issuer.pages["/.well-known/openid-configuration"] = page
    with pytest.raises(BatonError, match=words):
        provider(issuer).claims(issuer.token(), AT)


def test_keys_that_are_none_are_no_keys(issuer: Issuer) -> None:
    issuer.pages["/keys"] = {"keys": []}
    with pytest.raises(Unavailable, match="keys cannot be used"):
        provider(issuer).claims(issuer.token(), AT)


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1", "file:///etc/passwd", "127.0.0.1", "http://10.0.0.1"])
def test_nothing_is_asked_but_https_and_this_machine(issuer: Issuer, url: str) -> None:
    issuer.pages["/.well-known/openid-configuration"] = {"issuer": issuer.url, "jwks_uri": f"{url}/keys"}
    with pytest.raises(Refused, match="is not asked"):
        provider(issuer).claims(issuer.token(), AT)
    with pytest.raises(Refused, match="is not asked"):
        OidcProvider(Oidc(issuer=url, client_id="baton")).claims(issuer.token(iss=url), AT)


def test_a_provider_that_is_gone_may_be_tried_again(issuer: Issuer) -> None:
    gone = OidcProvider(Oidc(issuer="http://127.0.0.1:1", client_id="baton"))
    with pytest.raises(Unavailable, match="does not answer"):
        gone.claims(issuer.token(), AT)
