"""`baton serve`: bundle files behind the real server; models of another form live in processes of their own, and may die."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from journeys.brought import NAMES, booster

from baton.backends.keys import open_keys
from baton.kernel.digest import digest_bytes
from baton.registry.bundle import Calibration, Form, Manifest, Parity, Running, pack
from baton.registry.file import seal_path, write_bundle
from baton.registry.signature import InputFeature, Signature
from baton.serving.log import read_segments
from baton.testing.bundles import tiny_bundle
from baton.testing.server import Server

INPUTS = (InputFeature("kind", "category", ("a", "b")), InputFeature("size", "number"))
ONE = {"kind": "a", "size": 2.0}
ROW = dict.fromkeys(NAMES, 0.5)
PATIENCE = 60.0


def onnx(version: int = 1, project: str = "plain", bias: float = 0.0) -> bytes:
    return tiny_bundle(version=version, project=project, inputs=INPUTS, features="", bias=bias, lineage={})


def native(version: int = 1, project: str = "trees", form: Form = "lightgbm", model: bytes | None = None) -> bytes:
    """A bundle that keeps LightGBM's text."""
    text = booster().model_to_string().encode() if model is None else model
    signature = Signature(tuple(InputFeature(name, "number") for name in NAMES), "id", "entities", 0.5)
    return pack(Manifest(2, project, version, signature, Calibration(), Parity(5000, 0.0, 0), {}, {}, Running(form)), text, "")


class Shop:
    """A folder with sealed bundles."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, open_keys(folder / "keys")

    def put(self, data: bytes, name: str) -> str:
        write_bundle(self.folder / f"{name}.bundle", data, self.keys.seal(digest_bytes(data).encode()))
        return f"{name}.bundle"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "baton.cli", "serve", "--port", "0", *words]

    @contextmanager
    def serving(self, *words: str) -> Iterator[Server]:
        """A server until the block ends; it must then stop on SIGTERM with status 0, and leave no process behind."""
        command = self.command("--key", "keys/public.pem", *words)
        with (self.folder / "said").open("w") as said:
            process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://"), self.said()
            yield Server(process, int(line.rsplit(":", 1)[1]))
            left = children(process.pid)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, self.said()
            wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def refused(self, *words: str) -> str:
        """What a server that cannot start says."""
        done = subprocess.run(self.command(*words), cwd=self.folder, capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "fix:" in done.stderr and "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true answer; asking takes time of its own."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := what():
            return found
        threading.Event().wait(0.02)
    raise AssertionError("it never came about")


def stands_at(server: Server, version: int) -> bool:
    return bool(server.call("GET", "/ready")[1]["version"] == version)


def scored(server: Server, model: str, row: dict[str, Any]) -> tuple[int, Any]:
    return server.call("POST", f"/models/{model}/predict", json.dumps({"inputs": row}).encode())


def test_two_bundles_of_two_forms(shop: Shop) -> None:
    (shop.folder / "log").mkdir()
    with shop.serving(shop.put(onnx(), "a"), shop.put(native(), "b"), "--log", "log") as server:
        assert scored(server, "plain", ONE)[1]["predictions"][0]["model_version"] == 1
        found = scored(server, "trees", ROW)[1]["predictions"][0]["score"]
        assert found == pytest.approx(float(booster().predict([[0.5] * 4])[0]), abs=1e-12)
        assert server.predict(inputs=ONE)[0] == 200
        assert {each["name"] for each in server.call("GET", "/models")[1]["models"]} == {"plain", "trees"}
        assert "inputs" in server.error(422, "POST", "/predict", b'{"entities": ["k"]}')["fix"]
        loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "lightgbm" not in loaded and "sklearn" not in loaded
        assert "lightgbm" in Path(f"/proc/{children(server.process.pid)[0]}/maps").read_text()
    rows = {name: len(read_segments(shop.folder / "log" / name, {})[0]) for name in ("plain", "trees")}
    assert rows == {"plain": 2, "trees": 1}


def test_what_nobody_trusted_sealed_is_not_served(shop: Shop) -> None:
    name = shop.put(onnx(), "a")
    assert "--unsigned" in shop.refused(name)
    open_keys(shop.folder / "others")
    assert "signature does not fit" in shop.refused(name, "--key", "others/public.pem")
    seal_path(shop.folder / name).unlink()
    assert "is not sealed" in shop.refused(name, "--key", "keys/public.pem")
    (shop.folder / "x.bundle").write_bytes(b"\x80\x04not a bundle")
    assert "cannot be read" in shop.refused("x.bundle", "--unsigned")
    assert "no file" in shop.refused("gone.bundle", "--unsigned")
    assert "two bundles are called plain" in shop.refused(name, shop.put(onnx(2), "b"), "--unsigned")


def test_a_replaced_file_is_taken_up_on_sighup_without_a_dropped_request(shop: Shop) -> None:
    name = shop.put(onnx(1), "a")
    with shop.serving(name) as server:
        seen, done = list[tuple[int, int]](), threading.Event()

        def ask() -> None:
            body, connection = json.dumps({"inputs": ONE}).encode(), server.connect()
            while not done.is_set():
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                with connection.getresponse() as response:
                    told = json.loads(response.read())
                    seen.append((response.status, told["predictions"][0]["model_version"] if response.status == 200 else 0))
            connection.close()

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for version in range(2, 7):
            shop.put(onnx(version, bias=version / 10), "a")
            server.process.send_signal(signal.SIGHUP)
            wait_for(partial(stands_at, server, version))
        (shop.folder / name).write_bytes(b"torn")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "is not put in service" in shop.said())
        assert server.predict(inputs=ONE)[1]["predictions"][0]["model_version"] == 6
        done.set()
        for thread in threads:
            thread.join(30)
    assert {status for status, _ in seen} == {200}
    assert [version for _, version in seen if version] and {1, 6} <= {version for _, version in seen}


def test_a_name_is_kept_by_its_file(shop: Shop) -> None:
    name = shop.put(onnx(), "a")
    with shop.serving(name) as server:
        shop.put(onnx(2, project="other"), "a")
        assert "another model" in server.error(500, "POST", "/reload", b"")["message"]


def test_a_killed_model_is_replaced_while_the_others_answer(shop: Shop) -> None:
    with shop.serving(shop.put(onnx(), "a"), shop.put(native(), "b")) as server:
        (first,) = children(server.process.pid)
        statuses, done = list[int](), threading.Event()

        def ask() -> None:
            while not done.is_set():
                statuses.append(scored(server, "trees", ROW)[0])

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: 200 in statuses)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: 503 in statuses)
        assert scored(server, "plain", ONE)[0] == 200
        wait_for(lambda: statuses[-1] == 200)
        done.set()
        asking.join(30)
        assert set(statuses) == {200, 503}
        assert children(server.process.pid) != [first]
        assert "is gone and is started anew" in shop.said()


def test_a_model_that_hangs_is_killed_at_its_deadline(shop: Shop) -> None:
    with shop.serving(shop.put(native(), "b")) as server:
        (first,) = children(server.process.pid)
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        status, told = scored(server, "trees", ROW)
        assert status == 503 and "error" in told and time.monotonic() - began < 8
        assert server.call("GET", "/health")[0] == 200
        assert wait_for(lambda: scored(server, "trees", ROW)[0] == 200)
        assert not Path(f"/proc/{first}").exists()


def test_a_memory_limit_that_is_too_small_is_told(shop: Shop) -> None:
    said = shop.refused(shop.put(native(), "b"), "--key", "keys/public.pem", "--memory", "60M")
    assert "memory limit" in said and "--memory 2G" in said


def test_a_server_bounds_its_own_memory(shop: Shop) -> None:
    name = shop.put(onnx(), "a")
    assert "does not fit" in shop.refused(name, "--key", "keys/public.pem", "--memory", "40M")
    with shop.serving(name, "--memory", "700M") as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        assert str(700 << 20) in next(line for line in limits.splitlines() if line.startswith("Max data size"))
        assert server.predict(inputs=ONE)[0] == 200


def test_a_log_that_need_not_stay_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from baton.inference import standalone
    from baton.kernel.clock import SystemClock
    from baton.serving.prediction import PredictionBatch

    monkeypatch.setattr(standalone, "SEGMENT", 200)
    log = standalone.ShortLog(tmp_path, SystemClock())
    batch = PredictionBatch("p", 1, 1, "r", "live", ["i"], ["e"], [0.5], {"x": [1.0]}, 1, 1)
    for _ in range(4 * standalone.LOOK):
        log.append([batch])
    assert len(list(tmp_path.iterdir())) <= standalone.KEPT


def test_a_native_model_that_cannot_be_loaded_is_told(shop: Shop) -> None:
    broken = shop.put(native(model=b"tree\nversion=v4\nnonsense"), "b")
    assert "trees cannot be used" in shop.refused(broken, "--unsigned")


def test_workers_share_the_port(shop: Shop) -> None:
    with shop.serving(shop.put(onnx(), "a"), "--workers", "2") as server:
        assert len(children(server.process.pid)) == 2
        assert {server.predict(inputs=ONE)[0] for _ in range(20)} == {200}
        shop.put(onnx(2), "a")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: {server.call("GET", "/ready")[1]["version"] for _ in range(8)} == {2})


def test_in_a_workspace_its_fallback_answers_while_it_is_down(tmp_path: Path) -> None:
    """Nobody is told an error: the version before stands in until the process is there again."""
    import lightgbm
    import numpy as np

    from baton.registry import bundle
    from baton.testing.bundles import FEATURES
    from baton.testing.bundles import INPUTS as FLIGHT
    from baton.testing.server import TinyWorkspace, running

    place, draw = TinyWorkspace(tmp_path), np.random.default_rng(0)
    matrix = draw.normal(size=(200, len(FLIGHT)))
    trained = lightgbm.train({"objective": "binary", "verbosity": -1}, lightgbm.Dataset(matrix, matrix[:, 0] > 0), 3)
    head = Manifest(
        2, "flights", 4, Signature(FLIGHT, "id", "flights", 0.5), Calibration(), Parity(5000, 0.0, 0),
        {"time_columns": "scheduled"}, {}, Running("lightgbm"),
    )  # fmt: skip
    digest = place.artifacts.put(bundle.pack(head, trained.model_to_string().encode(), FEATURES))
    place.artifacts.seal(digest, place.keys.seal(digest.encode()))
    place.bundles.append(digest)
    place.route(("live", 4), ("fallback", 1))
    with running(tmp_path) as server:
        answers, done = list[tuple[int, str]](), threading.Event()

        def ask() -> None:
            while not done.is_set():
                status, told = server.predict(entities=["f1", "f2"])
                answers.append((status, told["predictions"][0]["variant"] if status == 200 else "none"))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: (200, "live") in answers)
        os.kill(children(server.process.pid)[0], signal.SIGKILL)
        wait_for(lambda: (200, "fallback") in answers)
        wait_for(lambda: answers[-1] == (200, "live"))
        done.set()
        asking.join(30)
    assert set(answers) == {(200, "live"), (200, "fallback")}
