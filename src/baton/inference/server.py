"""The process around the application: its socket, its signals, its parent."""

import asyncio
import ctypes
import errno
import os
import signal
import socket
import sys
import time
from pathlib import Path

import uvloop

from baton.inference.app import InferenceApp
from baton.inference.http import DRAIN_SECONDS, Connection, Door
from baton.inference.rpc import Place, Rpc, start
from baton.kernel.errors import Refused, Unavailable
from baton.serving.dispatch import WAIT, Dispatcher

BACKLOG, SHARE_SECONDS = 2048, 0.25
_PR_SET_PDEATHSIG = 1


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket; `shared` with other processes of this user. Raises Unavailable when somebody else has the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        what = f"port {port} of {host} is in use" if taken else f"cannot listen on port {port} of {host}"
        raise Unavailable(
            what, why=str(error), fix="stop whoever has it, or choose another with --port; 0 takes a free one"
        ) from error
    return bound


def reserve(host: str, port: int) -> socket.socket:
    """Hold a port for workers that will share it, without listening. Raises Unavailable when somebody listens there."""
    listen(host, port).close()
    return listen(host, port, shared=True)


def serve(
    app: InferenceApp, bound: socket.socket, port_file: Path | None, calls: Place | None = None, *, wait: float = WAIT
) -> None:
    """Answer until told to stop, over gRPC as well where `calls` are taken; requests under way are finished first.

    A request that would `wait` longer (seconds) is refused at once.
    """
    uvloop.run(_serve(app, bound, port_file, calls, wait))


async def _serve(app: InferenceApp, bound: socket.socket, port_file: Path | None, calls: Place | None, wait: float) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    dispatcher = Dispatcher(time.monotonic, app.metrics, loop.call_soon, loop.call_soon_threadsafe, wait=wait)
    app.dispatcher = dispatcher
    door = Door(app.handle, app.refused, app.gate.check if app.gate.token else None)
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, app.reload))
    server = await loop.create_server(lambda: Connection(door), sock=bound, backlog=BACKLOG)
    remote = None if calls is None else start(Rpc(app.desk, app.gate.token, loop.call_soon_threadsafe), calls)
    watching = [asyncio.create_task(task) for task in (door.look_after(), _share(app))]
    announce(bound, port_file)
    if calls is not None and remote is not None:
        print(f"listening on grpc://{f'[{calls.host}]' if ':' in calls.host else calls.host}:{remote[1]}", flush=True)
    await stop.wait()
    server.close()
    ending = None if remote is None else remote[0].stop(DRAIN_SECONDS)
    await door.drain()
    if ending is not None:
        await loop.run_in_executor(None, ending.wait)
    dispatcher.stop()
    if app.desk.tracing is not None:
        app.desk.tracing.stop()
    for task in watching:
        task.cancel()
    app.metrics.share()


async def _share(app: InferenceApp) -> None:
    """Leave the counts for the other processes, a few times a second."""
    while True:
        app.metrics.share()
        await asyncio.sleep(SHARE_SECONDS)


def announce(bound: socket.socket, port_file: Path | None) -> None:
    """Tell where the server listens: on the standard output, and in a file."""
    host, port = bound.getsockname()[:2]
    if port_file is not None:
        _place(port_file, f"{port}\n")
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
