"""A cell: a child process that may use so much and no more, and talks over one socket. For what is not trusted to behave.

Called by whoever runs other people's model files: the import of a bundle, and models in service that are not ONNX. A frame is
one byte that says what it is, eight of length (little-endian), and the body. The child has no environment to speak of,
leaves no core dumps, and ends when its socket closes.
"""

import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass

from baton.kernel.errors import Unavailable

_HEAD = struct.Struct("<cQ")
_KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "TZ")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CHUNK = 1 << 20
Part = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Limits:
    """What a cell may use: bytes of memory (address space), cores, seconds of processor time (0: told later), bytes of a file."""

    memory: int
    cores: int = 1
    seconds: int = 0
    file: int = 0


class Ended(Unavailable):
    """The process in the cell is gone, by a limit or by itself."""


class Late(Unavailable):
    """The process in the cell did not answer by its deadline."""


class Cell:
    """The parent's side. Not safe for threads: one asks at a time."""

    def __init__(self, module: str, limits: Limits, *arguments: str) -> None:
        ours, theirs = socket.socketpair()
        told = ",".join(str(number) for number in astuple(limits))
        env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        env |= dict.fromkeys(_THREADS, str(max(1, limits.cores)))
        command = [sys.executable, "-P", "-B", "-W", "ignore", "-m", module, str(theirs.fileno()), told, *arguments]
        self._limits, self._socket = limits, ours
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=env,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def ask(self, kind: bytes, *parts: Part, seconds: float, most: int = 1 << 30) -> tuple[bytes, bytearray]:
        """Send a frame and wait for the answer. Raises Ended or Late; the cell is of no use then: `kill` it."""
        until = time.monotonic() + seconds
        try:
            send(self._socket, kind, *parts, until=until)
            return receive(self._socket, most, until=until)
        except TimeoutError as error:
            raise Late(f"no answer within {seconds:g} seconds") from error
        except OSError as error:
            raise Ended("the model's process has ended", why=self._why()) from error

    def kill(self) -> None:
        """End the child now."""
        self._socket.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def _why(self) -> str:
        try:
            code = self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            return "it closed its socket"
        if code == -signal.SIGXCPU:
            return f"it used more than its {self._limits.seconds} seconds of processor time"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with status {code}; its memory limit is {self._limits.memory >> 20} MiB"


def send(to: socket.socket, kind: bytes, *parts: Part, until: float | None = None) -> None:
    """Write a frame. Raises TimeoutError when it is not taken in time."""
    views = [memoryview(part).cast("B") for part in parts]
    _hurry(to, until)
    to.sendall(_HEAD.pack(kind, sum(len(view) for view in views)))
    for view in views:
        _hurry(to, until)
        to.sendall(view)


def receive(source: socket.socket, most: int, *, until: float | None = None) -> tuple[bytes, bytearray]:
    """Read a frame of at most so many bytes. Raises OSError when the other side is gone or says nonsense."""
    kind, size = _HEAD.unpack(_exactly(source, _HEAD.size, until))
    if size > most:
        raise OSError(f"a frame of {size} bytes, {most} are the most")
    return kind, _exactly(source, size, until)


def _exactly(source: socket.socket, size: int, until: float | None) -> bytearray:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        _hurry(source, until)
        got = source.recv_into(view[at : at + _CHUNK])
        if not got:
            raise ConnectionResetError("the other side is gone")
        at += got
    return data


def _hurry(peer: socket.socket, until: float | None) -> None:
    if until is not None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        peer.settimeout(left)


def enter(arguments: Sequence[str]) -> tuple[socket.socket, Limits, Sequence[str]]:
    """The child's first act, before it loads anything: take its limits and its socket. The rest of the arguments follow."""
    memory, cores, seconds, file = (int(text) for text in arguments[1].split(","))
    limits = Limits(memory, cores, seconds, file)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits.file)
    if memory:
        _limit(resource.RLIMIT_AS, memory)
    if seconds:
        _limit(resource.RLIMIT_CPU, seconds)
    if cores and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    return socket.socket(fileno=int(arguments[0])), limits, arguments[2:]


def allow_seconds(more: int) -> None:
    """Let this process use so many seconds of processor time from now on; one more and the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + more, hard))


def _limit(what: int, value: int) -> None:
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (value, value))
