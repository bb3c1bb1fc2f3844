"""The slim runtime: its wheel holds what the server reaches and nothing that trains; its container is built with care.

No container is built here: the Containerfile is read, and held against rules. The wheel is built and run for real, slowly.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from baton.backends.keys import open_keys
from baton.kernel.digest import digest_bytes
from baton.registry.file import write_bundle
from baton.registry.signature import InputFeature
from baton.testing.bundles import tiny_bundle
from baton.testing.server import Server

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "packaging" / "runtime"
MOST = 25
NEVER = ("baton/app/", "baton/cli/", "baton/web/", "baton/testing/", "baton/monitoring/", "baton/incidents/", "baton/data/", "baton/team/", "baton/project/", "baton/ledger/")  # fmt: skip


def hook() -> ModuleType:
    """The build's own idea of what goes in."""
    spec = importlib.util.spec_from_file_location("hatch_build", RUNTIME / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inside() -> list[str]:
    """The wheel's modules."""
    found = hook()
    return [path.relative_to(found.SOURCE).as_posix() for path in found.files()]


def test_it_holds_the_server_and_no_loop() -> None:
    names = inside()
    assert {
        "baton/inference/standalone.py",
        "baton/inference/foreign.py",
        "baton/kernel/cell.py",
        "baton/serving/model.py",
    } <= set(names)
    assert [name for name in names if name.startswith(NEVER)] == []
    assert "baton/backends/frameworks/lightgbm.py" not in names and "baton/backends/frameworks/formats/graph.py" not in names


def test_every_module_that_is_imported_is_inside() -> None:
    """In a fresh process that finds nothing but what the wheel holds."""
    code = (
        "import sys, importlib.abc\n"
        f"inside = {set(inside())!r}\n"
        "class Only(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        place = name.replace('.', '/')\n"
        "        if name.split('.')[0] == 'baton' and not {place + '.py', place + '/__init__.py'} & inside:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Only())\n"
        "import baton.inference.standalone, baton.inference.foreign\n"
        "import baton.backends.frameworks.formats.lightgbm_text\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def told() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((RUNTIME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def pinned() -> dict[str, str]:
    blocks = re.split(r"^(?=[a-z0-9])", (RUNTIME / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.split(r"[=\[ ]", block)[0]: block for block in blocks if "==" in block}


def test_it_needs_few_distributions_all_pinned_and_hashed() -> None:
    dependencies = told()["dependencies"]
    assert isinstance(dependencies, list)
    wanted = {re.split(r"[ <>=;\[]", each)[0] for each in dependencies}
    assert wanted <= pinned().keys() and len(pinned()) + 1 <= MOST
    assert [name for name, block in pinned().items() if "--hash=sha256:" not in block] == []
    assert "://" not in (RUNTIME / "requirements.lock").read_text(encoding="utf-8")


def test_it_asks_for_the_same_versions_as_baton_does() -> None:
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    dependencies = told()["dependencies"]
    assert isinstance(dependencies, list)
    assert [each for each in dependencies if each not in [line.split("  #")[0] for line in own]] == []


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions, lines that go on joined."""
    text = re.sub(r"\\\n", " ", (RUNTIME / "Containerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def test_the_container_is_built_with_care() -> None:
    made = instructions()
    names = [name for name, _ in made]
    last = max(place for place, name in enumerate(names) if name == "FROM")
    final = made[last:]
    users = [rest for name, rest in final if name == "USER"]
    assert users and not users[-1].startswith(("0", "root"))
    assert any(name == "HEALTHCHECK" and "/health" in rest for name, rest in final)
    assert [rest for name, rest in final if name == "ENTRYPOINT"][-1].startswith('["baton-serve"')
    installs = [rest for name, rest in made if name == "RUN" and "pip install" in rest]
    assert installs and all("--require-hashes -r /build/requirements.lock" in rest and "--no-deps" in rest for rest in installs)
    copied = [word for name, rest in made if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]]
    assert copied == ["packaging/runtime/requirements.lock", "packaging/runtime/dist/*.whl"]
    assert "ADD" not in names and not any("TOKEN=" in rest for name, rest in made if name in ("ENV", "ARG"))
    assert not any(re.search(r"://(?!127\.0\.0\.1)|:latest", rest) for _, rest in made)


def run(*command: str, cwd: Path = ROOT) -> str:
    """Run a command without whatever environment is active here; what it said."""
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_both_wheels_are_built_and_the_small_one_serves_by_itself(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "full"))
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "slim"), cwd=RUNTIME)
    (full,), (slim,) = (list((tmp_path / name).glob("*.whl")) for name in ("full", "slim"))
    assert slim.stat().st_size < full.stat().st_size / 2
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env"))
    python = str(tmp_path / "env" / "bin" / "python")
    installed = sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python
    run(*installed, "--require-hashes", "-r", str(RUNTIME / "requirements.lock"))
    run(*installed, "--no-deps", "--no-index", str(slim))
    listed = json.loads(run(sys.executable, "-m", "uv", "pip", "list", "--python", python, "--format", "json"))
    assert len(listed) <= MOST, [each["name"] for each in listed]
    assert {each["name"] for each in listed}.isdisjoint({"lightgbm", "scikit-learn", "scipy", "pandas", "pyarrow", "sympy"})
    serve_one(tmp_path)


def serve_one(folder: Path) -> None:
    """The installed script answers a request about a sealed bundle."""
    keys = open_keys(folder / "keys")
    data = tiny_bundle(project="churn", inputs=(InputFeature("size", "number"),), features="", lineage={})
    write_bundle(folder / "churn.bundle", data, keys.seal(digest_bytes(data).encode()))
    command = [str(folder / "env" / "bin" / "baton-serve"), "churn.bundle", "--key", "keys/public.pem", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on"), process.stderr.read()
        status, answer = Server(process, int(line.rsplit(":", 1)[1])).predict(inputs={"size": 1.0})
        assert (status, answer["predictions"][0]["model_version"]) == (200, 1)
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
