"""Notices over TLS against real servers on this machine: only a certificate that holds is sent to."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from authority import Signed, signed
from receivers import Hooks, PostOffice

from baton.app.bootstrap import open_channels
from baton.app.workspace import Workspace
from baton.backends.notify.mail import Mail
from baton.backends.notify.webhook import Webhook
from baton.kernel.errors import Refused, Unavailable
from baton.project.ownership import Member, Notify, Ownership
from baton.team.ports import Channel
from baton.testing.channel_suite import message

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Receiver = Hooks | PostOffice
Kind = tuple[Callable[[ssl.SSLContext], AbstractContextManager[Receiver]], str]
KINDS: dict[str, Kind] = {
    "webhook": (Hooks, "https"),
    "mail, encrypted from the start": (lambda tls: PostOffice(tls=tls), "smtps"),
    "mail, encrypted on request": (lambda tls: PostOffice(starttls=tls), "smtp"),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def channel(scheme: str, port: int, trust: ssl.SSLContext | None) -> Channel:
    if scheme == "https":
        return Webhook(f"https://127.0.0.1:{port}/hook", SECRET, trust=trust)
    return Mail("mailto:eve@shop.example", f"{scheme}://127.0.0.1:{port}", "baton@shop.example", trust=trust)


def arrived(place: Receiver) -> int:
    return len(place.posts) if isinstance(place, Hooks) else len(place.mailbox.letters)


def test_it_arrives_where_the_certificate_holds(tmp_path: Path, kind: Kind) -> None:
    made = signed(tmp_path)
    with kind[0](made.server()) as place:
        channel(kind[1], place.port, made.trust()).send(message())
        assert arrived(place) == 1


WRONG: dict[str, Callable[[Path], tuple[Signed, bool]]] = {
    "an authority that nobody declared": lambda folder: (signed(folder), False),
    "another name": lambda folder: (signed(folder, "mail.shop.example"), True),
    "run out": lambda folder: (signed(folder, expired=True), True),
}


@pytest.mark.parametrize("why", WRONG)
def test_nothing_is_sent_where_it_does_not(tmp_path: Path, kind: Kind, why: str) -> None:
    made, declared = WRONG[why](tmp_path)
    with kind[0](made.server()) as place:
        with pytest.raises(Unavailable, match="certificate that is not trusted") as caught:
            channel(kind[1], place.port, made.trust() if declared else None).send(message())
        assert arrived(place) == 0
    assert caught.value.where == "127.0.0.1" and caught.value.why and "BATON_CA_FILE" in caught.value.fix


def test_an_authority_of_ones_own_is_declared_by_a_file(tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    made = signed(tmp_path)
    with kind[0](made.server()) as place:
        server = f"{kind[1]}://127.0.0.1:{place.port}"
        mail = Notify(smtp="smtp://x" if kind[1] == "https" else server, sender="baton@shop.example")
        owned = Ownership(people=(Member(name="eve", roles=("sre",)),), notify=mail)
        contact = f"{server}/hook" if kind[1] == "https" else "mailto:eve@shop.example"
        with pytest.raises(Unavailable, match="not trusted"):
            open_channels(Workspace(tmp_path, "wall"), owned)(contact).send(message())
        monkeypatch.setenv("BATON_CA_FILE", str(made.authority))
        open_channels(Workspace(tmp_path, "wall"), owned)(contact).send(message())
        assert arrived(place) == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none_is_said_to_be(
    tmp_path: Path, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("BATON_CA_FILE", str(file))
    with pytest.raises(Refused, match="certificate authorities cannot be used"):
        open_channels(Workspace(tmp_path, "wall"), Ownership(people=(Member(name="eve", roles=("sre",)),)))


def test_a_password_goes_over_an_encrypted_line_only_after_the_certificate_held(tmp_path: Path) -> None:
    with PostOffice(starttls=signed(tmp_path).server()) as place:
        mine = Mail("mailto:eve@shop.example", f"smtp://me@127.0.0.1:{place.port}", "baton@shop.example", "word")
        with pytest.raises(Unavailable, match="not trusted"):
            mine.send(message())


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "https"])
def test_a_greeting_or_handshake_that_drips_is_cut(scheme: str) -> None:
    """Every byte comes in time, the whole never does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def drip() -> None:
            peer, _ = listening.accept()
            with peer:
                while not over.wait(0.05):
                    try:
                        peer.sendall(b"\x16" if scheme != "smtp" else b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        slow: Channel = (
            Webhook(f"https://127.0.0.1:{port}/", SECRET, 0.3)
            if scheme == "https"
            else Mail("mailto:eve@shop.example", f"{scheme}://127.0.0.1:{port}", "baton@shop.example", patience=0.3)
        )
        try:
            with pytest.raises(Unavailable):
                slow.send(message())
        finally:
            over.set()
            thread.join(10)
