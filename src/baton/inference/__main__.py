"""`python -m baton.inference`: serve the live model of a workspace."""

import argparse
import os
import sys
import time
from pathlib import Path

from baton.backends.artifacts.files import FileArtifacts
from baton.backends.keys import LOG_KEY, PUBLIC, open_secret, read_verifier
from baton.backends.online.lmdb_store import LmdbReader
from baton.inference import lines, telemetry
from baton.inference.app import InferenceApp
from baton.inference.gate import TOKEN, Gate, refuse_open_door
from baton.inference.rpc import Place
from baton.inference.server import die_with_parent, listen, serve, stop_on_sigterm
from baton.inference.watch import RoutingWatch
from baton.inference.workers import ALONE, MOST, Workers, read_slot
from baton.kernel.clock import SystemClock, micros
from baton.kernel.errors import BatonError, NotFound, Refused
from baton.serving.dataplane import DataPlane, Fittings
from baton.serving.fleet import Fleet
from baton.serving.guard import Guard
from baton.serving.log import Keeping, SegmentLog
from baton.serving.metrics import ServingMetrics

DEFAULT = Keeping()


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns the process's exit status: 0 when it was stopped, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    lines.set_up(options.log_format)
    stop_on_sigterm()
    try:
        if options.die_with_parent is not None:
            die_with_parent(options.die_with_parent)
        gate = Gate(os.environ.get(TOKEN, ""))
        refuse_open_door(options.host, gate)
        if options.workers > 1:
            _refuse_scattered(options)
            _clear_counts(options.workspace)
            return Workers(_own_command(options), options.workers).run(options.host, options.port, options.port_file)
        bound = listen(options.host, options.port, shared=options.slot != ALONE)
        serve(
            make_app(options.workspace, gate, replay=options.replay, slot=options.slot, keeping=_keeping(options)),
            bound,
            options.port_file,
            _calls(options),
            wait=options.wait_ms / 1000,
        )
    except BatonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def make_app(
    workspace: Path, gate: Gate, *, replay: bool, slot: tuple[int, int] = ALONE, keeping: Keeping = DEFAULT
) -> InferenceApp:
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
    clock, segments = SystemClock(), workspace / "segments"
    metrics = ServingMetrics(None if slot == ALONE else segments, slot[0])
    tracing = telemetry.open_tracing(os.environ)
    log = SegmentLog(segments, micros(clock.now()), keeping=keeping, unlogged=metrics.unlogged)
    plane = (DataPlane if tracing is None else telemetry.TracedPlane)(
        Fittings(
            routing=lambda: _read(routing),
            verify=read_verifier(workspace / "keys" / PUBLIC).verify,
            artifacts=FileArtifacts(workspace / "artifacts"),
            reader=LmdbReader(workspace / "online"),
            log=log if tracing is None else telemetry.TracedLog(log, tracing.notes),
            meters=metrics,
            clock=clock,
            sentinel=Guard(segments, clock, slot[0]),
            replay=replay,
            slot=slot,
            kept=log.kept,
            log_key=lambda: open_secret(workspace / "keys" / LOG_KEY).encode(),
        )
    )
    if isinstance(plane, telemetry.TracedPlane) and tracing is not None:
        plane.notes = tracing.notes
    watch = RoutingWatch(routing, plane, time.monotonic)
    watch.reload()
    app = InferenceApp(Fleet([plane]), metrics, watch, gate, replay=replay)
    app.desk.tracing = tracing
    return app


def _read(routing: Path) -> bytes:
    try:
        return routing.read_bytes()
    except OSError as error:
        raise NotFound(
            "the routing file cannot be read", where=str(routing), why=str(error), fix="baton up writes a fresh one"
        ) from error


def _own_command(options: argparse.Namespace) -> list[str]:
    """What starts one worker of this server."""
    return [
        sys.executable, "-m", "baton.inference", "--workspace", str(options.workspace), *(["--replay"] if options.replay else []),
        "--wait-ms", str(options.wait_ms), "--log-format", options.log_format, "--log-sync", options.log_sync, "--log-when-full", options.log_when_full,
        *(["--log-most", str(options.log_most)] if options.log_most else []),
        *(["--grpc-port", str(options.grpc_port)] if options.grpc_port is not None else []),
    ]  # fmt: skip


def _calls(options: argparse.Namespace) -> Place | None:
    return None if options.grpc_port is None else Place(options.host, options.grpc_port, shared=options.slot != ALONE)


def _refuse_scattered(options: argparse.Namespace) -> None:
    """Workers that took a free port each could not be found."""
    if options.grpc_port == 0:
        raise Refused("several workers share one port for gRPC", fix="name it: --grpc-port 8001")


def _keeping(options: argparse.Namespace) -> Keeping:
    return Keeping(options.log_sync, options.log_most, options.log_when_full)


def _clear_counts(workspace: Path) -> None:
    """A server's counters begin with the server; only a worker that is replaced takes up the ones before it."""
    for path in (workspace / "segments").glob("counts-*"):
        path.unlink(missing_ok=True)


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
    parser.add_argument("--grpc-port", type=int, help="port for gRPC as well (needs baton-ml[grpc]); 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that receives the port once the server listens")
    parser.add_argument("--replay", action="store_true", help="let requests name their moment and watermark")
    parser.add_argument(
        "--workers", type=int, default=1, choices=range(1, MOST + 1), metavar="N", help="processes that share the port (1 to 16)"
    )
    parser.add_argument("--log-format", choices=lines.FORMATS, default="text", help="log lines for people, or for machines")
    parser.add_argument(
        "--log-sync",
        choices=("none", "group", "each"),
        default=DEFAULT.sync,
        help="answers wait for the prediction log to be on the disk: not at all, as a group, or each by itself",
    )
    parser.add_argument("--log-most", type=int, metavar="BYTES", help="bound on what waits to be collected")
    parser.add_argument(
        "--log-when-full", choices=("refuse", "drop"), default=DEFAULT.when_full, help="what is done when the log is full"
    )
    parser.add_argument(
        "--wait-ms", type=int, default=200, metavar="N", help="how long a request may have to wait before it is refused at once"
    )
    parser.add_argument("--slot", type=read_slot, default=ALONE, help=argparse.SUPPRESS)
    parser.add_argument("--die-with-parent", type=int, metavar="PID", help="end when this parent process ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
