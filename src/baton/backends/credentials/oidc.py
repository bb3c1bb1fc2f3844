"""OpenID Connect: an ID token verified against its issuer's keys, after the issuer's own discovery document."""

import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from baton.backends.credentials.device import Device
from baton.backends.credentials.enquiry import Enquiry
from baton.backends.credentials.keyring import Keyring
from baton.backends.credentials.passage import CodePassage
from baton.kernel.errors import Refused
from baton.project.ownership import Oidc
from baton.team.ports import Errand, Passage

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY = timedelta(seconds=60)


class OidcProvider:
    """Implements `team.ports.Provider` for one issuer; its keys are kept in the file `keys`."""

    def __init__(self, declared: Oidc, keys: Path | None = None, trust: ssl.SSLContext | None = None) -> None:
        self._declared = declared
        self._enquiry = Enquiry(declared.issuer, trust)
        self._keys = Keyring(declared.issuer, self._enquiry, keys)

    def errand(self) -> Errand:
        """What a person is sent to the provider with."""
        return Device(self._enquiry, self._declared.client_id)

    def passage(self) -> Passage:
        """What a person's browser is sent to the provider with."""
        return CodePassage(self._enquiry, self._declared.client_id)

    def claims(self, token: str, at: datetime) -> Mapping[str, Any]:
        """What a token says, verified at that instant."""
        try:
            told: Mapping[str, Any] = jwt.decode(
                token,
                self._key(token, at),
                algorithms=_ALGORITHMS,
                audience=[self._declared.client_id, *([self._declared.audience] if self._declared.audience else [])],
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
        found = self._keys.find(wanted, at)
        if found is None:
            raise self._refused(f"no key of the issuer is called {str(wanted)[:100]}")
        return found.key
