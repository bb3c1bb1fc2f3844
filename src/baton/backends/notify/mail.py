"""Mail over SMTP, for contacts like `mailto:ann@shop.example`: needs nothing but the standard library and a mail server.

The idempotency key is the Message-ID, so that a mailbox that has had a message can tell; the receipt is the server's word.
Encryption, from the start (RFC 8314) or by STARTTLS (RFC 3207), goes to a server with a certificate for its name or nowhere.
"""

import smtplib
import socket
import ssl
from contextlib import ExitStack
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from baton.backends.notify.deadline import SECONDS, bounded
from baton.backends.notify.distrust import distrusted
from baton.kernel.errors import Refused, Unavailable
from baton.team.ports import Message, Unset

PERMANENT = 500


class Mail:
    """Implements `team.ports.Channel` over one mail server: `smtp://[user@]host:port` or `smtps://…` (TLS from the start)."""

    def __init__(
        self,
        contact: str,
        server: str,
        sender: str,
        password: str = "",
        *,
        patience: float = SECONDS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._to = unquote(contact.removeprefix("mailto:").partition("?")[0])
        if not _address(self._to):
            raise Refused("the mail address is not understood", where=self._to, fix="write e.g. mailto:ann@shop.example")
        if not server or not sender:
            raise Unset("no mail server is set", fix="notify: {smtp: 'smtp://mail.shop.example:587', sender: baton@shop.example}")
        if not _address(sender):
            raise Unset("the sender is no mail address", fix="notify: {sender: baton@shop.example}")
        self._server, self._port = _server(server)
        self._sender, self._password, self._patience = sender, password, patience
        self._trust = trust or ssl.create_default_context()

    def send(self, message: Message) -> str:
        """Hand the message to the mail server; returns its answer to it."""
        host, tls = self._server.hostname or "", self._server.scheme == "smtps"
        letter = self._letter(message)
        try:
            with ExitStack() as limit, _Smtp(host, self._port, self._patience, self._trust if tls else None, limit) as smtp:
                return self._conversation(smtp, letter)
        except ssl.SSLCertVerificationError as error:
            raise distrusted("the mail server", host, error) from error
        except smtplib.SMTPException as error:
            raise Unavailable("the mail server did not take it", where=host, why=str(error)) from error
        except OSError as error:
            raise Unavailable("the mail server does not answer", where=host, why=str(error) or type(error).__name__) from error

    def _conversation(self, smtp: smtplib.SMTP, letter: bytes) -> str:
        smtp.ehlo_or_helo_if_needed()
        if self._server.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=self._trust)
            smtp.ehlo()
        elif self._server.scheme == "smtp" and self._server.username:
            raise Refused("the mail server offers no encryption, and a password goes nowhere without", where=self._to)
        if self._server.username:
            smtp.login(unquote(self._server.username), self._password)
        self._expect(smtp.mail(self._sender), 250)
        self._expect(smtp.rcpt(self._to), 250, 251)
        return self._expect(smtp.data(letter), 250)

    def _expect(self, answer: tuple[int, bytes], *codes: int) -> str:
        code, words = answer[0], f"{answer[0]} {' '.join(answer[1].decode(errors='replace').split())}"[:200]
        if code in codes:
            return words
        if code >= PERMANENT:
            raise Refused("the mail server refuses it", where=self._to, why=words)
        raise Unavailable("the mail server did not take it", where=self._to, why=words)

    def _letter(self, message: Message) -> bytes:
        letter = EmailMessage(SMTP)
        letter["Message-ID"] = f"<{message.key}@{self._sender.rpartition('@')[2]}>"
        letter["Date"] = format_datetime(message.at)
        letter["From"], letter["To"], letter["Subject"] = self._sender, self._to, " ".join(message.title.split())
        letter["Auto-Submitted"] = "auto-generated"
        letter["X-Baton-Notices"] = " ".join(message.notices)
        if message.urgent:
            letter["Importance"] = "high"
        letter.set_content(f"{message.words}\n\n-- \n{message.key}\n", cte="quoted-printable")
        return letter.as_bytes()


class _Smtp(smtplib.SMTP):
    """A connection whose time is limited from its first byte on, handshake and greeting included."""

    def __init__(self, host: str, port: int, patience: float, trust: ssl.SSLContext | None, limit: ExitStack) -> None:
        self._patience, self._trust, self._limit = patience, trust, limit
        super().__init__(host, port, timeout=patience)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        raw = socket.create_connection((host, port), timeout)
        self._limit.enter_context(bounded(raw, self._patience))
        try:
            return raw if self._trust is None else self._trust.wrap_socket(raw, server_hostname=host)
        except BaseException:
            raw.close()
            raise


def _address(text: str) -> bool:
    """Whether a text is one address that every mail server takes: ASCII, for RFC 6531 is not spoken everywhere."""
    return "@" in text and text.isascii() and text.isprintable() and not any(sign in text for sign in " ,;<>")


def _server(address: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(address)
        return parts, parts.port or (465 if parts.scheme == "smtps" else 25)
    except ValueError as error:
        raise Unset(
            "the mail server's address is not understood", why=str(error), fix="notify: {smtp: 'smtp://HOST:587'}"
        ) from error
