"""Mail over SMTP, for contacts like `mailto:ann@shop.example`: needs nothing but the standard library and a mail server.

The idempotency key is the Message-ID, so that a mailbox that has had a message can tell; the receipt is the server's word.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from baton.backends.notify.deadline import SECONDS, bounded
from baton.kernel.errors import Refused, Unavailable
from baton.team.ports import Message, Unset

PERMANENT = 500


class Mail:
    """Implements `team.ports.Channel` over one mail server: `smtp://[user@]host:port` or `smtps://…` (TLS from the start)."""

    def __init__(self, contact: str, server: str, sender: str, password: str = "", patience: float = SECONDS) -> None:
        self._to = unquote(contact.removeprefix("mailto:").partition("?")[0])
        if "@" not in self._to or not self._to.isprintable() or any(sign in self._to for sign in " ,;<>"):
            raise Refused("the mail address is not understood", where=self._to, fix="write e.g. mailto:ann@shop.example")
        if not server or not sender:
            raise Unset("no mail server is set", fix="notify: {smtp: 'smtp://mail.shop.example:587', sender: baton@shop.example}")
        self._server, self._sender, self._password, self._patience = urlsplit(server), sender, password, patience

    def send(self, message: Message) -> str:
        """Hand the message to the mail server; returns its answer to it."""
        host, tls = self._server.hostname or "", self._server.scheme == "smtps"
        try:
            kind = smtplib.SMTP_SSL if tls else smtplib.SMTP
            with kind(host, self._server.port or (465 if tls else 25), timeout=self._patience) as smtp:
                assert smtp.sock is not None
                with bounded(smtp.sock, self._patience):
                    return self._conversation(smtp, self._letter(message))
        except smtplib.SMTPException as error:
            raise Unavailable("the mail server did not take it", where=host, why=str(error)) from error
        except OSError as error:
            raise Unavailable("the mail server does not answer", where=host, why=str(error) or type(error).__name__) from error

    def _conversation(self, smtp: smtplib.SMTP, letter: bytes) -> str:
        smtp.ehlo_or_helo_if_needed()
        if self._server.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
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
        letter["From"], letter["To"], letter["Subject"] = self._sender, self._to, message.title
        letter["Auto-Submitted"] = "auto-generated"
        letter["X-Baton-Notices"] = " ".join(message.notices)
        if message.urgent:
            letter["Importance"] = "high"
        letter.set_content(f"{message.words}\n\n-- \n{message.key}\n", cte="quoted-printable")
        return letter.as_bytes()
