"""Signed webhooks after Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

The receiver takes the signature over id, timestamp and body with the shared secret, and recognises by the id what it has
had before. Nothing is followed: a redirect is a refusal, and the connection goes to the very address that was looked at.
"""

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from baton.backends.notify.deadline import SECONDS, bounded
from baton.backends.notify.distrust import distrusted
from baton.kernel.clock import iso
from baton.kernel.errors import Refused, Unavailable
from baton.team.ports import Busy, Gone, Message

PREFIX = "whsec_"
LIMIT = 4096
SHORTEST = 24
"""Bytes of a secret, as the standard asks for: a shorter one signs nothing."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Webhook:
    """Implements `team.ports.Channel`, and the app's `Hook`, over HTTP POST."""

    def __init__(self, address: str, secret: str, patience: float = SECONDS, *, trust: ssl.SSLContext | None = None) -> None:
        self._parts, self._key, self._patience = _checked(address), _key(secret), patience
        self._trust = trust or ssl.create_default_context()

    def send(self, message: Message) -> str:
        """Post the message; returns the status and the beginning of the answer."""
        return self.post(message.key, _body(message), message.at)

    def post(self, key: str, body: bytes, at: datetime) -> str:
        """Post any JSON body under an idempotency key; raises what `send` raises."""
        stamp = str(int(at.timestamp()))
        signature = b64encode(hmac.digest(self._key, f"{key}.{stamp}.".encode() + body, hashlib.sha256)).decode()
        headers = {
            "content-type": "application/json",
            "user-agent": "baton",
            "webhook-id": key,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }
        try:
            status, told, after = self._post(body, headers)
        except ssl.SSLCertVerificationError as error:
            raise distrusted("the receiver", self._where, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("the receiver does not answer", where=self._where, why=_reason(error)) from error
        return self._judged(status, told, _wait(after, at))

    @property
    def _where(self) -> str:
        return str(self._parts.hostname)

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, str]:
        port = self._parts.port or (443 if self._parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(self._where, port)
        raw = _connected(self._where, port, self._patience)
        try:
            with bounded(raw, self._patience):
                connection.sock = raw
                if self._parts.scheme == "https":
                    connection.sock = self._trust.wrap_socket(raw, server_hostname=self._where)
                path = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                told = " ".join(response.read(LIMIT).decode(errors="replace").split())
                return response.status, told[:150], response.getheader("retry-after") or ""
        finally:
            connection.close()
            raw.close()

    def _judged(self, status: int, told: str, after: timedelta) -> str:
        words = f"HTTP {status}{f': {told}' if told else ''}"
        if 200 <= status < 300:
            return words
        if status == http.client.GONE:
            raise Gone("the receiver says that it is gone", where=self._where, why=words)
        if 300 <= status < 400:
            raise Refused("the receiver redirects, and redirects are not followed", where=self._where, why=words)
        if after:
            raise Busy("the receiver asks to wait", after, where=self._where, why=words)
        raise Unavailable("the receiver did not take it", where=self._where, why=words)


def _checked(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna"), f"{parts.path}?{parts.query}".encode("ascii")
    except ValueError as error:
        fix = "write it in ASCII, other signs as %XX; e.g. https://hooks.shop.example/baton"
        raise Refused("the webhook's address is not understood", why=str(error), fix=fix) from error
    local = parts.scheme == "http" and host in LOCAL
    if not host or not (parts.scheme == "https" or local) or parts.username or parts.password:
        raise Refused(
            "the webhook's address is not one that is sent to",
            where=str(host),
            why="https, or http to this machine; no user in it",
            fix="write e.g. contact: https://hooks.shop.example/baton",
        )
    return parts


def _key(secret: str) -> bytes:
    fix = f"write {PREFIX} and {SHORTEST} to 64 bytes in base64"
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (NotBase64, ValueError) as error:
        raise Refused("the webhook secret is not understood", fix=fix) from error
    if len(key) < SHORTEST:
        raise Refused("the webhook secret is too short to sign with", why=f"it has {len(key)} bytes", fix=fix)
    return key


def _body(message: Message) -> bytes:
    data = {
        "to": message.to,
        "title": message.title,
        "words": message.words,
        "urgent": message.urgent,
        "notices": list(message.notices),
    }
    return json.dumps({"type": "baton.notice", "timestamp": iso(message.at), "data": data}, ensure_ascii=False).encode()


def _connected(host: str, port: int, patience: float) -> socket.socket:
    """A connection to the first address of a host that may be sent to; looked up once, so it cannot change in between."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [place[4] for place in found if _allowed(host, str(place[4][0]))]
    if not allowed:
        raise Refused("the webhook's address leads where nothing is sent", where=host, why=str(found[0][4][0]))
    return socket.create_connection((str(allowed[0][0]), port), timeout=patience)


def _allowed(host: str, address: str) -> bool:
    """Never to addresses that only machines use among themselves; to this machine only when its name says so."""
    place = ipaddress.ip_address(address.partition("%")[0])
    place = _inner(place)
    if place.is_loopback:
        return host in LOCAL
    return not (place.is_link_local or place.is_multicast or place.is_unspecified or place.is_reserved)


def _inner(place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address inside of an IPv6 one: mapped (RFC 4291), 6to4 (RFC 3056) or translated (RFC 6052); else the address."""
    if isinstance(place, ipaddress.IPv4Address):
        return place
    if place in NAT64:
        return ipaddress.IPv4Address(place.packed[-4:])
    return place.ipv4_mapped or place.sixtofour or place


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _wait(after: str, at: datetime) -> timedelta:
    """A Retry-After in seconds or as a date; nothing when there is none or it cannot be read."""
    if after.isdecimal():
        return timedelta(seconds=min(int(after[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(after)
    except (TypeError, ValueError):
        return timedelta()
    return max(timedelta(), (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - at)
