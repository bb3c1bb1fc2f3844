"""The flights year after set-up: wall-clock seconds and the peak memory of all its processes together.

    .venv/bin/python benchmarks/demo/run.py

Aims: at most 150 s on 2 cores (60 s is the wish) and at most 1.5 GB. No peer replays the operation of a model; the
prototype without ledger and hand-offs took 45 to 100 s on such a machine.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
PAGE = 4096


def tree(root: int) -> set[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = {root}, [root]
    while queue:
        for child in children.get(queue.pop(), ()):
            found.add(child)
            queue.append(child)
    return found


def resident(process: int) -> int:
    """Private and shared resident bytes, shared pages counted by their share."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def main() -> None:
    """Replay once into a fresh workspace."""
    folder = Path(tempfile.mkdtemp())
    began, peak = time.perf_counter(), 0
    command = [sys.executable, "-m", "baton.cli", "--workspace", str(folder / "w"), "replay", str(FLIGHTS)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, sum(map(resident, tree(process.pid))))
        time.sleep(0.5)
    print(
        f"the year took {time.perf_counter() - began:.0f} s, exit code {process.returncode}, peak {peak / 2**20:.0f} MiB of all processes"
    )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
