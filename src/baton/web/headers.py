"""Headers on every answer: what a page may load and where it may be shown, what is told onward, and what is kept."""

from collections.abc import Mapping
from typing import Any, Final

from baton.web.asgi import App, Message, Receive, Scope, Send
from baton.web.origin import NEAR, host_asked

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere and nothing inline. Logging in at a provider begins with a link, so no form leaves."""
ALWAYS: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
PRIVATE: Final = b"private, no-cache, no-store"
ASKED_AGAIN: Final = b"no-cache"
STRICT: Final = b"max-age=31536000"


class Headers:
    """ASGI around everything, so that errors nobody foresaw bear them, too. `tls` when every way to the console is TLS."""

    def __init__(self, app: App, *, tls: bool = False) -> None:
        self._app, self._tls = app, tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._headed(scope, message)}
            await send(message)

        await self._app(scope, receive, headed)

    def _headed(self, scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = [(bytes(name).lower(), value) for name, value in message.get("headers", ())]
        known = {name for name, _ in found}
        wanted = {**ALWAYS, b"cache-control": _kept(scope, message["status"])}
        if self._tls and host_asked(scope["headers"]).partition(":")[0] not in NEAR:
            # said for a machine's own name it would hold for everything else that is developed there
            wanted[b"strict-transport-security"] = STRICT
        return [*found, *((name, value) for name, value in wanted.items() if name not in known)]


def _kept(scope: Mapping[str, Any], status: int) -> bytes:
    """How long an answer may be kept that says nothing of it: files until they are asked for again, pages not at all."""
    return ASKED_AGAIN if scope["path"].startswith("/static/") and status in (200, 304) else PRIVATE
