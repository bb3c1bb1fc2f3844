"""Channels against real receivers on this machine: the common suite for each, and what only one of them can do."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from receivers import Hooks, PostOffice
from standardwebhooks import Webhook as Oracle
from standardwebhooks import WebhookVerificationError

from baton.app.bootstrap import open_channels
from baton.app.workspace import Workspace
from baton.backends.keys import open_secret
from baton.backends.notify.apprise_channel import AppriseChannel
from baton.backends.notify.mail import Mail
from baton.backends.notify.webhook import Webhook, _allowed
from baton.kernel.errors import Refused, Unavailable
from baton.project.ownership import Member, Notify, Ownership
from baton.team.ports import Busy, Gone, Message, Unset
from baton.testing.channel_suite import AT, HANGS, ChannelSuite, message

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class HookPlace:
    """A receiver of webhooks."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks

    def channel(self, patience: float = 5.0) -> Webhook | AppriseChannel:
        return Webhook(self.hooks.url, SECRET, patience)

    def answers(self, how: str) -> None:
        self.hooks.hangs = how == HANGS
        self.hooks.status = {"takes": 204, "fails": 500, "refuses": 410}.get(how, 204)

    def received(self) -> list[str]:
        found = [json.loads(post.body) for post in self.hooks.posts]
        return [
            f"{post.headers['webhook-id']}\n{told['data']['title']}\n{told['data']['words']}"
            for post, told in zip(self.hooks.posts, found, strict=True)
        ]

    def stop(self) -> None:
        self.hooks.stop()


class ApprisePlace(HookPlace):
    """The same receiver, reached through Apprise."""

    def channel(self, patience: float = 5.0) -> AppriseChannel:
        return AppriseChannel(f"json://127.0.0.1:{self.hooks.port}/hook?cto={patience}&rto={patience}")

    def received(self) -> list[str]:
        found = [json.loads(post.body) for post in self.hooks.posts]
        return [f"{told['title']}\n{told['message']}" for told in found]


class MailPlace:
    """A mailbox behind a mail server."""

    def __init__(self, office: PostOffice) -> None:
        self.office = office

    def channel(self, patience: float = 5.0) -> Mail:
        return Mail("mailto:eve@shop.example", f"smtp://127.0.0.1:{self.office.port}", "baton@shop.example", patience=patience)

    def answers(self, how: str) -> None:
        box = self.office.mailbox
        box.hangs = how == HANGS
        box.answer = {"fails": "451 try again later", "refuses": "554 no"}.get(how, "250 2.0.0 queued as 42")

    def received(self) -> list[str]:
        letters = [message_from_bytes(letter, policy=default) for letter in self.office.mailbox.letters]
        return [f"{letter['Message-ID']}\n{letter['Subject']}\n{letter.get_content()}" for letter in letters]

    def stop(self) -> None:
        self.office.stop()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as hooks:
        yield hooks


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with PostOffice() as office:
        yield office


class TestWebhook(ChannelSuite):
    @pytest.fixture
    def place(self, hooks: Hooks) -> HookPlace:
        return HookPlace(hooks)


class TestMail(ChannelSuite):
    @pytest.fixture
    def place(self, office: PostOffice) -> MailPlace:
        return MailPlace(office)


class TestApprise(ChannelSuite):
    refuses = Unavailable

    @pytest.fixture
    def place(self, hooks: Hooks) -> ApprisePlace:
        return ApprisePlace(hooks)


def now_message(**fields: Any) -> Message:
    return replace(message(**fields), at=datetime.now(UTC))


def test_a_receiver_verifies_the_signature_as_the_standard_says(hooks: Hooks) -> None:
    Webhook(hooks.url, SECRET).send(now_message(words="Grüße, 日本"))
    (post,) = hooks.posts
    told = Oracle(SECRET).verify(post.body, post.headers)
    assert told["type"] == "baton.notice" and told["data"]["words"] == "Grüße, 日本"
    assert told["data"]["notices"] == ["notice-0123456789ab"] and told["data"]["to"] == "eve"
    for changed in (
        {"webhook-id": "notice-other"},
        {"webhook-timestamp": str(int(post.headers["webhook-timestamp"]) + 1)},
        {"webhook-signature": "v1,AAAA"},
    ):
        with pytest.raises(WebhookVerificationError):
            Oracle(SECRET).verify(post.body, post.headers | changed)
    with pytest.raises(WebhookVerificationError):
        Oracle(SECRET).verify(post.body.replace(b"eve", b"eva"), post.headers)


def test_the_signature_is_the_oracle_s_own(hooks: Hooks) -> None:
    Webhook(hooks.url, SECRET).send(message())
    (post,) = hooks.posts
    assert post.headers["webhook-signature"] == Oracle(SECRET).sign("notice-0123456789ab", AT, post.body.decode())


def test_the_workspace_s_own_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "webhook.secret"
    secret = open_secret(path)
    assert open_secret(path) == secret and secret.startswith("whsec_") and path.stat().st_mode & 0o777 == 0o600
    assert Oracle(secret).sign("a", AT, "b")
    path.chmod(0o644)
    with pytest.raises(Refused, match="read by others"):
        open_secret(path)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(hooks: Hooks, status: int) -> None:
    hooks.status, hooks.headers = status, {"location": hooks.url}
    with pytest.raises(Refused, match="redirects"):
        Webhook(hooks.url, SECRET).send(message())
    assert len(hooks.posts) == 1


def test_gone_is_told_apart(hooks: Hooks) -> None:
    hooks.status = 410
    with pytest.raises(Gone):
        Webhook(hooks.url, SECRET).send(message())


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("120", timedelta(seconds=120)),
        (format_datetime(AT + timedelta(hours=1), usegmt=True), timedelta(hours=1)),
        ("9" * 30, timedelta(seconds=10**8)),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(hooks: Hooks, status: int, header: str, after: timedelta) -> None:
    hooks.status, hooks.headers = status, {"retry-after": header}
    with pytest.raises(Busy) as caught:
        Webhook(hooks.url, SECRET).send(message())
    assert caught.value.after == after


@pytest.mark.parametrize("header", ["soon", "-5", "", format_datetime(AT - timedelta(hours=1), usegmt=True)])
def test_a_retry_after_that_says_nothing_is_an_ordinary_failure(hooks: Hooks, header: str) -> None:
    hooks.status, hooks.headers = 429, {"retry-after": header}
    with pytest.raises(Unavailable) as caught:
        Webhook(hooks.url, SECRET).send(message())
    assert not isinstance(caught.value, Busy)


def test_an_endless_answer_is_cut(hooks: Hooks) -> None:
    hooks.status, hooks.text = 200, b"x" * 1_000_000
    assert len(Webhook(hooks.url, SECRET).send(message())) <= 200


def test_an_answer_that_drips_is_cut() -> None:
    """Every byte comes in time, the whole never does: only the limit on the conversation ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def drip() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.05):
                    try:
                        peer.sendall(b"x-a: b\r\n"[:1])
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            with pytest.raises(Unavailable):
                Webhook(f"http://127.0.0.1:{listening.getsockname()[1]}/", SECRET, patience=0.4).send(message())
        finally:
            done.set()
            thread.join(10)


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.shop.example/x",
        "ftp://127.0.0.1/",
        "https://",
        "https://user:word@shop.example/",
        "http://[::1",
        "http://127.0.0.1:99999/",
    ],
)
def test_addresses_that_are_not_sent_to(address: str) -> None:
    with pytest.raises(Refused):
        Webhook(address, SECRET)


@pytest.mark.parametrize("address", ["https://hooks.shop.example/grüße", "https://a..example/", f"https://{'a' * 64}.example/"])
def test_an_address_that_cannot_go_over_the_wire_is_refused_when_it_is_read(address: str) -> None:
    with pytest.raises(Refused, match="not understood"):
        Webhook(address, SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_QQ==", f"whsec_{'A' * 28}"])
def test_a_secret_that_anybody_could_guess_signs_nothing(secret: str) -> None:
    with pytest.raises(Refused, match="too short"):
        Webhook("https://shop.example/", secret)


@pytest.mark.parametrize("secret", ["whsec_!!!", "geheim§"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(Refused, match="secret"):
        Webhook("https://shop.example/", secret)


@pytest.mark.parametrize(
    ("host", "place", "allowed"),
    [
        ("hooks.shop.example", "203.0.113.9", True),
        ("hooks.shop.example", "10.1.2.3", True),
        ("hooks.shop.example", "127.0.0.1", False),
        ("hooks.shop.example", "::1", False),
        ("hooks.shop.example", "169.254.169.254", False),
        ("hooks.shop.example", "::ffff:169.254.169.254", False),
        ("hooks.shop.example", "::ffff:127.0.0.1", False),
        ("hooks.shop.example", "fe80::1%eth0", False),
        ("hooks.shop.example", "0.0.0.0", False),
        ("hooks.shop.example", "224.0.0.1", False),
        ("hooks.shop.example", "64:ff9b::169.254.169.254", False),
        ("hooks.shop.example", "2002:a9fe:a9fe::1", False),
        ("hooks.shop.example", "2002:7f00:1::1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "::1", True),
    ],
)
def test_where_nothing_is_sent_whatever_a_name_leads_to(host: str, place: str, allowed: bool) -> None:
    assert _allowed(host, place) is allowed


def test_a_letter_says_what_it_is(office: PostOffice) -> None:
    channel = Mail("mailto:eve@shop.example", f"smtp://127.0.0.1:{office.port}", "baton@shop.example")
    receipt = channel.send(message(notices=("notice-a", "notice-b")))
    assert receipt == "250 2.0.0 queued as 42"
    letter = message_from_bytes(office.mailbox.letters[0], policy=default)
    assert letter["Message-ID"] == "<notice-0123456789ab@shop.example>"
    assert (letter["To"], letter["From"], letter["Importance"]) == ("eve@shop.example", "baton@shop.example", "high")
    assert letter["X-Baton-Notices"] == "notice-a notice-b" and letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == AT
    assert b"\n" not in office.mailbox.letters[0].replace(b"\r\n", b"")


@pytest.mark.parametrize(("answer", "error"), [("550 no such user", Refused), ("450 later", Unavailable)])
def test_a_mailbox_that_is_not_there_is_a_refusal_and_a_full_one_is_not(
    office: PostOffice, answer: str, error: type[Exception]
) -> None:
    office.mailbox.recipient = answer
    with pytest.raises(error) as caught:
        Mail("mailto:eve@shop.example", f"smtp://127.0.0.1:{office.port}", "baton@shop.example").send(message())
    assert answer in str(caught.value)


def test_a_password_goes_nowhere_without_encryption(office: PostOffice) -> None:
    with pytest.raises(Refused, match="encryption"):
        Mail("mailto:eve@shop.example", f"smtp://me@127.0.0.1:{office.port}", "baton@shop.example", "word").send(message())
    assert office.mailbox.letters == []


@pytest.mark.parametrize(
    "contact",
    ["mailto:", "mailto:eve", "mailto:eve@a.example,bob@a.example", "mailto:eve%0d%0aBcc:x@a.example", "mailto:<eve@a>"],
)
def test_mail_addresses_that_are_none(contact: str) -> None:
    with pytest.raises(Refused, match="not understood"):
        Mail(contact, "smtp://127.0.0.1", "baton@shop.example")


def test_what_mail_cannot_carry_is_refused_when_it_is_read() -> None:
    """Found while sending, it would end whatever sends."""
    with pytest.raises(Refused, match="not understood"):
        Mail("mailto:änne@shop.example", "smtp://127.0.0.1", "baton@shop.example")
    with pytest.raises(Unset, match="sender"):
        Mail("mailto:eve@shop.example", "smtp://127.0.0.1", "baton@münchen.example")
    with pytest.raises(Unset, match="server's address"):
        Mail("mailto:eve@shop.example", "smtp://127.0.0.1:99999", "baton@shop.example")


def test_a_title_of_two_lines_is_one_line_of_mail(office: PostOffice) -> None:
    title = "model 7\r\nBcc: eve@evil.example\n\nhello"
    Mail("mailto:eve@shop.example", f"smtp://127.0.0.1:{office.port}", "baton@shop.example").send(message(title=title))
    letter = message_from_bytes(office.mailbox.letters[0], policy=default)
    assert letter["Subject"] == "model 7 Bcc: eve@evil.example hello" and letter["Bcc"] is None


@pytest.mark.parametrize("contact", ["slack://", "nonsense://x", "what is this"])
def test_apprise_addresses_that_are_none(contact: str) -> None:
    with pytest.raises(Refused, match="not understood"):
        AppriseChannel(contact)


def test_contacts_find_their_channel(tmp_path: Path, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    owned = Ownership(
        people=(Member(name="eve", roles=("sre",)),), notify=Notify(smtp="smtp://127.0.0.1:25", sender="b@x.example")
    )
    channel = open_channels(Workspace(tmp_path, "wall"), owned)
    assert isinstance(channel("mailto:eve@shop.example"), Mail)
    assert isinstance(channel("https://hooks.shop.example/x"), Webhook)
    assert isinstance(channel(f"json://127.0.0.1:{hooks.port}"), AppriseChannel)
    monkeypatch.setenv("HOOK_PORT", str(hooks.port))
    channel("http://127.0.0.1:${HOOK_PORT}/hook").send(now_message())
    secret = (tmp_path / "keys" / "webhook.secret").read_text().strip()
    assert Oracle(secret).verify(hooks.posts[0].body, hooks.posts[0].headers)
    monkeypatch.setenv("BATON_WEBHOOK_SECRET", SECRET)
    channel(hooks.url).send(now_message())
    assert Oracle(SECRET).verify(hooks.posts[1].body, hooks.posts[1].headers)
    with pytest.raises(Unset, match="NOT_THERE"):
        channel("slack://${NOT_THERE}/x")
    bare = open_channels(Workspace(tmp_path, "wall"), owned.model_copy(update={"notify": None}))
    with pytest.raises(Unset, match="no mail server"):
        bare("mailto:eve@shop.example")


def test_a_message_is_a_value() -> None:
    assert replace(message(), title="x").key == message().key
