"""`python -m baton.web`: serve the API of a project. `baton console` starts it."""

import argparse
import logging
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from baton.app.alone.reach import assert_guarded
from baton.app.bootstrap import open_desk
from baton.app.identity import identified
from baton.app.workspace import find, replace_file
from baton.kernel.clock import SystemClock
from baton.kernel.errors import BatonError, InvalidInput, Unavailable
from baton.team.actor import Actor
from baton.web.app import make_app
from baton.web.punctual import Punctual

NEAR = "127.0.0.1,::1"
"""Where a proxy asks from unless it is said: this machine."""


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns the exit status: 0 when it was stopped, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        assert_guarded(options.host, tls=options.tls_cert is not None, behind_proxy=options.behind_proxy)
        bound = _bound(options.host, options.port)
        with open_desk(options.project, options.workspace, create=find(options.workspace) is None) as desk:
            desk.owned()
            app = make_app(desk, partial(_actor_of, options.workspace), sealed=options.behind_proxy)
            _serve(_config(app, options), bound, options.port_file)
    except BatonError as error:
        print(f"error [{error.code}]: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _actor_of(workspace: Path, token: str) -> Actor:
    return identified(workspace, token, SystemClock().now())


def _serve(config: uvicorn.Config, bound: socket.socket, port_file: Path | None) -> None:
    port = bound.getsockname()[1]
    print(
        f"the API answers at {'https' if config.is_ssl else 'http'}://{bound.getsockname()[0]}:{port}/api/health", file=sys.stderr
    )
    if port_file is not None:
        replace_file(port_file, str(port).encode())
    uvicorn.Server(config).run(sockets=[bound])


def _config(app: FastAPI, options: argparse.Namespace) -> uvicorn.Config:
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
        "timeout_graceful_shutdown": 10,
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
    parser = argparse.ArgumentParser(prog="python -m baton.web", description="Serve the API for ownership over HTTP.")
    parser.add_argument("--project", type=Path, required=True, help="folder with baton.yaml or team.yaml")
    parser.add_argument("--workspace", type=Path, required=True, help="folder of the state")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that receives the port once the server listens")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy in front ends TLS")
    parser.add_argument("--proxy", default=NEAR, help="addresses or networks it asks from, with commas")
    parser.add_argument("--tls-cert", help="certificate file")
    parser.add_argument("--tls-key", help="key file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
