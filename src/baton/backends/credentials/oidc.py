"""OpenID Connect: an ID token verified against its issuer's keys, after the issuer's own discovery document.

Only https or this machine is asked, answers are bounded, redirects are not followed, and keys are kept for an hour.
"""

import http.client
import ipaddress
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt

from baton.kernel.errors import Refused, Unavailable
from baton.project.ownership import Oidc

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LIMIT = 1 << 20
_SECONDS = 10.0
_KEPT = timedelta(hours=1)
_AGAIN = timedelta(minutes=1)
_LEEWAY = timedelta(seconds=60)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class OidcProvider:
    """Implements `team.ports.Provider` for one issuer; keep it, and it keeps the keys."""

    def __init__(self, declared: Oidc) -> None:
        self._declared = declared
        self._keys: jwt.PyJWKSet | None = None
        self._fetched: datetime | None = None

    def claims(self, token: str, at: datetime) -> Mapping[str, Any]:
        """What a token says, verified at that instant."""
        try:
            told: Mapping[str, Any] = jwt.decode(
                token,
                self._key(token, at),
                algorithms=_ALGORITHMS,
                audience=self._declared.audience or self._declared.client_id,
                issuer=self._declared.issuer,
                options={"require": ["exp", "iat", "iss", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise self._refused(str(error)) from error
        self._in_time(told, at)
        return told

    def _in_time(self, told: Mapping[str, Any], at: datetime) -> None:
        """Times are judged by the instant that is given, with a minute's leeway for clocks that differ."""
        now, leeway = at.timestamp(), _LEEWAY.total_seconds()
        for claim in ("exp", "iat", "nbf"):
            if claim in told and not isinstance(told[claim], int | float):
                raise self._refused(f"its {claim} is no number")
        if now >= told["exp"] + leeway:
            raise self._refused("it has expired")
        if max(told["iat"], told.get("nbf", 0)) > now + leeway:
            raise self._refused("it is not valid yet")

    def _refused(self, why: str) -> Refused:
        return Refused(
            "the ID token does not hold", where=self._declared.issuer, why=why, fix="get a fresh one from the provider"
        )

    def _key(self, token: str, at: datetime) -> Any:
        wanted = jwt.get_unverified_header(token).get("kid")
        found = self._find(wanted)
        stale = self._fetched is None or at - self._fetched >= _KEPT
        if stale or (found is None and self._fetched is not None and at - self._fetched >= _AGAIN):
            self._fetch(at)
            found = self._find(wanted)
        if found is None:
            raise self._refused(f"no key of the issuer is called {wanted}")
        return found.key

    def _find(self, wanted: str | None) -> jwt.PyJWK | None:
        keys = [] if self._keys is None else [key for key in self._keys.keys if key.public_key_use in (None, "sig")]
        if wanted is None:
            return keys[0] if len(keys) == 1 else None
        return next((key for key in keys if key.key_id == wanted), None)

    def _fetch(self, at: datetime) -> None:
        document = self._get(self._declared.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != self._declared.issuer:
            raise self._refused(f"its discovery document speaks of the issuer {document.get('issuer')}")
        try:
            self._keys = jwt.PyJWKSet.from_dict(self._get(str(document.get("jwks_uri"))))
        except jwt.PyJWTError as error:
            raise Unavailable(
                "the provider's keys cannot be used", where=self._declared.issuer, why=str(error), fix="ask whoever runs it"
            ) from error
        self._fetched = at

    def _get(self, url: str) -> dict[str, Any]:
        if not _safe(url):
            raise Refused(
                f"{url[:100]} is not asked",
                where="oidc.issuer",
                why="only https, or http on this machine",
                fix="use the provider's https address",
            )
        try:
            request = Request(url, headers={"accept": "application/json"})  # noqa: S310 - the scheme was checked
            with build_opener(_NoRedirects).open(request, timeout=_SECONDS) as answer:
                body = answer.read(_LIMIT + 1)
            told = json.loads(body) if len(body) <= _LIMIT else None
        except (HTTPError, URLError, OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(
                "the identity provider does not answer", where=url, why=str(error), fix="try again later"
            ) from error
        if not isinstance(told, dict):
            raise Unavailable(
                "the identity provider's answer is not understood",
                where=url,
                why="no JSON object of at most 1 MiB",
                fix="check oidc.issuer",
            )
        return told


def _safe(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and (
            parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False
