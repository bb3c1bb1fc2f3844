"""Serving side by side: one LightGBM model of 200 trees over 12 columns of the real flights, served by Baton and by its peers.

    .venv/bin/python benchmarks/serving/run.py [--peers fastapi,mlserver,bentoml,bare] [--seconds N] [--rounds N] [--folder F]

Load comes from wrk, a closed loop: real rows in turn as JSON, one row a request over 32 connections, one row over one
connection, and 256 rows over 32. Everything runs on this one machine, wrk included. Every contestant is started, checked
(status 200, the booster's scores within 1e-5), warmed, measured and ended once a round, and rounds are interleaved
(A, B, C, A, B, C, …), for the speed of shared machines drifts: compare ratios within a round, not figures between runs.
The first run makes a venv for each peer from PyPI, and trains the model; both are kept in the folder.

Baton checks every value against the model's signature, answers with version and prediction id, and has logged each
prediction with its features before it answers. No peer does; `bare` is the limit of this stack and does nothing else.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contestants
from contestants import Contestant, Row
from material import BATCH, Material, prepared, workspace
from process import Server, running, weight

LUA = Path(__file__).with_name("post.lua")
CONNECTIONS, WARM, NEAR = 32, 2, 1e-5
BODIES_OF_MANY = 16


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answers with 2xx a second, milliseconds, and the share of other answers."""

    rate: float
    p50: float
    p99: float
    refused: float


@dataclass(frozen=True, slots=True)
class Result:
    """One contestant in one round."""

    name: str
    single: Load
    alone: Load
    many: Load
    ready: float
    weights: Sequence[float]


COLUMNS: dict[str, tuple[Callable[[Result], float], str]] = {
    "requests/s": (lambda each: each.single.rate, ",.0f"),
    "p50 ms": (lambda each: each.single.p50, ".2f"),
    "p99 ms": (lambda each: each.single.p99, ".2f"),
    "p50 ms alone": (lambda each: each.alone.p50, ".2f"),
    "rows/s of 256": (lambda each: each.many.rate * BATCH, ",.0f"),
    "refused": (lambda each: max(load.refused for load in (each.single, each.alone, each.many)), ".1%"),
    "ready s": (lambda each: each.ready, ".1f"),
    "PSS MiB": (lambda each: sum(each.weights), ",.0f"),
}


def wrk(url: str, bodies: Path, connections: int, seconds: float) -> Load:
    """Run wrk once; raises AssertionError when a connection broke."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(LUA), url, "--", str(bodies)]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    told = json.loads(next(line for line in said.splitlines() if line.startswith("RESULT ")).removeprefix("RESULT "))
    assert told["broken"] == 0 < told["requests"], f"{url}: {told}"
    good = (told["requests"] - told["refused"]) / told["microseconds"] * 1e6
    return Load(good, told["p50"] / 1000, told["p99"] / 1000, told["refused"] / told["requests"])


def verify(contestant: Contestant, server: Server, rows: Sequence[Row], scores: Sequence[float]) -> None:
    """The booster's own scores, row by row and many at once."""
    found = [contestant.scores(server.ask(contestant.paths[0], contestant.one(row)))[0] for row in rows[:16]]
    found += contestant.scores(server.ask(contestant.paths[1], contestant.many(rows[:BATCH])))
    wanted = [*scores[:16], *scores[:BATCH]]
    worst = max(abs(mine - theirs) for mine, theirs in zip(wanted, found, strict=True))
    assert worst <= NEAR, f"{contestant.name} scores another model: {worst} apart"


def measure(contestant: Contestant, material: Material, folder: Path, seconds: float) -> Result:
    """Start, check, warm, load, weigh and end one contestant."""
    rows = list(zip(material.rows, material.codes, strict=True))
    single, many = folder / "single.jsonl", folder / "many.jsonl"
    single.write_text("".join(json.dumps(contestant.one(row)) + "\n" for row in rows))
    pools = [[rows[(start * 31 + place) % len(rows)] for place in range(BATCH)] for start in range(BODIES_OF_MANY)]
    many.write_text("".join(json.dumps(contestant.many(pool)) + "\n" for pool in pools))
    with running(contestant, contestant.one(rows[0])) as server:
        verify(contestant, server, rows, material.scores)
        one, other = (f"http://127.0.0.1:{server.port}{path}" for path in contestant.paths)
        wrk(one, single, CONNECTIONS, WARM)
        wrk(other, many, CONNECTIONS, 1)
        loads = [wrk(one, single, CONNECTIONS, seconds), wrk(one, single, 1, seconds), wrk(other, many, CONNECTIONS, seconds)]
        return Result(contestant.name, *loads, server.ready, weight(server.process))


def shown(values: Sequence[float], form: str) -> str:
    """Median, and from least to most."""
    middle, low, high = (format(value, form) for value in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low}–{high})"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headers."""
    widths = [max(len(row[place]) for row in (headers, *rows)) for place in range(len(headers))]
    for row in (headers, *rows):
        print(
            "  ".join(
                cell.ljust(width) if not place else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )


def report(rounds: Sequence[dict[str, Result]]) -> None:
    """Medians over rounds, then the ratios of each round."""
    names = list(rounds[0])
    rows = [[name, *(shown([get(each[name]) for each in rounds], form) for get, form in COLUMNS.values())] for name in names]
    table(["", *COLUMNS], rows)
    print(
        "\nprocesses, MiB each: "
        + "; ".join(f"{name} {' + '.join(f'{one:.0f}' for one in rounds[-1][name].weights)}" for name in names)
    )
    for mine in (name for name in names if name.startswith("baton")):
        print(f"\n{mine} over each, in the same round: above 1 Baton does more, or takes longer")
        others = [name for name in names if not name.startswith("baton")]
        compared = {title: get for title, (get, _) in COLUMNS.items() if title != "refused"}
        ratios = {
            name: [shown([get(each[mine]) / get(each[name]) for each in rounds], ".3g") for get in compared.values()]
            for name in others
        }
        table(["", *compared], [[name, *cells] for name, cells in ratios.items()])


def options() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", default=",".join(contestants.PEERS), help="comma-separated; baton always takes part")
    parser.add_argument("--seconds", type=float, default=10, help="of each load (three a contestant and round)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, default=Path.home() / ".cache" / "baton-benchmarks" / "serving", help="for venvs and the model"
    )
    parser.add_argument("--json", type=Path, help="file for every figure of every round")
    return parser.parse_args()


def main() -> None:
    """Prepare, take turns, print."""
    asked = options()
    unknown = set(filter(None, asked.peers.split(","))) - contestants.PEERS.keys()
    if unknown or shutil.which("wrk") is None:
        sys.exit(
            f"unknown peers {unknown}: there are {', '.join(contestants.PEERS)}"
            if unknown
            else "wrk is not installed: apt install wrk"
        )
    material = prepared(asked.folder / "material")
    with tempfile.TemporaryDirectory() as scratch:
        place = workspace(Path(scratch) / "workspace", material, material.onnx)
        field = contestants.baton(place)
        for peer in filter(None, asked.peers.split(",")):
            field += contestants.PEERS[peer](asked.folder, material)
        rounds: list[dict[str, Result]] = []
        for number in range(asked.rounds):
            rounds.append({})
            for contestant in field:
                print(f"round {number + 1}: {contestant.name}", file=sys.stderr, flush=True)
                rounds[-1][contestant.name] = measure(contestant, material, Path(scratch), asked.seconds)
                for segment in (place / "segments").iterdir():
                    segment.unlink()
    report(rounds)
    if asked.json:
        asked.json.write_text(json.dumps([{name: plain(each) for name, each in one.items()} for one in rounds], indent=1))


def plain(result: Result) -> dict[str, Any]:
    """A result as plain values."""
    return {title: get(result) for title, (get, _) in COLUMNS.items()} | {"processes": list(result.weights)}


if __name__ == "__main__":
    main()
