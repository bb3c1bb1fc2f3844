"""The process around the application: its socket, its signals, its parent."""

import ctypes
import errno
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from baton.kernel.errors import Refused, Unavailable

_PR_SET_PDEATHSIG = 1


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises Unavailable naming the port when somebody else has it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        what = f"port {port} of {host} is in use" if taken else f"cannot listen on port {port} of {host}"
        raise Unavailable(
            what, why=str(error), fix="stop whoever has it, or choose another with --port; 0 takes a free one"
        ) from error
    return bound


def serve(app: Any, bound: socket.socket, port_file: Path | None) -> None:
    """Answer until told to stop; requests under way are finished first."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=600,
        timeout_graceful_shutdown=10,
    )
    _Server(config, port_file).run(sockets=[bound])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, port_file: Path | None) -> None:
        super().__init__(config)
        self._port_file = port_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or ():
            host, port = bound.getsockname()[:2]
            if self._port_file is not None:
                _place(self._port_file, f"{port}\n")
            print(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def stop_on_sigterm() -> None:
    """SIGTERM ends the process with status 0, before the server runs and after it has finished."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def die_with_parent(parent: int) -> None:
    """Have the system kill this process when its parent ends. Raises Refused when the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise Refused("the process that started this server is gone", fix="start the server again")


def _place(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_text(text)
    aside.replace(path)
