"""`python -m baton.inference`: serve the live model of a workspace."""

import argparse
import logging
import os
import socket
import sys
import time
from pathlib import Path

from baton.backends.artifacts.files import FileArtifacts
from baton.backends.keys import PUBLIC, read_verifier
from baton.backends.online.lmdb_store import LmdbReader
from baton.inference.app import InferenceApp
from baton.inference.gate import Gate, is_loopback
from baton.inference.server import die_with_parent, listen, serve, stop_on_sigterm
from baton.inference.watch import RoutingWatch
from baton.kernel.clock import SystemClock, micros
from baton.kernel.errors import BatonError, NotFound, Refused
from baton.serving.dataplane import DataPlane, Fittings
from baton.serving.log import SegmentLog
from baton.serving.metrics import ServingMetrics

TOKEN = "BATON_SERVE_TOKEN"


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns the process's exit status: 0 when it was stopped, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop_on_sigterm()
    try:
        if options.die_with_parent is not None:
            die_with_parent(options.die_with_parent)
        gate = Gate(os.environ.get(TOKEN, ""))
        bound = _door(options.host, options.port, gate)
        app = make_app(options.workspace, gate, replay=options.replay)
        serve(app, bound, options.port_file)
    except BatonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def make_app(workspace: Path, gate: Gate, *, replay: bool) -> InferenceApp:
    """The application on a workspace folder, its routing loaded. Raises NotFound when a part is missing.

    A model that cannot be loaded does not keep the server from starting: it says so at /ready and tries again.
    """
    routing = workspace / "routing.json"
    if not workspace.is_dir():
        raise NotFound(
            "the workspace does not exist",
            where=str(workspace),
            fix="baton up creates it; or point --workspace to the right folder",
        )
    if not routing.is_file():
        raise NotFound(
            "the workspace has no routing file",
            where=str(routing),
            fix="baton up writes one; or point --workspace to the right folder",
        )
    clock, metrics = SystemClock(), ServingMetrics()
    plane = DataPlane(
        Fittings(
            routing=lambda: _read(routing),
            verify=read_verifier(workspace / "keys" / PUBLIC).verify,
            artifacts=FileArtifacts(workspace / "artifacts"),
            reader=LmdbReader(workspace / "online"),
            log=SegmentLog(workspace / "segments", micros(clock.now())),
            meters=metrics,
            clock=clock,
            replay=replay,
        )
    )
    watch = RoutingWatch(routing, plane, time.monotonic)
    watch.reload()
    return InferenceApp(plane, metrics, watch, gate, replay=replay)


def _read(routing: Path) -> bytes:
    try:
        return routing.read_bytes()
    except OSError as error:
        raise NotFound(
            "the routing file cannot be read", where=str(routing), why=str(error), fix="baton up writes a fresh one"
        ) from error


def _door(host: str, port: int, gate: Gate) -> socket.socket:
    if not is_loopback(host) and not gate.token:
        raise Refused(
            f"{host} can be reached from other machines",
            why="no token is configured",
            fix=f"set {TOKEN} to a long random text, or leave --host out",
        )
    return listen(host, port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m baton.inference", description="Serve the live model of a workspace over HTTP."
    )
    parser.add_argument(
        "--workspace",
        type=Path,
        required=True,
        help="folder with routing.json, artifacts/, online/, segments/ and keys/public.pem",
    )
    parser.add_argument("--host", default="127.0.0.1", help=f"address to listen on; another than this machine's needs {TOKEN}")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that receives the port once the server listens")
    parser.add_argument("--replay", action="store_true", help="let requests name their moment and watermark")
    parser.add_argument("--die-with-parent", type=int, metavar="PID", help="end when this parent process ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
