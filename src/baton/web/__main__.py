"""`python -m baton.web`: serve the console and the API of a project. `baton console` and `baton up` start it."""

import argparse
import ctypes
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from baton.app.alone.reach import assert_guarded
from baton.app.bootstrap import open_desk
from baton.app.identity import identified
from baton.app.latchkey import Latchkey
from baton.app.visit import Visits, require_people, welcome
from baton.app.workspace import find, replace_file
from baton.kernel.clock import SystemClock
from baton.kernel.errors import BatonError, InvalidInput, Refused, Unavailable
from baton.team.actor import Actor
from baton.web.app import make_app
from baton.web.asgi import App
from baton.web.headers import Headers
from baton.web.origin import Place, require_names
from baton.web.punctual import Punctual
from baton.web.session import Door

PATIENCE = 4.0
"""Seconds that an act waits while another process commits; then it is refused, with what was typed."""
NEAR = "127.0.0.1,::1"
"""Where a proxy asks from unless it is said: this machine."""
_PR_SET_PDEATHSIG, _M_ARENA_MAX = 1, -8


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns the exit status: 0 when it was stopped, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        if options.die_with_parent is not None:
            _die_with_parent(options.die_with_parent)
        _keep_small()
        assert_guarded(options.host, tls=options.tls_cert is not None, behind_proxy=options.behind_proxy)
        require_people(options.workspace, options.host, behind_proxy=options.behind_proxy)
        names = require_names(options.host, options.name)
        bound = _bound(options.host, options.port)
        tls = options.behind_proxy or options.tls_cert is not None
        place = Place(options.host, bound.getsockname()[1], names, tls, options.behind_proxy)
        with open_desk(options.project, options.workspace, create=find(options.workspace) is None, patience=PATIENCE) as desk:
            desk.owned()
            door = Door(Visits(desk), place)
            app = make_app(desk, partial(_actor_of, options.workspace), sealed=options.behind_proxy, door=door)
            config = _config(Headers(app, tls=place.tls), options)
            _tell(place, bound, options)
            uvicorn.Server(config).run(sockets=[bound])
    except BatonError as error:
        print(f"error [{error.code}]: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _keep_small() -> None:
    """Two pools of memory for all threads, where the C library would give each its own and never take it back."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _actor_of(workspace: Path, token: str) -> Actor:
    return identified(workspace, token, SystemClock().now())


def _tell(place: Place, bound: socket.socket, options: argparse.Namespace) -> None:
    """Where it listens and where people go; whoever started it as part of something else tells that themselves."""
    host, port = bound.getsockname()[:2]
    opened = "" if options.no_link else welcome(options.workspace, place.address, interactive=sys.stderr.isatty())
    Latchkey(options.workspace).hang(place.address, SystemClock().now())
    print(f"the API answers at {place.scheme}://{f'[{host}]' if ':' in host else host}:{port}/api/health", file=sys.stderr)
    if opened:
        print(f"the console: {opened}", file=sys.stderr)
    if options.port_file is not None:
        replace_file(options.port_file, str(port).encode())


def _die_with_parent(parent: int) -> None:
    """Have the system end this process when its parent ends. Raises Refused when the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise Refused("the process that started this console is gone", fix="start the console again")


def _config(app: App, options: argparse.Namespace) -> uvicorn.Config:
    """The server's settings, certificate and key read. Raises InvalidInput when they cannot be."""
    config = uvicorn.Config(app, **_settings(options))
    try:
        config.load()
    except OSError as error:
        raise InvalidInput(
            "the certificate and its key cannot be used",
            where="--tls-cert, --tls-key",
            why=str(error.strerror or error),
            fix="name two PEM files that belong together, the key without a passphrase",
        ) from error
    return config


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "proxy_headers": options.behind_proxy,
        "forwarded_allow_ips": options.proxy,
        "http": Punctual,
        "limit_concurrency": 200,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": 3,
        "ssl_certfile": options.tls_cert,
        "ssl_keyfile": options.tls_key,
        "ws": "none",
    }


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise Unavailable(
            f"{host}:{port} cannot be listened on: {error.strerror or error}", where="--host, --port", fix="choose another --port"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m baton.web", description="Serve the console and the API over HTTP.")
    parser.add_argument("--project", type=Path, required=True, help="folder with baton.yaml or team.yaml")
    parser.add_argument("--workspace", type=Path, required=True, help="folder of the state")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that receives the port once the server listens")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy in front ends TLS")
    parser.add_argument("--proxy", default=NEAR, help="addresses or networks it asks from, with commas")
    parser.add_argument("--name", action="append", default=[], help="name by which browsers ask for it; may be repeated")
    parser.add_argument("--no-link", action="store_true", help="print no address to open")
    parser.add_argument("--die-with-parent", type=int, metavar="PID", help="end when this parent process ends")
    parser.add_argument("--tls-cert", help="certificate file")
    parser.add_argument("--tls-key", help="key file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
