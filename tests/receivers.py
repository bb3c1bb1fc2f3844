"""Real receivers on this machine: an HTTP server and a mail server, each in a thread, that answer as they are told."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.controller import Controller


@dataclass
class Post:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


class Hooks:
    """An HTTP server. `answer` is the status and headers of the next answers, or a callable that is asked before answering."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.status, self.headers, self.text = 204, dict[str, str](), b""
        self.before: Callable[[Post], None] = lambda _: None
        self.released, self.arrived = threading.Event(), threading.Event()
        self.hangs = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                outer.posts.append(post)
                outer.arrived.set()
                outer.before(post)
                if outer.hangs:
                    outer.released.wait(30)
                    return
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(outer.text)))
                self.end_headers()
                self.wfile.write(outer.text)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.released.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


@dataclass
class Mailbox:
    """What the mail server does with a message, and what it was given."""

    letters: list[bytes] = field(default_factory=list)
    answer: str = "250 2.0.0 queued as 42"
    recipient: str = "250 ok"
    hangs: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # its name
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # its name
        if self.hangs:
            await server.loop.run_in_executor(None, self.released.wait, 30)
        self.letters.append(envelope.content)
        return self.answer


class _AnyPort(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # published half typed


class PostOffice:
    """A mail server: encrypted from the start with `tls`, on request with `starttls`."""

    def __init__(self, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None) -> None:
        self.mailbox = Mailbox()
        self._controller = _AnyPort(self.mailbox, hostname="127.0.0.1", port=0, ssl_context=tls, tls_context=starttls)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.mailbox.released.set()
        if self._controller.server is not None:
            self._controller.stop()
