"""A login in the browser, against a provider on this machine that checks the proof of possession as RFC 7636 says."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from compliance.issuer import AT, Issuer, serving

from baton.backends.credentials.oidc import OidcProvider
from baton.kernel.errors import BatonError, Refused
from baton.project.ownership import Oidc

BACK = "http://127.0.0.1:8090/sign-in/oidc"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


def provider(issuer: Issuer) -> OidcProvider:
    return OidcProvider(Oidc(issuer=issuer.url, client_id="baton"))


def test_the_example_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode() == CHALLENGE


def test_there_with_a_request_and_back_with_a_token(issuer: Issuer) -> None:
    mine = provider(issuer)
    place = mine.passage().begin(BACK, "the-state", "the-nonce", CHALLENGE)
    assert dict(parse_qsl(urlsplit(place).query)) == {
        "tenant": "shop",
        "response_type": "code",
        "client_id": "baton",
        "redirect_uri": BACK,
        "scope": "openid email profile",
        "state": "the-state",
        "nonce": "the-nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    code = issuer.confirmed(place)["code"]
    assert mine.claims(mine.passage().token(code, BACK, VERIFIER), AT)["nonce"] == "the-nonce"
    with pytest.raises(Refused, match="refuses the login"):
        mine.passage().token(code, BACK, VERIFIER)


@pytest.mark.parametrize("changed", [{"verifier": "x" * 43}, {"back": "http://127.0.0.1:9/sign-in/oidc"}, {"code": "another"}])
def test_a_code_is_worth_nothing_to_others(issuer: Issuer, changed: dict[str, str]) -> None:
    passage = provider(issuer).passage()
    code = issuer.confirmed(passage.begin(BACK, "s", "n", CHALLENGE))["code"]
    with pytest.raises(Refused, match="refuses the login"):
        passage.token(**{"code": code, "back": BACK, "verifier": VERIFIER, **changed})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"authorization_endpoint": None}, "knows no login in a browser"),
        ({"authorization_endpoint": "http://login.example/authorize"}, "knows no login in a browser"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "knows no login in a browser"),
        ({"code_challenge_methods_supported": ["plain"]}, "proof of possession"),
        ({"issuer": "https://evil.example"}, "does not hold to its name"),
    ],
)
def test_nobody_is_sent_where_the_provider_is_not(issuer: Issuer, document: dict[str, Any], words: str) -> None:
    issuer.pages[DISCOVERY] |= document
    with pytest.raises(BatonError, match=words):
        provider(issuer).passage().begin(BACK, "s", "n", CHALLENGE)


def test_an_answer_without_a_token_is_none(issuer: Issuer) -> None:
    passage = provider(issuer).passage()
    place = passage.begin(BACK, "s", "n", CHALLENGE)
    issuer.codes["empty"] = (dict(parse_qsl(urlsplit(place).query)), "")
    with pytest.raises(Refused, match="gave no ID token"):
        passage.token("empty", BACK, VERIFIER)
