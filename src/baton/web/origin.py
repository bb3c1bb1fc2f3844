"""By which names the console is asked, and from which pages: against pages of strangers in the same browser.

A stranger's page can give its own name the address of this machine (DNS rebinding) and would then be asked with our cookies'
port open to it: so a name that is not ours is not answered. And it can send forms here: so a form says from where it comes.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from baton.kernel.errors import InvalidInput, Refused

Heads = Iterable[tuple[bytes, bytes]]
NEAR: Final = ("localhost", "127.0.0.1", "[::1]")
_PORTS: Final = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a console is reached: the address and port it listens on, the names it goes by, and whether every way to it is TLS.

    `tls` holds for a certificate of its own and for a proxy that ends TLS in front; the port of a `proxied` one is the proxy's.
    """

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    tls: bool = False
    proxied: bool = False

    @property
    def scheme(self) -> str:
        """`https` or `http`, as a browser sees it."""
        return "https" if self.tls else "http"

    @property
    def address(self) -> str:
        """What a person types into a browser."""
        name = self.names[0] if self.names else _written(self.host)
        return f"{self.scheme}://{name}" + ("" if self.names and self.proxied else f":{self.port}")

    def knows(self, asked: str) -> bool:
        """Whether a Host is one of ours: this machine or the address listened on, with our port, or a name that was given."""
        host, between, port = _split(asked)
        if between not in ("", ":") or (port and not port.isdigit()):
            return False
        if host in self.names:
            return True
        # a request over one's own TLS on 443 or in the clear on 80 names no port
        mine = port == str(self.port) or (not port and _PORTS[self.scheme] == str(self.port))
        return mine and host in {*NEAR, _written(self.host)}


def host_asked(heads: Heads) -> str:
    """The one Host of a request, empty without one or with several."""
    found = _all(heads, b"host")
    return found[0].lower() if len(found) == 1 else ""


def require_own(heads: Heads, scheme: str) -> None:
    """Raise Refused for a form that was not sent by a page of this very console: by Origin, else by Referer.

    What a browser says of it in Sec-Fetch-Site counts as well: another port of this machine is another site's page to us.
    """
    own = _plain(f"{scheme}://{host_asked(heads)}")
    said = _all(heads, b"origin") or _all(heads, b"referer")
    site = _all(heads, b"sec-fetch-site")
    if len(said) != 1 or not own[0] or _plain(said[0]) != own or any(each not in ("same-origin", "none") for each in site):
        raise Refused(
            "this was not sent from a page of this console",
            where="headers Origin, Referer, Sec-Fetch-Site",
            why="a form counts only when a page of the console itself sends it",
            fix="open the console and do it there; a job asks /api with a token",
        )


def is_strange(heads: Heads, method: str) -> bool:
    """Whether a page of somebody else's fetches or embeds a page of ours; a link to us is none of that."""
    site, mode, dest = ((_all(heads, name) or [""])[0] for name in (b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"))
    if site not in ("cross-site", "same-site"):
        return False
    return not (method in ("GET", "HEAD") and mode == "navigate" and dest in ("", "document"))


def require_names(host: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names a console goes by, as a browser writes them. Raises InvalidInput for one that is none, and where every address
    of the machine is listened on and no name is given."""
    plain = tuple(name.strip().lower().rstrip(".") for name in names)
    for name in plain:
        if re.fullmatch(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", name) is None:
            raise InvalidInput(
                f"'{name[:100]}' is no name of a machine",
                where="--name",
                fix="without scheme, port and path: --name console.example.com",
            )
    if not plain and not _concrete(host):
        raise InvalidInput(
            "by which name is this console asked?",
            where="--name",
            why=f"{host} is every address of this machine, and pages are answered only to the names that the console goes by",
            fix="--name console.example.com",
        )
    return plain


def _concrete(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_unspecified
    except ValueError:
        return bool(host)


def _written(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host.lower()


def _split(asked: str) -> tuple[str, str, str]:
    """A Host as name, colon, port; the brackets of an IPv6 address stay."""
    if asked.startswith("["):
        end = asked.find("]") + 1
        return asked[:end], asked[end : end + 1], asked[end + 1 :]
    return asked.partition(":")


def _plain(url: str) -> tuple[str, str, str]:
    """Scheme, name and port of a URL, with the port that is not written; empty for what is none, such as `null`."""
    try:
        parts = urlsplit(url)
        port = str(parts.port or _PORTS.get(parts.scheme, ""))
    except ValueError:
        return ("", "", "")
    return (parts.scheme, (parts.hostname or "").lower(), port) if parts.hostname else ("", "", "")


def _all(heads: Heads, name: bytes) -> list[str]:
    return [value.decode("latin-1") for each, value in heads if each == name]
