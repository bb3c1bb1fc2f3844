"""Whom the load goes to: an address of plain HTTP on this machine, or elsewhere with consent; and the bytes of requests."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from baton.app.alone.reach import is_loopback
from baton.kernel.errors import InvalidInput, Refused

CONSENT = "--i-may-load-this-host"


@dataclass(frozen=True, slots=True)
class Target:
    """A host, a port, the path that is asked, and the bearer token when the server wants one."""

    host: str
    port: int
    path: str
    token: str = ""

    @property
    def url(self) -> str:
        """As it was typed."""
        return f"http://{self._authority}{self.path}"

    @property
    def _authority(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def get(self, path: str) -> bytes:
        """The bytes of a GET."""
        return f"GET {path} HTTP/1.1\r\n{self._headers()}\r\n".encode()

    def post(self, body: bytes) -> bytes:
        """The bytes of a POST of a JSON body to the path."""
        about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"POST {self.path} HTTP/1.1\r\n{self._headers()}{about}\r\n".encode() + body

    def _headers(self) -> str:
        token = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return f"Host: {self._authority}\r\n{token}"


def read_target(url: str, token: str, *, consent: bool) -> Target:
    """The target of an address. Raises InvalidInput when it is none, Refused when it is another machine's without consent."""
    example = "write it like http://127.0.0.1:8080/predict"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError as error:
        raise InvalidInput(f"'{url}' is no address", why=str(error), fix=example) from error
    if parts.scheme != "http" or not host or parts.username:
        raise InvalidInput(
            f"'{url}' cannot be loaded", why="only plain HTTP is spoken, without a name in the address", fix=example
        )
    if any(not 33 <= ord(letter) < 127 for letter in url + token):
        raise InvalidInput("the address or the token has characters that HTTP does not allow", fix=example)
    if not (is_loopback(host) or consent):
        raise Refused(
            f"{host} is not this machine",
            where=url,
            why="a load test takes a server's whole capacity, and looks like an attack to whoever runs it",
            fix=f"when you may do so, say it: {CONSENT}",
        )
    path = (parts.path if parts.path not in ("", "/") else "/predict") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, path, token)
