"""The device authorization grant (RFC 8628): a person confirms a login in a browser anywhere, while this process asks and waits."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from baton.backends.credentials.enquiry import Enquiry, id_token_of, safe, text_of
from baton.kernel.errors import BatonError, Refused, Unavailable
from baton.team.ports import Invitation

GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE: Final = "openid email profile"
INTERVAL, SLOWER, LONGEST = 5.0, 5.0, 1800.0
"""Seconds between two questions unless the provider says so, more of them after `slow_down` (RFC 8628, 3.5), and at most in all."""


class Device:
    """Implements `team.ports.Errand` for one client of an issuer. A public client: there is no secret to keep."""

    def __init__(self, enquiry: Enquiry, client: str) -> None:
        self._enquiry, self._client = enquiry, client
        self._told: Mapping[str, Any] = {}
        self._tokens = ""

    def begin(self) -> Invitation:
        """Ask for a code (RFC 8628, 3.1 and 3.2), at the address that the discovery document names (RFC 8414)."""
        document = self._enquiry.document()
        place, self._tokens = document.get("device_authorization_endpoint"), str(document.get("token_endpoint"))
        if not isinstance(place, str):
            raise Refused(
                "the identity provider knows no login by code",
                where="oidc.issuer",
                why="its discovery document names no device_authorization_endpoint",
                fix="enable the device flow for this client there; or: baton login --id-token-file FILE",
            )
        status, told = self._enquiry.post(place, {"client_id": self._client, "scope": SCOPE})
        if status != 200:
            raise _refused(told)
        self._told = told
        if not (text_of(told, "device_code") and text_of(told, "user_code") and safe(text_of(told, "verification_uri"))):
            raise Unavailable(
                "the identity provider's answer is not understood",
                where=place,
                why="it needs device_code, user_code and an https verification_uri",
                fix="ask whoever runs it",
            )
        whole = text_of(told, "verification_uri_complete")
        shown = whole if safe(whole) else ""
        return Invitation(
            text_of(told, "user_code"), text_of(told, "verification_uri"), shown, _seconds(told, "expires_in", LONGEST)
        )

    def token(self, wait: Callable[[float], None]) -> str:
        """The ID token, once the person has confirmed (RFC 8628, 3.4 and 3.5). `wait` lets so many seconds pass."""
        fields = {"grant_type": GRANT, "device_code": text_of(self._told, "device_code"), "client_id": self._client}
        pause, left = max(1.0, _seconds(self._told, "interval", INTERVAL)), _seconds(self._told, "expires_in", LONGEST)
        while left > 0:
            wait(pause)
            left -= pause
            try:
                status, told = self._enquiry.post(self._tokens, fields)
            except Unavailable:
                # RFC 8628, 3.5: a connection that fails is asked again, ever more slowly.
                pause = min(2 * pause, LONGEST)
                continue
            if status == 200:
                return id_token_of(told)
            said = text_of(told, "error")
            if said == "slow_down":
                pause += SLOWER
            elif said != "authorization_pending":
                raise _refused(told)
        raise _refused({"error": "expired_token"})


_WORDS: Mapping[str, tuple[str, str]] = {
    "access_denied": ("the login was refused at the identity provider", "baton login, and confirm it there"),
    "expired_token": ("the code was not confirmed in time", "baton login gives another one"),
}


def _refused(told: Mapping[str, Any]) -> BatonError:
    said = text_of(told, "error")
    what, fix = _WORDS.get(said, ("the identity provider refuses the login", "check oidc.client_id, and the device flow there"))
    return Refused(what, where="oidc.issuer", why=text_of(told, "error_description") or said, fix=fix)


def _seconds(told: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = told.get(name)
    return min(float(value), LONGEST) if isinstance(value, int | float) and 0 <= value < float("inf") else otherwise
