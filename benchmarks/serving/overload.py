"""Overload: 1x, then ten times what the server can do, then 1x again. What still gets done, how late, and how soon it is over.

    .venv/bin/python benchmarks/serving/overload.py [--seconds 60] [--times 10] [--workers N] [--folder F]

The load is an open loop (`baton.app.load`): Poisson arrivals drawn beforehand, asked for whether or not the server keeps
up, each request's time counted from the instant it was due. wrk will not do here: it waits for answers before it asks
again, so a slow server slows it down, and the requests that would have come meanwhile are left out of its latency
("coordinated omission"). What was due and found no free connection waits in the tester, and its waiting counts.

The tester shares this machine with the server. So that it can truly ask ten times what the server can answer, the model is
slow on purpose: the benchmark's 200 trees repeated until a row takes about a millisecond. `1x` is 70 % of the peak that eight
closed connections reach, for an open loop at 100 % has no steady state.

What refusals leave over is arithmetic: when one costs the share r of an accepted request, goodput at ten times the peak is
(1 - 10 r) / (1 - r) of it. 90 % at a millisecond a row asks for refusals of 11 microseconds, at 5 ms of 55
(more --copies; what a row takes is printed).
Aims: goodput ≥ 90 % of the peak, accepted p99 ≤ twice that at 1x, a 503 within 5 ms, recovery within 5 s, and /health
answering all the while.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import process_time

import contestants
import numpy as np
import onnxruntime
from material import Material, prepared, repeated, workspace
from process import running

from baton.app.load.loops import UNANSWERED, arrivals, closed_loop, open_loop
from baton.app.load.target import Target

CALM, AFTER, SHARE, COPIES, CLIENTS = 10.0, 20.0, 0.7, 100, 8


@dataclass(frozen=True, slots=True)
class Heard:
    """All requests as arrays: due, sent and answered in seconds, and the status."""

    due: np.ndarray
    sent: np.ndarray
    at: np.ndarray
    status: np.ndarray

    @property
    def taken(self) -> np.ndarray:
        """Seconds from due to answered."""
        return self.at - self.due

    def accepted(self, start: float, end: float) -> np.ndarray:
        """Seconds of the requests due in a stretch that were answered with 200."""
        return self.taken[(self.due >= start) & (self.due < end) & (self.status == 200)]


def main() -> None:
    """Find the peak, offer the load, tell."""
    asked = options()
    material = prepared(asked.folder / "material")
    model = repeated(material.onnx, asked.copies)
    print(
        f"the model: {asked.copies} x 200 trees, {row_seconds(model, material) * 1e3:.2f} ms a row in process; one row a request"
    )
    with tempfile.TemporaryDirectory() as scratch:
        place = workspace(Path(scratch) / "workspace", material, model)
        field = contestants.baton(place, *([] if asked.wait_ms is None else ["--wait-ms", str(asked.wait_ms)]))
        contestant = next(each for each in field if each.workers == min(asked.workers, field[-1].workers))
        with running(contestant, contestant.one((material.rows[0], ()))) as server:
            target = Target("127.0.0.1", server.port, contestant.paths[0])
            requests = [target.post(json.dumps(contestant.one((row, ()))).encode()) for row in material.rows]
            closed_loop(target, requests, CLIENTS, 1)
            peak = closed_loop(target, requests, CLIENTS, 5).rate
            print(
                f"{contestant.name}: peak {peak:,.0f}/s over {CLIENTS} closed connections; 1x is {SHARE:.0%} of it, {SHARE * peak:,.0f}/s"
            )
            told, busy, health = offer(target, requests, peak, asked)
            report(told, peak, busy, health, asked)


def offer(target: Target, requests: Sequence[bytes], peak: float, asked: argparse.Namespace) -> tuple[Heard, float, list[float]]:
    """Offer all three stretches; what came back, the tester's share of a core at most, and /health's seconds during it."""
    base = SHARE * peak
    dues = arrivals([(base, CALM), (asked.times * peak, asked.seconds), (base, AFTER)])
    rows: list[tuple[float, float, float, int]] = []
    command = [sys.executable, __file__, "--probe", str(target.port), str(CALM), str(asked.seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as probe:
        cpu = process_time()
        open_loop(target, requests, dues, asked.connections, lambda *row: rows.append(row))
        busy = (process_time() - cpu) / asked.seconds
        assert probe.stdout is not None
        health = json.loads(probe.stdout.read())
    due, sent, at, status = np.array(rows).T
    return Heard(due, sent, at, status.astype(int)), busy, health


def report(told: Heard, peak: float, busy: float, health: Sequence[float], asked: argparse.Namespace) -> None:
    """The three stretches, then each aim."""
    ends = (CALM, CALM + asked.seconds, CALM + asked.seconds + AFTER)
    print(f"{'':<6}{'due/s':>9}{'sent/s':>9}{'goodput/s':>11}{'p50 ms':>9}{'p99 ms':>9}   other answers")
    for name, start, end in zip(("1x", f"{asked.times:g}x", "1x"), (0.0, *ends), ends, strict=False):
        stretch = (told.due >= start) & (told.due < end)
        sent = ((told.sent >= start) & (told.sent < end) & (told.at > told.sent)).sum() / (end - start)
        good = ((told.at >= start) & (told.at < end) & (told.status == 200)).sum() / (end - start)
        codes, counts = np.unique(told.status[stretch & (told.status != 200)], return_counts=True)
        others = ", ".join(
            f"{count:,} {'unanswered' if code == UNANSWERED else code}" for code, count in zip(codes, counts, strict=True)
        )
        p50, p99 = (quantile(told.accepted(start, end), share) for share in (0.5, 0.99))
        print(f"{name:<6}{stretch.sum() / (end - start):>9,.0f}{sent:>9,.0f}{good:>11,.0f}{p50:>9.1f}{p99:>9.1f}   {others}")
    calm = quantile(told.accepted(CALM / 5, CALM), 0.99)
    flood = quantile(told.accepted(CALM, ends[1]), 0.99)
    good = ((told.at >= CALM) & (told.at < ends[1]) & (told.status == 200)).sum() / asked.seconds / peak
    full = (told.due >= CALM) & (told.due < ends[1]) & (told.status == 503)
    refused, whole = quantile((told.at - told.sent)[full], 0.99), quantile(told.taken[full], 0.99)
    seconds = recovered(told, calm, ends[1])
    since = f"{seconds.index(True)} s" if any(seconds) else f"not within {AFTER:.0f} s"
    print(f"goodput at {asked.times:g}x    {good:.0%} of the peak (aim 90 %)")
    print(f"accepted p99      {flood:.1f} ms, {flood / calm:.1f} times that of 1x (aim 2)")
    print(
        f"a 503, p99        {refused:.1f} ms from when it was sent (aim 5), {whole:.1f} ms from when it was due"
        if full.any()
        else "a 503             none was seen"
    )
    print(f"recovery          {since} (aim 5); {sum(seconds)} of {len(seconds)} seconds afterwards were as good as 1x before")
    print(
        f"/health at {asked.times:g}x    {sum(each < 0 for each in health)} of {len(health)} unanswered, worst {max(health, default=0) * 1e3:.0f} ms"
    )
    lag = quantile((told.sent - told.due)[told.at > told.sent], 0.99)
    print(
        f"the tester        took at most {busy:.0%} of a core at {asked.times:g}x, on this same machine; {lag:.1f} ms from due to sent (p99)"
        + (": IT may be the limit" if busy > 0.9 else "")
    )


def recovered(told: Heard, calm: float, start: float) -> list[bool]:
    """Per second from `start` on: whether it was as good as 1x before: as large a share accepted, p99 at most twice."""

    def share(stretch: np.ndarray) -> float:
        return float((told.status[stretch] == 200).mean()) if stretch.any() else 0.0

    before, good = share((told.due >= CALM / 5) & (told.due < CALM)), []
    for left in np.arange(int(AFTER)) + start:
        stretch = (told.due >= left) & (told.due < left + 1)
        good.append(share(stretch) >= 0.99 * before and quantile(told.taken[stretch & (told.status == 200)], 0.99) <= 2 * calm)
    return good


def quantile(seconds: np.ndarray, share: float) -> float:
    """Milliseconds; NaN of nothing."""
    return float(np.quantile(seconds, share)) * 1e3 if len(seconds) else float("nan")


def row_seconds(model: bytes, material: Material) -> float:
    """Median seconds of one row in this process, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    taken, given, spans = session.get_inputs()[0].name, [session.get_outputs()[-1].name], []
    for codes, score in zip(material.codes, material.scores, strict=True):
        row, began = np.array([codes], dtype=np.float32), time.perf_counter()
        found = session.run(given, {taken: row})[0][0, 1]
        spans.append(time.perf_counter() - began)
        assert abs(found - score) < 1e-3, "the repeated trees score something else"  # float32 sums of so many leaves
    return float(np.median(spans))


def probe(port: int, after: float, seconds: float) -> None:
    """Ask /health ten times a second on new connections, from `after` on; print the seconds each took, -1 for no answer."""
    time.sleep(after)
    spans, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            took = time.perf_counter() - began if connection.getresponse().status == 200 else -1.0
        except (OSError, HTTPException):
            took = -1.0
        finally:
            connection.close()
        spans.append(took if took < 0 else time.perf_counter() - began)
        time.sleep(0.1)
    print(json.dumps(spans))


def options() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of overload")
    parser.add_argument("--times", type=float, default=10, help="the peak, so many times")
    parser.add_argument("--workers", type=int, default=1, help="of the server, where it has the option")
    parser.add_argument("--wait-ms", type=int, help="how long a request may have to wait in the server before it is refused")
    parser.add_argument("--copies", type=int, default=COPIES, help="of the 200 trees")
    parser.add_argument("--connections", type=int, default=512)
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "baton-benchmarks" / "serving")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        probe(int(sys.argv[2]), *map(float, sys.argv[3:5]))
    else:
        main()
