"""An identity provider on this machine: publishes real keys, signs real ID tokens, and tells how often it was asked."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

AT = datetime(2023, 1, 1, 12, tzinfo=UTC)
RSA_KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


@dataclass
class Issuer:
    """A provider: what it answers by path, and how often it was asked."""

    url: str = ""
    pages: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    polls: list[Any] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)

    def publish(self, *keys: tuple[str, Any]) -> None:
        told = [{**json.loads(_public(key)), "kid": kid, "use": "sig"} for kid, key in keys]
        self.pages["/keys"] = {"keys": told}
        self.pages["/.well-known/openid-configuration"] = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "device_authorization_endpoint": f"{self.url}/device",
            "token_endpoint": f"{self.url}/token",
            "authorization_endpoint": f"{self.url}/authorize?tenant=shop",
            "code_challenge_methods_supported": ["plain", "S256"],
        }

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        """What a form is answered: a code to confirm (RFC 8628), and by `polls` what each question for the token is told."""
        self.forms.append(form)
        if path == "/token" and form.get("grant_type") == "authorization_code":
            return self._exchanged(form)
        if path == "/device":
            return 200, self.pages.get("/device") or {
                "device_code": "the-device-code",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.url}/activate",
                "verification_uri_complete": f"{self.url}/activate?user_code=WDJB-MJHT",
                "expires_in": 600,
                "interval": 3,
            }
        known = form.get("device_code") == "the-device-code" and form.get("client_id") == "baton"
        if path != "/token" or not known or form.get("grant_type") != "urn:ietf:params:oauth:grant-type:device_code":
            return 400, {"error": "invalid_grant"}
        told = self.polls.pop(0) if self.polls else "authorization_pending"
        return (400, {"error": told}) if isinstance(told, str) else (told, {}) if isinstance(told, int) else (200, told)

    def confirmed(self, place: str, code: str = "a-code", **changed: Any) -> dict[str, str]:
        """A person confirms what a browser was sent here with: what it is sent back with, and a code that stands for a token."""
        asked = dict(parse_qsl(urlsplit(place).query))
        self.codes[code] = (asked, self.token(**{"nonce": asked["nonce"], **changed}))
        return {"state": asked["state"], "code": code, "iss": self.url}

    def _exchanged(self, form: dict[str, str]) -> tuple[int, Any]:
        """A code is good once, for the client, address and verifier that it was asked with (RFC 6749, 4.1.3; RFC 7636, 4.6)."""
        asked, token = self.codes.pop(form.get("code", ""), ({}, ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        same = all(asked.get(name) == form.get(name) for name in ("client_id", "redirect_uri"))
        right = asked and same and asked["code_challenge"] == challenge and asked["code_challenge_method"] == "S256"
        return (200, {"id_token": token}) if right else (400, {"error": "invalid_grant"})

    def token(self, key: Any = None, kid: str | None = "one", algorithm: str = "RS256", **changed: Any) -> str:
        seconds = int(AT.timestamp())
        claims = {"iss": self.url, "aud": "baton", "sub": "1", "email": "ann@shop.example", "iat": seconds, "exp": seconds + 300}
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(claims, RSA_KEYS[0] if key is None else key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def _public(key: Any) -> str:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    text: str = algorithm.to_jwk(key.public_key())
    return text


@contextmanager
def serving() -> Iterator[Issuer]:
    """A provider that answers as long as it is needed."""
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            page = made.pages.get(self.path)
            status = 404 if page is None else page if isinstance(page, int) else 200
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{made.url}/keys")
            self.end_headers()
            self.wfile.write(page if isinstance(page, bytes) else json.dumps(page).encode())

        def do_POST(self) -> None:
            made.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status, told = made.answer(self.path, dict(parse_qsl(body)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    made.publish(("one", RSA_KEYS[0]))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
