"""The authorization code grant (RFC 6749, 4.1) with proof of possession (PKCE, RFC 7636): a login in the browser that asks.

The browser goes to the provider and comes back with a code; the code and the secret that only this console knows are
exchanged for an ID token, straight with the provider.
"""

from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from baton.backends.credentials.enquiry import Enquiry, id_token_of, safe, text_of
from baton.kernel.errors import Refused

SCOPE: Final = "openid email profile"
METHOD: Final = "S256"


class CodePassage:
    """Implements `team.ports.Passage` for one client of an issuer. A public client: there is no secret to keep."""

    def __init__(self, enquiry: Enquiry, client: str) -> None:
        self._enquiry, self._client = enquiry, client

    def begin(self, back: str, state: str, nonce: str, challenge: str) -> str:
        """The provider's own address for this login, its parameters beside those that it has already."""
        document = self._enquiry.document()
        place, methods = document.get("authorization_endpoint"), document.get("code_challenge_methods_supported")
        if not isinstance(place, str) or not safe(place):
            raise Refused(
                "the identity provider knows no login in a browser",
                where="oidc.issuer",
                why="its discovery document names no https authorization_endpoint",
                fix="sign in with name and password; or: baton login --code",
            )
        if isinstance(methods, list) and METHOD not in methods:
            raise Refused(
                "the identity provider takes no proof of possession",
                where="oidc.issuer",
                why="without PKCE by S256 whoever sees the code could use it",
                fix="enable PKCE for this client there",
            )
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": back,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": METHOD,
        }
        parts = urlsplit(place)
        query = "&".join(filter(None, (parts.query, urlencode(asked))))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    def token(self, code: str, back: str, verifier: str) -> str:
        """The ID token that a code stands for."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": self._client,
            "code_verifier": verifier,
        }
        status, told = self._enquiry.post(str(self._enquiry.document().get("token_endpoint")), fields)
        if status != 200:
            raise Refused(
                "the identity provider refuses the login",
                where="oidc.issuer",
                why=text_of(told, "error_description") or text_of(told, "error"),
                fix="sign in again; else check oidc.client_id and its redirect address there",
            )
        return id_token_of(told)
