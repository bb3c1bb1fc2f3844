"""Who is measured: how each is started, asked and understood. Each peer lives in a venv of its own, its versions pinned."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from material import Material

HERE = Path(__file__).parent
APPS = HERE / "apps"
Row = tuple[dict[str, Any], Sequence[float]]
"""A row by its names and by its codes."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a server: what to type, with which variables set."""

    command: Sequence[str]
    env: dict[str, str]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server: its name, its workers, how it starts on a port, where it is asked, with what, and what its answer says."""

    name: str
    workers: int
    launch: Callable[[int], Launch]
    paths: tuple[str, str]
    one: Callable[[Row], Any]
    many: Callable[[Sequence[Row]], Any]
    scores: Callable[[Any], list[float]]


def venv(folder: Path, name: str) -> Path:
    """The interpreter of a peer's venv, made from its requirements file; another file is another venv."""
    wanted = HERE / f"requirements-{name}.txt"
    place = folder / f"venv-{name}-{sha256(wanted.read_bytes()).hexdigest()[:8]}"
    python = place / "bin" / "python"
    if not (place / "whole").is_file():
        print(f"making the venv of {name} ({place})", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        (place / "whole").touch()
    return python


def fastapi(folder: Path, material: Material) -> list[Contestant]:
    """FastAPI and the scikit-learn wrapper as in tutorials, two workers."""
    python = venv(folder, "fastapi")
    env = {"SERVING_MATERIAL": str(material.folder), "SERVING_MODEL": str(material.folder / "model.txt")}

    def launch(port: int) -> Launch:
        where = ["--app-dir", str(APPS), "--host", "127.0.0.1", "--port", str(port)]
        quiet = ["--workers", "2", "--log-level", "warning", "--no-access-log"]
        return Launch([str(python), "-m", "uvicorn", "fastapi_app:app", *where, *quiet], env)

    def scores(told: Any) -> list[float]:
        return [each["score"] for each in (told if isinstance(told, list) else [told])]

    return [Contestant("fastapi x2", 2, launch, ("/predict", "/predict_many"), _named, _all_named, scores)]


def bentoml(folder: Path, material: Material) -> list[Contestant]:
    """BentoML with an array in and an array out, two workers."""
    python = venv(folder, "bentoml")
    env = {
        "SERVING_MODEL": str(material.folder / "model.txt"),
        "BENTOML_HOME": str(folder / "bentoml-home"),
        "BENTOML_DO_NOT_TRACK": "True",
    }

    def launch(port: int) -> Launch:
        command = [str(python), "-m", "bentoml", "serve", "bentoml_app:Flights", "--working-dir", str(APPS)]
        return Launch([*command, "--host", "127.0.0.1", "--port", str(port)], env)

    def many(rows: Sequence[Row]) -> Any:
        return {"rows": [codes for _, codes in rows]}

    return [Contestant("bentoml x2", 2, launch, ("/predict", "/predict"), lambda row: many([row]), many, list)]


def mlserver(folder: Path, material: Material) -> list[Contestant]:
    """MLServer in process, its LightGBM runtime, V2 over REST. It gets codes, not names, which spares it work."""
    python = venv(folder, "mlserver")

    def launch(port: int) -> Launch:
        place = folder / "mlserver-settings"
        place.mkdir(exist_ok=True)
        server = {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "parallel_workers": 0, "metrics_endpoint": None}
        model = {"name": "flights", "implementation": "mlserver_lightgbm.LightGBMModel"}
        uri = {"parameters": {"uri": str(material.folder / "model.txt")}}
        (place / "settings.json").write_text(json.dumps({**server, "debug": False}))
        (place / "model-settings.json").write_text(json.dumps({**model, **uri}))
        # One thread, its best here: two share the cores with the event loop and wrk, and spin while they wait for each other.
        return Launch([str(python.with_name("mlserver")), "start", str(place)], {"OMP_NUM_THREADS": "1"})

    def many(rows: Sequence[Row]) -> Any:
        data = [value for _, codes in rows for value in codes]
        return {"inputs": [{"name": "x", "shape": [len(rows), len(rows[0][1])], "datatype": "FP32", "data": data}]}

    path = "/v2/models/flights/infer"
    return [
        Contestant("mlserver", 1, launch, (path, path), lambda row: many([row]), many, lambda told: told["outputs"][0]["data"])
    ]


def bare(folder: Path, material: Material) -> list[Contestant]:
    """The bare engine, with one worker and with two."""
    python = venv(folder, "bare")

    def made(workers: int) -> Contestant:
        def launch(port: int) -> Launch:
            return Launch([str(python), str(APPS / "bare_app.py"), str(material.folder), str(port), str(workers)], {})

        return Contestant(f"bare x{workers}", workers, launch, ("/", "/"), _named, _all_named, list)

    return [made(1), made(2)]


def baton(place: Path, *options: str) -> list[Contestant]:
    """Baton's model server on a workspace: with one worker, and with two where it has the option."""
    told = subprocess.run([sys.executable, "-m", "baton.inference", "--help"], capture_output=True, check=True, text=True).stdout

    def made(workers: int) -> Contestant:
        def launch(port: int) -> Launch:
            more = ["--workers", str(workers)] if workers > 1 else []
            return Launch(
                [sys.executable, "-m", "baton.inference", "--workspace", str(place), "--port", str(port), *more, *options], {}
            )

        def one(row: Row) -> Any:
            return {"inputs": row[0]}

        def many(rows: Sequence[Row]) -> Any:
            return {"inputs": _all_named(rows)}

        def scores(answer: Any) -> list[float]:
            return [each["score"] for each in answer["predictions"]]

        return Contestant(f"baton x{workers}", workers, launch, ("/predict", "/predict"), one, many, scores)

    return [made(1), made(2)] if "--workers" in told else [made(1)]


PEERS: dict[str, Callable[[Path, Material], list[Contestant]]] = {
    "fastapi": fastapi,
    "mlserver": mlserver,
    "bentoml": bentoml,
    "bare": bare,
}


def _named(row: Row) -> Any:
    return row[0]


def _all_named(rows: Sequence[Row]) -> Any:
    return [names for names, _ in rows]
