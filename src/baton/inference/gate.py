"""Who may talk to the server: the host names it answers to, and the bearer token when one is configured."""

import hmac
import ipaddress
from dataclasses import dataclass

from baton.inference.reply import Reply, refusal
from baton.kernel.errors import Refused

ALIVE = frozenset({"/health", "/v2/health/live"})
"""Paths that tell no more than that the process runs."""
TOKEN = "BATON_SERVE_TOKEN"
LOCAL = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
Headers = dict[bytes, bytes]


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules at the door.

    Without a token only requests that name this machine pass, so that a web page elsewhere cannot reach the server
    through a host name of its own (DNS rebinding). With a token every path needs it but those that tell that the process runs.
    """

    token: str = ""

    def check(self, path: str, headers: Headers) -> Reply | None:
        """None, or the refusal."""
        if not self.token:
            return self._host(headers)
        given, wanted = headers.get(b"authorization", b""), b"Bearer " + self.token.encode()
        if path in ALIVE or hmac.compare_digest(given, wanted):
            return None
        return refusal(
            401,
            "unauthorized",
            "this server wants a token",
            field="authorization",
            fix="send 'Authorization: Bearer TOKEN'",
            headers=((b"www-authenticate", b"Bearer"),),
        )

    def _host(self, headers: Headers) -> Reply | None:
        name = headers.get(b"host", b"")
        name = name[: name.find(b"]") + 1] if name.startswith(b"[") else name.partition(b":")[0]
        if name.lower() in LOCAL:
            return None
        return refusal(
            400,
            "wrong-host",
            "this server answers to 127.0.0.1, localhost and [::1] only",
            field="host",
            fix="call it by one of these names, or start it with BATON_SERVE_TOKEN",
        )


def refuse_open_door(host: str, gate: Gate) -> None:
    """Raise Refused for an address that other machines reach while no token guards it."""
    if not is_loopback(host) and not gate.token:
        raise Refused(
            f"{host} can be reached from other machines",
            why="no token is configured",
            fix=f"set {TOKEN} to a long random text, or leave --host out",
        )
