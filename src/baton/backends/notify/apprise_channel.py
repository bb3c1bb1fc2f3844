"""Everything that Apprise can reach: `slack://…`, `msteams://…`, `pagerduty://…`, `json://…` and a hundred more.

Apprise answers yes or no; what it said meanwhile goes into the refusal. The idempotency key stands at the end of the text.
"""

import logging
from threading import get_ident

from baton.kernel.errors import MissingExtra, Refused, Unavailable
from baton.team.ports import Message


class AppriseChannel:
    """Implements `team.ports.Channel` for one Apprise address."""

    def __init__(self, contact: str) -> None:
        try:
            import apprise
        except ImportError as error:
            scheme = contact.partition("://")[0]
            raise MissingExtra(
                f"{scheme}:// needs Apprise, which is not installed", fix="pip install 'baton-ml[notify]'"
            ) from error
        self._apprise = apprise.Apprise()
        self._urgent, self._calm = apprise.NotifyType.WARNING, apprise.NotifyType.INFO
        self._scheme = contact.partition("://")[0]
        if not self._apprise.add(contact):
            raise Refused(
                f"the {self._scheme}:// address is not understood",
                why="Apprise does not know it, or something in it is missing",
                fix="compare it with Apprise's list of services",
            )

    def send(self, message: Message) -> str:
        """Notify; returns that Apprise took it."""
        kind = self._urgent if message.urgent else self._calm
        body = f"{message.words}\n\n{message.key}"
        said = _Said()
        logger = logging.getLogger("apprise")
        logger.addHandler(said)
        try:
            taken = self._apprise.notify(body=body, title=message.title, notify_type=kind)
        finally:
            logger.removeHandler(said)
        if not taken:
            raise Unavailable(f"{self._scheme}:// did not take it", why=said.words)
        return f"taken by {self._scheme}"


class _Said(logging.Handler):
    """What Apprise logs in this thread while it sends: the only way in which it tells a reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread, self._lines = get_ident(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of this thread."""
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    @property
    def words(self) -> str:
        """All of it, on one line."""
        return " ".join(" ".join(self._lines).split())[:200]
