"""Names by which a console is asked, and pages from which forms may come."""

import pytest

from baton.kernel.errors import InvalidInput, Refused
from baton.web.origin import Place, host_asked, is_strange, require_names, require_own

NEAR = Place("127.0.0.1", 8090)
FAR = Place("0.0.0.0", 8443, ("console.example.com",), tls=True)


def heads(**told: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()]


@pytest.mark.parametrize(
    ("place", "asked", "known"),
    [
        (NEAR, "127.0.0.1:8090", True),
        (NEAR, "localhost:8090", True),
        (NEAR, "[::1]:8090", True),
        (NEAR, "127.0.0.1", False),
        (NEAR, "127.0.0.1:80", False),
        (NEAR, "127.0.0.1:", False),
        (NEAR, "127.0.0.2:8090", False),
        (NEAR, "[::1", False),
        (NEAR, "[::1]x8090", False),
        (NEAR, "evil.example:8090", False),
        (NEAR, "127.0.0.1.evil.example:8090", False),
        (NEAR, "", False),
        (Place("127.0.0.1", 80), "127.0.0.1", True),
        (Place("::1", 8090), "[::1]:8090", True),
        (Place("fe80::1%eth0", 8090), "[fe80::1]:8090", True),
        (Place("192.0.2.7", 8443, tls=True), "192.0.2.7:8443", True),
        (Place("192.0.2.7", 443, tls=True), "192.0.2.7", True),
        (FAR, "console.example.com", True),
        (FAR, "console.example.com:8443", True),
        (FAR, "console.example.com.evil.example", False),
        (FAR, "0.0.0.0:8443", True),
        (FAR, "192.0.2.7:8443", False),
    ],
)
def test_a_console_answers_to_its_names(place: Place, asked: str, known: bool) -> None:
    assert place.knows(asked) is known


def test_two_hosts_are_none() -> None:
    assert host_asked([(b"host", b"127.0.0.1:8090"), (b"host", b"evil.example")]) == "" == host_asked([])


@pytest.mark.parametrize(
    "told",
    [
        {"origin": "http://127.0.0.1:8090"},
        {"origin": "http://127.0.0.1:8090", "sec_fetch_site": "same-origin"},
        {"referer": "http://127.0.0.1:8090/inbox?x=1", "sec_fetch_site": "none"},
    ],
)
def test_a_page_of_the_console_may_send(told: dict[str, str]) -> None:
    require_own(heads(host="127.0.0.1:8090", **told), "http")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"origin": "null"},
        {"origin": "http://localhost:8090"},
        {"origin": "https://127.0.0.1:8090"},
        {"origin": "http://127.0.0.1:8090.evil.example"},
        {"origin": "http://127.0.0.1:8090@evil.example"},
        {"origin": "http://127.0.0.1:99999"},
        {"origin": "http://[::1"},
        {"origin": "null", "referer": "http://127.0.0.1:8090/"},
        {"referer": "https://evil.example/?http://127.0.0.1:8090"},
        {"origin": "http://127.0.0.1:8090", "sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:8090", "sec_fetch_site": "same-site"},
    ],
)
def test_no_other_page_may(told: dict[str, str]) -> None:
    with pytest.raises(Refused, match="not sent from a page"):
        require_own(heads(host="127.0.0.1:8090", **told), "http")


def test_a_port_that_need_not_be_written_is_the_same() -> None:
    require_own(heads(host="console.example.com:443", origin="https://console.example.com"), "https")
    require_own(heads(host="console.example.com", origin="https://CONSOLE.example.com:443"), "https")
    with pytest.raises(Refused):
        require_own(heads(host="", origin="null"), "http")


def test_a_link_is_no_fetch() -> None:
    link = heads(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert not is_strange(link, "GET") and is_strange(link, "POST")
    assert is_strange(heads(sec_fetch_site="same-site", sec_fetch_mode="cors", sec_fetch_dest="empty"), "GET")
    assert not is_strange(heads(sec_fetch_site="same-origin", sec_fetch_mode="cors"), "POST") and not is_strange([], "POST")


@pytest.mark.parametrize("name", ["https://x", "x:80", "x/y", "", "-x", "x..y", "x y", "é", "x" * 254, "*.x"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a machine"):
        require_names("127.0.0.1", [name])


def test_every_address_needs_a_name() -> None:
    assert require_names("0.0.0.0", ["Console.Example.com."]) == ("console.example.com",)
    assert require_names("192.0.2.7", []) == () == require_names("localhost", [])
    for host in ("0.0.0.0", "::", ""):
        with pytest.raises(InvalidInput, match="by which name"):
            require_names(host, [])


def test_what_a_person_types() -> None:
    assert NEAR.address == "http://127.0.0.1:8090" and FAR.address == "https://console.example.com:8443"
    assert Place("127.0.0.1", 8090, FAR.names, tls=True, proxied=True).address == "https://console.example.com"
    assert Place("::1", 8090).address == "http://[::1]:8090"
