"""How soon things start: `baton --help`, `baton status`, and the model server until it is ready, with its memory.

    .venv/bin/python benchmarks/start/run.py WORKSPACE [rounds]

WORKSPACE is one that a replay left. Every figure stands beside the bare interpreter's start on the same machine, in the
same round, for the speed of shared machines drifts. Aims: 150 ms, 400 ms, 1 s and 150 MB.
"""

import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"


def seconds(*command: str) -> float:
    """Wall-clock seconds of a command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def server(workspace: Path) -> tuple[float, float]:
    """Seconds until /ready answers 200, and MiB resident then."""
    told = workspace / "bench.port"
    told.unlink(missing_ok=True)
    began = time.perf_counter()
    command = [sys.executable, "-m", "baton.inference", "--workspace", str(workspace), "--port", "0", "--port-file", str(told)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not told.exists():
            time.sleep(0.005)
        with urllib.request.urlopen(f"http://127.0.0.1:{told.read_text().strip()}/ready") as answer:
            assert answer.status == 200
        took = time.perf_counter() - began
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return took, next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Alternate all four."""
    workspace, rounds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7
    bare, helped, status, ready = [], [], [], []
    for _ in range(rounds):
        bare.append(seconds("-c", "pass"))
        helped.append(seconds("-m", "baton.cli", "--help"))
        status.append(seconds("-m", "baton.cli", "--project", str(FLIGHTS), "--workspace", str(workspace), "status"))
        ready.append(server(workspace))
    for name, values in (
        ("python -c pass", bare),
        ("baton --help", helped),
        ("baton status", status),
        ("server ready", [took for took, _ in ready]),
    ):
        print(
            f"{name:<16} {statistics.median(values) * 1000:6.0f} ms  (from {min(values) * 1000:.0f} to {max(values) * 1000:.0f})"
        )
    print(f"server memory    {statistics.median(size for _, size in ready):6.0f} MiB")


if __name__ == "__main__":
    main()
