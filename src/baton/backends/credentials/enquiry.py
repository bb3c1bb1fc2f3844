"""Enquiries at an identity provider: its discovery document (OpenID Connect Discovery 1.0, RFC 8414), and JSON by GET and POST.

Only https or this machine is asked, certificates are verified, answers are bounded, and redirects are not followed.
"""

import http.client
import ipaddress
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from baton.kernel.errors import Refused, Unavailable

LIMIT = 1 << 20
SECONDS = 10.0


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Enquiry:
    """Asks one issuer."""

    def __init__(self, issuer: str, trust: ssl.SSLContext | None = None) -> None:
        self._issuer = issuer
        self._opener = build_opener(_NoRedirects, HTTPSHandler(context=trust or ssl.create_default_context()))

    def document(self) -> Mapping[str, Any]:
        """What the issuer says of itself. Raises Refused when it speaks of another one: keys of a stranger prove nothing."""
        told = self.get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told.get("issuer") != self._issuer:
            raise Refused(
                "the identity provider does not hold to its name",
                where=self._issuer,
                why=f"its discovery document speaks of the issuer {str(told.get('issuer'))[:200]}",
                fix="write oidc.issuer exactly as the provider does",
            )
        return told

    def get(self, url: str) -> dict[str, Any]:
        """A JSON object."""
        status, told = self._ask(url, None)
        return self._understood(url, status, told)

    def post(self, url: str, fields: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and JSON object that answer a form; a refusal by the provider comes back as such (RFC 6749, 5.2)."""
        status, told = self._ask(url, urlencode(fields).encode())
        return (status, told) if 400 <= status < 500 and told is not None else (200, self._understood(url, status, told))

    def _understood(self, url: str, status: int, told: dict[str, Any] | None) -> dict[str, Any]:
        if status != 200:
            raise Unavailable("the identity provider does not answer", where=url, why=f"HTTP {status}", fix="try again later")
        if told is None:
            raise Unavailable(
                "the identity provider's answer is not understood",
                where=url,
                why="no JSON object of at most 1 MiB",
                fix="check oidc.issuer",
            )
        return told

    def _ask(self, url: str, data: bytes | None) -> tuple[int, dict[str, Any] | None]:
        if not safe(url):
            raise Refused(
                f"{url[:100]} is not asked",
                where="oidc.issuer",
                why="only https, or http on this machine",
                fix="use the provider's https address",
            )
        request = Request(url, data, {"accept": "application/json"})  # noqa: S310 - the scheme was checked
        try:
            try:
                with self._opener.open(request, timeout=SECONDS) as answer:
                    return answer.status, _object(answer.read(LIMIT + 1))
            except HTTPError as refusal:
                with refusal:
                    return refusal.code, _object(refusal.read(LIMIT + 1))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(
                "the identity provider does not answer", where=url, why=_reason(error), fix=_advice(error)
            ) from error


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body) if len(body) <= LIMIT else None
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error)) or type(error).__name__


def _advice(error: Exception) -> str:
    if isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError):
        return "for an authority of your own: export BATON_CA_FILE=authority.pem"
    return "try again later"


def safe(url: str) -> bool:
    """Whether an address may be asked, or shown to a person as the provider's: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "https":
            return bool(parts.hostname)
        return parts.scheme == "http" and (
            parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False


def id_token_of(told: Mapping[str, Any]) -> str:
    """The ID token of an answer. Raises Refused when there is none."""
    token = text_of(told, "id_token")
    if not token:
        raise Refused(
            "the identity provider gave no ID token",
            where="oidc.client_id",
            why="it answered without id_token",
            fix="allow the scope openid to this client there",
        )
    return token


def text_of(told: Mapping[str, Any], name: str) -> str:
    """A text that may be shown: what comes from outside moves no cursor and colours nothing."""
    value = told.get(name)
    return value[:16384] if isinstance(value, str) and value.isprintable() else ""
