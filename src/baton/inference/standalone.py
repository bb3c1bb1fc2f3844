"""`python -m baton.inference.standalone`, and `baton-serve`: serve bundle files, without a workspace.

Each file is one model under the name in its manifest. Whoever replaces a file and sends SIGHUP swaps it: the next line-up is
loaded and warmed completely before it takes over, and a file that cannot be used leaves the one before in service.
"""

import argparse
import gc
import hmac
import logging
import os
import resource
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from baton.backends.keys import LOG_KEY, open_secret, read_verifier
from baton.delivery.routing import Route, Routing, write_routing
from baton.features.ports import Values
from baton.inference import lines
from baton.inference.app import InferenceApp
from baton.inference.gate import TOKEN, Gate, refuse_open_door
from baton.inference.rpc import Place
from baton.inference.server import die_with_parent, listen, serve, stop_on_sigterm
from baton.inference.workers import ALONE, MOST, Workers, read_slot
from baton.kernel.clock import Clock, SystemClock, micros
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import BatonError, Corrupt, InvalidInput, NotFound, Refused, Unavailable
from baton.registry.bundle import unpack
from baton.registry.file import read_file, read_seal
from baton.serving.dataplane import DataPlane, Fittings, Reload
from baton.serving.fleet import Fleet
from baton.serving.guard import Guard
from baton.serving.log import SegmentLog
from baton.serving.metrics import ServingMetrics
from baton.serving.ports import Meters
from baton.serving.prediction import PredictionBatch

SPARE = 32 << 20  # bytes that a server must have left, once its models are loaded, to answer at all
SEGMENT, KEPT, LOOK = 4 * 1024 * 1024, 8, 512
"""Without --log, each process keeps its last eight segments of 4 MiB of each model."""

Verify = Callable[[bytes, bytes], bool]
_logger = logging.getLogger("baton.serving")


@dataclass(frozen=True, slots=True)
class Terms:
    """How bundles are served: whom to trust (None: any, sealed or not), where predictions are logged (None: nowhere to stay),
    the bytes and cores of each model, and this process's place among the workers."""

    verify: Verify | None
    log: Path | None = None
    memory: int = 0
    cores: int = 0
    slot: tuple[int, int] = ALONE


class BundleFile:
    """One bundle as a server wants it: its routing, made up and signed here, and its artefact.

    The file is read by `refresh` only, so that routing and artefact are always of one state of it.
    """

    def __init__(self, path: Path, verify: Verify | None) -> None:
        self.path, self._trusted = path, verify
        self._secret, self._serial = os.urandom(32), 0
        self._data, self._seal, self._digest = b"", b"", ""
        self._routing = Routing("", 0, "", ())
        self.refresh()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._routing.project

    def refresh(self) -> None:
        """Read the file, checked. Raises NotFound, Corrupt, Incompatible, or Refused when it is not sealed and has to be."""
        data, seal = read_file(self.path), read_seal(self.path)
        digest = digest_bytes(data)
        if digest == self._digest and seal == self._seal:
            return
        if self._trusted is not None and seal is None:
            raise Refused(
                f"{self.path.name} is not sealed",
                where=f"{self.path}.sig",
                why="what is not sealed by a key that you trust is not served",
                fix="seal it (baton bundle import … --keys DIR), or, to try it out: --unsigned",
            )
        try:
            manifest = unpack(data, seal or b"", self._trusted or (lambda *_: True)).manifest
        except BatonError as error:
            error.where = str(self.path)
            raise
        if self._serial and manifest.project != self.name:
            raise Corrupt(
                f"{self.path.name} is another model now",
                where=str(self.path),
                why=f"it was {self.name} and is {manifest.project}",
                fix=f"import it with --as {self.name}, or start a server of its own",
            )
        self._data, self._seal, self._digest, self._serial = data, seal or b"", digest, self._serial + 1
        route = Route("live", manifest.version, f"file-{digest[:12]}", digest)
        self._routing = Routing(manifest.project, self._serial, digest, (route,))

    def routing(self) -> bytes:
        """The routing file that there is none of."""
        return write_routing(self._routing, self._own)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this process made the routing, or a trusted key the bundle's seal."""
        if hmac.compare_digest(signature, self._own(message)):
            return True
        return self._trusted is None or self._trusted(signature, message)

    def put(self, data: bytes) -> str:
        """Nothing is stored here."""
        raise Refused("a server of bundle files stores nothing")

    def get(self, digest: str) -> bytes:
        """The bundle's bytes."""
        self._require(digest)
        return self._data

    def seal(self, digest: str, signature: bytes) -> None:
        """Nothing is sealed here."""
        raise Refused("a server of bundle files seals nothing")

    def seal_of(self, digest: str) -> bytes:
        """The bundle's seal."""
        self._require(digest)
        return self._seal

    def exists(self, digest: str) -> bool:
        """Whether that is the bundle."""
        return digest == self._digest

    def _require(self, digest: str) -> None:
        if digest != self._digest:
            raise NotFound(f"{self.path.name} is another bundle by now", fix="send SIGHUP to the server")

    def _own(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, "sha256")


class NoEntities:
    """The online store that a bundle file comes without."""

    def begin(self) -> int | None:
        """There is no watermark."""
        return None

    def end(self) -> None:
        """There is nothing to let go of."""

    def read(self, view: str, keys: Sequence[str]) -> list[tuple[int, Values] | None]:
        """Refuses, saying what to do."""
        raise InvalidInput(
            "entities cannot be looked up here",
            where="entities",
            why="this server has bundle files only, no workspace with values of entities",
            fix='send the values: {"inputs": {…}}; or serve from a workspace: baton up',
        )


class ShortLog:
    """A prediction log that forgets: of its own segments only the newest stay."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._appends = folder, 0
        self._log = SegmentLog(folder, micros(clock.now()), size=SEGMENT)

    def append(self, batches: Sequence[PredictionBatch]) -> None:
        """Put the batches on record for a while."""
        self._log.append(batches)
        self._appends += 1
        if self._appends % LOOK == 0:
            for old in sorted(self._folder.glob(f"{os.getpid()}-*.log"))[:-KEPT]:
                with suppress(OSError):
                    old.unlink()


class Files:
    """What a server of bundle files reloads: every file, each for itself."""

    def __init__(self, served: Sequence[tuple[BundleFile, DataPlane]]) -> None:
        self._served, self._reloading = tuple(served), threading.Lock()

    def look(self) -> None:
        """Files are not watched: a half-replaced one is nobody's wish. SIGHUP and POST /reload say when."""

    def reload(self) -> Reload:
        """Read every file again; the outcome is that of the first with an error, else that any has changed."""
        with self._reloading:
            outcomes = [_reloaded(file, plane) for file, plane in self._served]
            if any(outcome.changed for outcome in outcomes):
                gc.collect()
                gc.freeze()
        wrong = next((outcome for outcome in outcomes if outcome.error is not None), None)
        return wrong or next((outcome for outcome in outcomes if outcome.changed), outcomes[0])


def _reloaded(file: BundleFile, plane: DataPlane) -> Reload:
    try:
        file.refresh()
    except BatonError as error:
        _logger.error("%s is not put in service: %s", file.path.name, error)
        return Reload(plane.lineup.routing.serial, changed=False, error=error)
    return plane.reload()


def planes(bundles: Sequence[Path], terms: Terms, metrics: ServingMetrics, folder: Path) -> list[tuple[BundleFile, DataPlane]]:
    """A data plane for each bundle file, its model loaded; `folder` is for what need not stay.

    Raises the error of the first that cannot be served, InvalidInput when two have one name.
    """
    served: list[tuple[BundleFile, DataPlane]] = []
    for path in bundles:
        file = BundleFile(path, terms.verify)
        if file.name in [other.name for other, _ in served]:
            raise InvalidInput(
                f"two bundles are called {file.name}", where=str(path), fix=f"import one by another name: --as {file.name}-2"
            )
        plane = _plane(file, terms, metrics if len(bundles) == 1 else metrics.of(file.name), folder / file.name)
        outcome = plane.reload()
        if outcome.error is not None:
            raise outcome.error
        served.append((file, plane))
    return served


def _plane(file: BundleFile, terms: Terms, metrics: Meters, folder: Path) -> DataPlane:
    clock = SystemClock()
    folder.mkdir(parents=True, exist_ok=True)
    return DataPlane(
        Fittings(
            routing=file.routing,
            verify=file.verify,
            artifacts=file,
            reader=NoEntities(),
            log=_log(terms.log, file.name, folder, clock),
            meters=metrics,
            clock=clock,
            sentinel=Guard(folder, clock, terms.slot[0]),
            slot=terms.slot,
            memory=terms.memory,
            cores=terms.cores,
            log_key=lambda: open_secret((terms.log / file.name if terms.log else folder) / LOG_KEY).encode(),
        )
    )


def _log(kept: Path | None, name: str, folder: Path, clock: Clock) -> SegmentLog | ShortLog:
    if kept is None:
        return ShortLog(folder, clock)
    (kept / name).mkdir(parents=True, exist_ok=True)
    return SegmentLog(kept / name, micros(clock.now()))


def make_app(bundles: Sequence[Path], terms: Terms, gate: Gate, folder: Path) -> InferenceApp:
    """The application on bundle files."""
    metrics = ServingMetrics(None if terms.slot == ALONE else folder, terms.slot[0])
    served = planes(bundles, terms, metrics, folder)
    gc.collect()
    gc.freeze()
    return InferenceApp(Fleet([plane for _, plane in served]), metrics, Files(served), gate, replay=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns the process's exit status: 0 when it was stopped, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    lines.set_up("text")
    stop_on_sigterm()
    try:
        if options.die_with_parent is not None:
            die_with_parent(options.die_with_parent)
        if options.scratch is not None:
            return _serve(options, options.scratch)
        with tempfile.TemporaryDirectory(prefix="baton-serve-") as made:
            return _serve(options, Path(made))
    except BatonError as error:
        print(f"error [{error.code}]: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace, folder: Path) -> int:
    gate, terms = Gate(os.environ.get(TOKEN, "")), _terms(options)
    refuse_open_door(options.host, gate)
    if options.scratch is None:
        _say(options, folder)
    if options.workers > 1:
        if options.grpc_port == 0:
            raise Refused("several workers share one port for gRPC", fix="name it: --grpc-port 8001")
        for path in options.bundles:
            BundleFile(path, terms.verify)
        return Workers(_own_command(options, folder), options.workers).run(options.host, options.port, options.port_file)
    bound = listen(options.host, options.port, shared=options.slot != ALONE)
    app = make_app(options.bundles, terms, gate, folder)
    if options.memory:
        _limit_memory(options.memory)
    calls = None if options.grpc_port is None else Place(options.host, options.grpc_port, shared=options.slot != ALONE)
    serve(app, bound, options.port_file, calls)
    return 0


def _own_command(options: argparse.Namespace, folder: Path) -> list[str]:
    """What starts one worker of this server."""
    given = {"key": options.key, "log": options.log, "memory": options.memory, "cpu": options.cpu, "scratch": folder}
    given["grpc-port"] = options.grpc_port
    return [
        sys.executable, "-m", "baton.inference.standalone", *(str(path.absolute()) for path in options.bundles),
        *(["--unsigned"] if options.unsigned else []),
        *(word for name, value in given.items() if value for word in (f"--{name}", str(value))),
    ]  # fmt: skip


def _terms(options: argparse.Namespace) -> Terms:
    if (options.key is None) == (not options.unsigned):
        raise InvalidInput(
            "say whom to trust",
            where="--key",
            why="a bundle is served when a key that you name has sealed it",
            fix="--key keys/public.pem; or, to try out a bundle of your own, --unsigned",
        )
    verify = None if options.unsigned else read_verifier(options.key).verify
    if options.log is not None and not options.log.is_dir():
        raise NotFound("the folder for the prediction log does not exist", where=str(options.log), fix=f"mkdir -p {options.log}")
    return Terms(verify, options.log, options.memory or 0, options.cpu, options.slot)


def _say(options: argparse.Namespace, folder: Path) -> None:
    if options.unsigned:
        print("careful: --unsigned serves bundles without asking who made them", file=sys.stderr)
    if options.log is None:
        most = SEGMENT * KEPT >> 20
        words = f"predictions are logged in {folder} until the server stops, the newest {most} MiB a model; --log DIR keeps them"
        print(words, file=sys.stderr)


def _limit_memory(most: int) -> None:
    """Bound what this process may have: all ONNX models in it together, for they share one allocator. Data, not address
    space: libraries and mapped files are no model's memory. Raises Unavailable when it has more already."""
    statm = Path("/proc/self/statm")
    used = int(statm.read_text().split()[5]) * resource.getpagesize() if statm.exists() else 0
    if used + SPARE > most:
        raise Unavailable(
            "the server does not fit into its memory limit",
            where=f"--memory {most >> 20}M",
            why=f"with its models loaded it has {used >> 20} MiB, and needs {SPARE >> 20} more to answer",
            fix=f"give it more, --memory {(used + 4 * SPARE) >> 20}M, or serve fewer models in it",
        )
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def size(text: str) -> int:
    """Bytes of e.g. `512M` or `2G`. Raises ValueError."""
    units = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "")
    most = int(number) * units[unit] if number.isdigit() and unit in units else 0
    if most < 1 << 20:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write e.g. 512M or 2G")
    return most


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="baton-serve", description="Serve bundle files over HTTP, without a workspace.")
    parser.add_argument(
        "bundles", nargs="+", type=Path, metavar="BUNDLE", help="a bundle file; its seal is beside it, BUNDLE.sig"
    )
    parser.add_argument("--key", type=Path, help="public key (PEM) of who is trusted to seal bundles")
    parser.add_argument("--unsigned", action="store_true", help="serve whatever is there, sealed or not")
    parser.add_argument("--host", default="127.0.0.1", help=f"address to listen on; another than this machine's needs {TOKEN}")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0 takes a free one (default: 8080)")
    parser.add_argument("--port-file", type=Path, help="file that receives the port once the server listens")
    parser.add_argument(
        "--workers", type=int, default=1, choices=range(1, MOST + 1), metavar="N", help="processes that share the port (1 to 16)"
    )
    parser.add_argument("--grpc-port", type=int, help="port for gRPC as well (needs grpcio and protobuf); 0 takes a free one")
    parser.add_argument("--log", type=Path, help="folder that keeps the prediction log, a folder in it for each model")
    parser.add_argument("--memory", type=size, help="most memory, e.g. 512M: of this process, and of each model that has its own")
    parser.add_argument("--cpu", type=int, default=0, help="cores of each model (default: as its manifest says, else 1)")
    parser.add_argument("--slot", type=read_slot, default=ALONE, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--die-with-parent", type=int, metavar="PID", help="end when this parent process ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
