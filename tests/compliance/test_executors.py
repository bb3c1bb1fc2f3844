"""Long jobs: a child that answers one request and ends, and jobs that run once per id and survive a kill."""

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import pytest

from baton.app.new import from_template
from baton.app.workspace import create
from baton.backends.executors import child as executor
from baton.backends.executors.child import Child
from baton.backends.executors.durable import DurableJobs, PlainJson
from baton.kernel.errors import Refused, Unavailable

ANSWERING = """
import json, os, signal, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("die") == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("die") == "exit": sys.exit(3)
    if asked.get("die") == "interrupt":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    if asked.get("die") == "torn":
        sys.stdout.write('{"ok": {"half'); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("refuse"):
        told = {"error": {"what": "no label is known", "where": "training", "why": "too early", "fix": "wait"}}
    else:
        told = {"ok": {"echo": asked, "pid": os.getpid(), "arguments": sys.argv[1:]}}
    print(json.dumps(told), flush=True)
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    (tmp_path / "answering.py").write_text(ANSWERING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child("answering", ("one", "two words"))
    yield child
    child.close()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_every_request_has_a_child_of_its_own_that_ends_with_the_answer(made: Child) -> None:
    odd: dict[str, Any] = {"text": "é\n\u2028\x1f", "none": None, "list": [1, 2.5]}
    first = made.ask(odd)
    assert first["echo"] == odd and first["arguments"] == ["one", "two words"]
    assert gone(first["pid"])
    assert made.ask({"n": 2})["pid"] != first["pid"]
    assert len(made.ask({"long": "x" * 300_000})["echo"]["long"]) == 300_000


def test_a_warmed_child_is_the_one_that_answers(made: Child) -> None:
    made.warm()
    made.warm()
    assert made._process is not None
    warmed = made._process.pid
    assert made.ask({})["pid"] == warmed


def test_a_refusal_comes_in_the_childs_own_words(made: Child) -> None:
    with pytest.raises(Refused, match="no label is known") as caught:
        made.ask({"refuse": True})
    assert (caught.value.where, caught.value.why, caught.value.fix) == ("training", "too early", "wait")
    assert made.ask({"n": 1})["echo"] == {"n": 1}


@pytest.mark.parametrize(("way", "code"), [("kill", -signal.SIGKILL), ("exit", 3), ("torn", -signal.SIGKILL)])
def test_a_death_is_unavailable_and_the_next_request_starts_anew(made: Child, way: str, code: int) -> None:
    with pytest.raises(Unavailable, match=f"ended with code {code}\n") as caught:
        made.ask({"die": way})
    assert caught.value.retryable and caught.value.where == "-m answering"
    assert made.ask({"n": 1})["echo"] == {"n": 1}


def test_an_interrupted_child_was_not_killed(made: Child) -> None:
    with pytest.raises(Unavailable) as caught:
        made.ask({"die": "interrupt"})
    assert caught.value.what == "the job was interrupted" and "memory" not in str(caught.value)


def test_a_warmed_child_that_died_is_replaced(made: Child) -> None:
    made.warm()
    assert made._process is not None
    made._process.kill()
    made._process.wait(timeout=10)
    assert made.ask({"n": 1})["echo"] == {"n": 1}


def test_a_module_that_is_not_there_is_unavailable(made: Child, capfd: pytest.CaptureFixture[str]) -> None:
    other = Child("nothing_of_that_name", ())
    with pytest.raises(Unavailable, match="code 1"):
        other.ask({"long": "x" * 300_000})
    assert "nothing_of_that_name" in capfd.readouterr().err
    other.close()


def test_closing_ends_the_child_and_may_be_done_twice(made: Child) -> None:
    made.warm()
    assert made._process is not None
    pid = made._process.pid
    made.close()
    made.close()
    assert gone(pid)


def test_a_child_that_does_not_end_is_ended(tmp_path: Path, made: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stubborn.py").write_text(
        "import json, os, signal\nprint(json.dumps({'ok': {'pid': os.getpid()}}), flush=True)\nsignal.pause()"
    )
    monkeypatch.setattr(executor, "PATIENCE", 0.05)
    assert gone(Child("stubborn", ()).ask({})["pid"])


def test_a_training_ends_with_its_caller(tmp_path: Path) -> None:
    project, reached = tmp_path / "mine", tmp_path / "reached"
    from_template("mine", project)
    os.mkfifo(reached)
    (project / "features.py").write_text(f"import signal\nopen({str(reached)!r}, 'w').close()\nsignal.pause()\n")
    workspace = create(tmp_path / "state", "wall").folder
    caller = (
        "import sys\n"
        "from baton.backends.executors.child import Child\n"
        "Child('baton.app.training', tuple(sys.argv[1:])).ask({'cutoff': '2023-01-01T00:00:00Z'})\n"
    )
    with subprocess.Popen([sys.executable, "-c", caller, str(project), str(workspace)]) as started:
        reached.read_text()  # the training runs
        (pid,) = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        ended = os.pidfd_open(int(pid))
        started.kill()
    assert select.select([ended], [], [], 30)[0], "the training outlived the process that wanted it"
    os.close(ended)


RAN: list[int] = []


def double(request: Mapping[str, Any]) -> dict[str, Any]:
    RAN.append(int(request["n"]))
    return {"twice": 2 * int(request["n"])}


def failing(request: Mapping[str, Any]) -> dict[str, Any]:
    RAN.append(int(request["n"]))
    if len(RAN) < 3:
        raise Unavailable("the job's process ended with code -9", why="it was killed")
    return {"after": len(RAN)}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[DurableJobs]:
    RAN.clear()
    jobs = DurableJobs(tmp_path / "engine.db", {"double": double, "failing": failing})
    yield jobs
    jobs.close()


def test_a_job_runs_once_per_id_also_after_a_restart(jobs: DurableJobs, tmp_path: Path) -> None:
    assert [jobs.run("a", "double", {"n": 3}), jobs.run("a", "double", {"n": 9}), jobs.run("b", "double", {"n": 4})] == [
        {"twice": 6},
        {"twice": 6},
        {"twice": 8},
    ]
    assert RAN == [3, 4]
    jobs.close()
    again = DurableJobs(tmp_path / "engine.db", {"double": double})
    assert again.run("a", "double", {"n": 1}) == {"twice": 6}
    assert RAN == [3, 4]
    again.close()


def test_an_attempt_that_raised_is_no_answer_and_told_by_its_error_alone(jobs: DurableJobs) -> None:
    log = BufferingHandler(1000)
    logging.getLogger("dbos").addHandler(log)
    for _ in range(2):
        with pytest.raises(Unavailable, match="code -9"):
            jobs.run("a", "failing", {"n": 1})
    logging.getLogger("dbos").removeHandler(log)
    assert [record.getMessage() for record in log.buffer] == []
    assert jobs.run("a", "failing", {"n": 1}) == {"after": 3} == jobs.run("a", "failing", {"n": 1})
    assert RAN == [1, 1, 1]


KILLED = """
import os, signal, sys
from pathlib import Path
from baton.backends.executors.durable import DurableJobs
folder, die = Path(sys.argv[1]), sys.argv[2] == "die"
def work(request):
    with (folder / "ran").open("a") as stream: stream.write(str(request["n"]) + "\\n")
    if die: os.kill(os.getpid(), signal.SIGKILL)
    return {"n": request["n"]}
jobs = DurableJobs(folder / "engine.db", {"work": work})
print(jobs.run("a", "work", {"n": 7}) if die else [jobs.run("a", "work", {"n": 8}), jobs.run("a", "work", {"n": 9})])
jobs.close()
"""


def test_a_killed_job_is_resumed_with_its_own_request(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "die"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (dead.returncode, dead.stdout) == (-signal.SIGKILL, "")
    after = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "live"], capture_output=True, text=True, timeout=60, check=False
    )
    assert after.stdout == "[{'n': 7}, {'n': 7}]\n", after.stderr
    assert (tmp_path / "ran").read_text() == "7\n7\n"


def test_records_of_the_engine_are_json_and_nothing_else() -> None:
    plain = PlainJson()
    value = {"args": [1, "é", None], "kwargs": {}}
    assert plain.deserialize(plain.serialize(value)) == json.loads(plain.serialize(value)) == value
    error = plain.deserialize(plain.serialize(ValueError("what went wrong")))
    assert isinstance(error, Refused) and error.what == "what went wrong"
    assert plain.deserialize(plain.serialize(Path("x"))) == repr(Path("x"))
    assert plain.name() == "baton_json"
