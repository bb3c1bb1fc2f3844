"""Hand-offs over somebody else's pipeline, through the command line's own processes: the worked example, and what goes wrong."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from journeys.shop import TEAM, Shop, open_shop
from ruamel.yaml import YAML

from baton.app.alone.view import found
from baton.app.bootstrap import open_state
from baton.app.lifecycle import coming
from baton.app.seat import seat
from baton.cli.main import EXIT, door
from baton.cli.right import Owned
from baton.kernel.errors import BatonError, Conflict, NotFound
from baton.team.handoff import Handoff
from baton.team.task import Task

EXAMPLE = Path(__file__).parents[2] / "examples" / "handoffs"
OFFER = ("handoff", "offer", "--subject", "shop model 7", "--artefact", "file:model.onnx")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path / "shop", tmp_path / "home")


def handoffs(shop: Shop) -> list[Handoff]:
    with open_state(shop.workspace) as (_, state):
        return state.all(Handoff)


def test_the_example_plays_as_it_says(tmp_path: Path) -> None:
    binaries = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "GIT_"))}
    done = subprocess.run(
        ["sh", str(EXAMPLE / "act.sh"), str(tmp_path / "stage")],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**kept, "PATH": f"{binaries}{os.pathsep}{kept['PATH']}", "XDG_CONFIG_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.count("\ndeployed\n") == 3
    for words in ("offers the same hand-off", "whole: every fact", "handoff.declined", "handoff.superseded"):
        assert words in done.stdout
    assert {path.name for path in EXAMPLE.iterdir()} >= {"README.md", "team.yaml", "workflow.yml", "act.sh"}
    assert not (EXAMPLE / ".baton").exists()


def test_the_workflow_is_valid_and_its_commands_are_baton_s_own() -> None:
    workflow = YAML(typ="safe", pure=True).load(EXAMPLE / "workflow.yml")
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(step.keys() & {"run", "uses"} for step in steps)
    assert workflow["jobs"]["deploy"]["needs"] == "train"
    commands = [command for step in steps for command in baton_commands(step.get("run", ""))]
    assert [parsed(command) for command in commands] == ["handoff.offer", "read", "read", "read"]


def test_the_commands_of_the_guide_are_baton_s_own() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "howto" / "handoffs-alone.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    commands = [command for block in blocks for command in baton_commands(block)]
    assert len(commands) >= 8
    for command in commands:
        parsed(command)


def baton_commands(script: str) -> Iterator[list[str]]:
    """The words of every call of `baton` in a script; what the runner or the shell puts in is one word."""
    joined = re.sub(r"\$\{\{.*?\}\}", "7", script.replace("\\\n", " "))
    for line in joined.replace(" && ", "\n").splitlines():
        found = re.search(r"(?:^|\$\(|[A-Z_]+=\S+ )\s*(baton .*)", line)
        if found:
            text = found[1]
            words = shlex.split(text.removesuffix(")") if "$(" in line else text, comments=True)
            yield words[1:]


def parsed(words: list[str]) -> str:
    """The action of a command line, read by the real command line without being run."""
    context: click.Context = door.make_context("baton", list(words))
    command: click.Command = door
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None and name is not None, words
        command, context = found, found.make_context(name, rest, parent=context)
    assert isinstance(command, Owned)
    return command.action


def test_the_first_offer_begins_the_record_and_a_bad_one_begins_nothing(shop: Shop) -> None:
    bad = [
        ("--artefact", "file:other.onnx"),
        ("--artefact", "oci:shop:latest"),
        ("--artefact", "model.onnx"),
        ("--check", "tests=no-such-command"),
        ("--check", "tests"),
        ("--check", "tests='unclosed"),
        ("--check", "tests=true && true"),
        ("--check", "tests=true", "--check", "tests=true"),
        ("--check", "tests=sh -c 'echo x >> model.onnx'"),
        ("--evidence", "auc"),
        ("--evidence", "checks=1"),
        ("--evidence", "note=a\x1b[31mb"),
        ("--edge", "bundel"),
        ("--edge", "mine", "--to", "deploy"),
        ("--edge", "mine", "--to", "nowhere", "--payload", "p"),
        ("--edge", "bundle", "--to", "deploy", "--payload", "in other words"),
        ("--check-timeout", "soon"),
        ("--as", "nobody"),
    ]
    for more in bad:
        done = CliRunner().invoke(door, ["--project", str(shop.folder), *OFFER, *more])
        assert isinstance(done.exception, BatonError), (more, done.output)
        assert EXIT[done.exception.code] in (2, 3, 4) and done.exception.fix, more
        (shop.folder / "model.onnx").write_bytes(b"a model")
    assert not shop.workspace.exists() or not handoffs(shop)
    assert shop.run("handoff", "show", "handoff-000000000000").returncode == 3
    made = shop.offer("--evidence", "auc=0.81", "--evidence", "note=clean run", "--check", "tests=echo fine")
    (found,) = handoffs(shop)
    assert (found.id, found.status, found.waiting_on, found.giver) == (made, "offered", "ben", "ann")
    assert found.evidence["auc"] == 0.81 and found.evidence["note"] == "clean run"
    assert found.evidence["checks"]["tests"]["tail"] == "fine" and found.checks[0].detail == "exit 0: fine"


def test_the_same_offer_is_the_same_hand_off_and_another_is_another_round(shop: Shop) -> None:
    first = shop.offer("--evidence", "auc=0.81")
    assert shop.offer("--evidence", "auc=0.81") == first
    other = shop.offer("--evidence", "auc=0.83")
    assert other != first and shop.run("handoff", "wait", first, "--timeout", "0s").returncode == 23
    (shop.folder / "model.onnx").write_bytes(b"another model")
    third = shop.offer("--evidence", "auc=0.83")
    shop.ok("handoff", "accept", third, "--as", "ben")
    assert shop.offer("--evidence", "auc=0.9") == third, "what was accepted stays so as long as its bytes do"
    (shop.folder / "model.onnx").write_bytes(b"a fourth model")
    fourth = shop.offer()
    assert fourth != third and shop.run("handoff", "wait", fourth, "--timeout", "0s").returncode == 22


def test_what_was_sent_back_is_offered_again_when_it_changed_or_on_request(shop: Shop) -> None:
    first = shop.offer()
    assert shop.run("handoff", "decline", first, "--as", "ben", "--reason", " ").returncode == 5
    shop.ok("handoff", "decline", first, "--as", "ben", "--reason", "no card")
    again = shop.run(*OFFER)
    assert (again.returncode, again.stdout.strip()) == (20, first)
    assert shop.offer("--again") != first
    assert shop.run("handoff", "wait", first, "--timeout", "1h").returncode == 20


def test_policy_takes_what_its_checks_speak_for_and_nothing_else(shop: Shop) -> None:
    team = TEAM.replace("{accept: person, within: 4h}", "{accept: policy, within: 4h}")
    (shop.folder / "team.yaml").write_text(team)
    assert shop.run("handoff", "wait", shop.offer("--check", "tests=true"), "--timeout", "0s").returncode == 0
    unproved = shop.offer(subject="shop model 8")
    assert shop.run("handoff", "wait", unproved, "--timeout", "0s").returncode == 22
    failed = shop.run("handoff", "offer", "--subject", "shop model 9", "--check", "tests=sh -c 'echo no; exit 3'", "--json")
    assert failed.returncode == 20
    assert json.loads(failed.stdout)["reason"] == "tests: exit 3: no"


@pytest.mark.parametrize("through", [("handoff", "accept"), ("accept",)])
def test_what_changed_since_the_offer_is_not_taken_but_offered_anew(shop: Shop, through: tuple[str, ...]) -> None:
    made = shop.offer("--check", "tests=true")
    assert shop.run("handoff", "check", made).returncode == 0
    (shop.folder / "model.onnx").write_bytes(b"changed")
    looked = shop.run("handoff", "check", made, "--json")
    assert looked.returncode == 4 and json.loads(looked.stdout)["pins"][0]["state"] == "changed"
    assert len(handoffs(shop)) == 1
    done = shop.run(*through, made, "--as", "ben")
    assert done.returncode == 4 and "not what was offered" in done.stderr
    old, new = handoffs(shop)
    assert (old.status, new.status, new.round) == ("superseded", "offered", 2)
    assert new.pin != old.pin and new.evidence["checked"] == "before the change, in round 1"
    fresh = shop.offer("--check", "tests=true")
    assert fresh not in (old.id, new.id), "a round whose checks ran on it takes the place of one whose checks did not"
    shop.ok("handoff", "accept", fresh, "--as", "ben")
    assert "whole" in shop.ok("ledger", "verify")


def test_check_renews_on_request_and_what_is_gone_is_not_renewed(shop: Shop) -> None:
    made = shop.offer("--edge", "shop-model", "--to", "deploy", "--payload", "model for the shop")
    (shop.folder / "model.onnx").write_bytes(b"changed")
    done = shop.run("handoff", "check", made, "--renew", "--json")
    assert done.returncode == 4
    renewed = json.loads(done.stdout)["renewed"]
    assert [each.id for each in handoffs(shop)] == [made, renewed]
    assert handoffs(shop)[1].payload == "model for the shop"
    (shop.folder / "model.onnx").unlink()
    assert shop.run("handoff", "check", renewed, "--renew").returncode == 4
    assert shop.run("handoff", "accept", renewed, "--as", "ben").returncode == 4
    assert handoffs(shop)[1].status == "offered" and len(handoffs(shop)) == 2
    (shop.folder / "model.onnx").write_bytes(b"changed")
    shop.ok("handoff", "accept", renewed, "--as", "ben")


def test_deadlines_pass_although_nothing_runs(shop: Shop) -> None:
    (shop.folder / "team.yaml").write_text(TEAM.replace("within: 4h", "within: 1s"))
    made = shop.offer()
    done = shop.run("handoff", "wait", made, "--timeout", "60s")
    assert done.returncode == 21, done.stderr
    (found,) = handoffs(shop)
    assert found.status == "lapsed" and found.level >= 1 and found.asked[0] == "ben"
    with open_state(shop.workspace) as (_, state):
        told = [fact.payload["level"] for fact in state.facts(kind="handoff.escalated", subject=made)]
    assert told == sorted(set(told)), "one fact per level"
    assert shop.ok("handoff", "tick").strip() == "0 changes"


def test_somebody_who_is_taken_from_the_file_is_passed_over(shop: Shop) -> None:
    made = shop.offer()
    (shop.folder / "team.yaml").write_text(
        TEAM.replace("  - {name: ben, roles: [mlops-engineer, sre], deputy: ann}\n", "").replace(
            "[product-manager,", "[product-manager, mlops-engineer, sre,"
        )
    )
    shop.ok("handoff", "tick")
    (found,) = handoffs(shop)
    assert (found.id, found.status, found.waiting_on) == (made, "offered", "eve")
    assert shop.run("handoff", "accept", made, "--as", "ben").returncode == 3
    shop.ok("handoff", "accept", made, "--as", "eve")


def test_processes_that_offer_at_once_make_one_offer(shop: Shop) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: shop.run(*OFFER), range(6)))
    assert {done.returncode for done in found} == {0}, [done.stderr for done in found]
    assert len({done.stdout for done in found}) == 1 and len(handoffs(shop)) == 1
    assert "whole" in shop.ok("ledger", "verify")


def test_of_processes_that_accept_at_once_one_is_first(shop: Shop) -> None:
    made = shop.offer()
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda _: shop.run("handoff", "accept", made, "--as", "ben"), range(5)))
    assert sorted(done.returncode for done in found) == [0, 4, 4, 4, 4]


def test_of_two_who_go_at_once_one_stays(shop: Shop) -> None:
    """Each sees the other remain; the record takes only one at their word."""
    shop.ok("handoff", "tick")
    shop.ok("team", "away", "eve", "--until", "9d", "--as", "eve")
    with seat(shop.folder, shop.workspace, "ann") as ann, seat(shop.folder, shop.workspace, "ben") as ben:
        for here in (ann, ben):
            coming.go_away(here.office, here.actor.name, here.now, here.now + timedelta(days=1), here.actor.name, "at the sea")
        ann.commit()
        with pytest.raises(Conflict, match="another person has changed meanwhile"):
            ben.commit()
    assert shop.run("team", "away", "ben", "--until", "1d", "--as", "ben").returncode == 5


def test_who_was_taken_from_the_file_counts_no_more_and_who_was_added_does(shop: Shop) -> None:
    shop.ok("handoff", "tick")
    everything = "data-scientist, ml-engineer, mlops-engineer, sre, product-manager, data-engineer, devops-engineer"
    (shop.folder / "team.yaml").write_text(f"project: shop\npeople:\n  - {{name: ben, roles: [{everything}]}}\n")
    done = shop.run("team", "away", "ben", "--until", "1d", "--as", "ben")
    assert done.returncode == 5 and "nobody would be accountable" in done.stderr
    with (shop.folder / "team.yaml").open("a") as stream:
        stream.write("  - {name: zoe, roles: [sre]}\n")
    shop.ok("team", "away", "ben", "--until", "1d", "--as", "ben")
    assert shop.run("team", "leave", "zoe", "--as", "zoe").returncode == 5


def test_what_is_consulted_on_is_not_taken_before_through_either_door(shop: Shop) -> None:
    rule = "{accept: person, within: 4h, consult: {quorum: 1, within: 2h}}"
    (shop.folder / "team.yaml").write_text(
        TEAM.replace("{accept: person, within: 4h}", rule).replace(
            "handoffs:", "  - {name: dan, roles: [ml-engineer]}\nhandoffs:"
        )
    )
    made = shop.offer()
    for through in (("handoff", "accept", made), ("accept", made), ("decline", made, "--reason", "no")):
        done = shop.run(*through, "--as", "ben")
        assert done.returncode == 5 and "still being consulted on" in done.stderr, (through, done.stdout)


@pytest.mark.parametrize("through", [("handoff", "decline"), ("decline",)])
def test_words_that_cannot_be_shown_come_on_the_record_through_neither_door(shop: Shop, through: tuple[str, ...]) -> None:
    made = shop.offer()
    for reason in ("a\x1b[2Jb", "a" * 2001):
        assert shop.run(*through, made, "--as", "ben", "--reason", reason).returncode == 2
    assert handoffs(shop)[0].open


def test_a_wait_ends_when_somebody_answers(shop: Shop) -> None:
    made = shop.offer()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(shop.run, "handoff", "wait", made, "--timeout", "60s")
        shop.ok("handoff", "accept", made, "--as", "ben")
        assert waiting.result().returncode == 0


def test_looking_creates_nothing(shop: Shop) -> None:
    for words in (("show", "handoff-000000000000"), ("check", "handoff-0"), ("wait", "x"), ("accept", "x", "--as", "ben")):
        assert shop.run("handoff", *words).returncode == 3
    assert not shop.workspace.exists()


@pytest.mark.slow
def test_killed_anywhere_nothing_is_half_done(tmp_path: Path) -> None:
    """Offer, accept and tick, each killed after a longer and longer while, and run again until done."""
    kills = 0
    for place in range(12):
        shop = open_shop(tmp_path / f"shop{place}", tmp_path / "home")
        for words in (OFFER, ("handoff", "tick"), ("handoff", "accept", "ID", "--as", "ben")):
            for step in range(6):
                told = [handoffs(shop)[0].id if word == "ID" else word for word in words]
                kills += killed(shop, told, 0.15 + 0.06 * step + 0.005 * place)
            done = shop.run(*told)
            assert done.returncode == 0 or (words[1] == "accept" and "already accepted" in done.stderr), done.stderr
        (found,) = handoffs(shop)
        assert found.status == "accepted"
        with open_state(shop.workspace) as (_, state):
            assert [fact.kind for fact in state.facts(subject=found.id)] == ["handoff.offered", "handoff.accepted"]
        assert "whole" in shop.ok("ledger", "verify")
        shutil.rmtree(shop.folder)
    assert kills >= 50


def killed(shop: Shop, words: list[str], after: float) -> int:
    process = subprocess.Popen(
        [sys.executable, "-m", "baton.cli", "--project", str(shop.folder), *words],
        env=shop.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return 1
    return 0


def test_reading_the_record_of_hand_offs_needs_no_model(shop: Shop) -> None:
    made = shop.offer("--check", "tests=true")
    told: dict[str, Any] = json.loads(shop.ok("handoff", "show", made, "--json"))
    assert told["holder"] == "ann" and told["pin"]["file:model.onnx"].startswith("sha256:")
    sheet = shop.ok("handoff", "show", made)
    assert "passed  tests: exit 0" in sheet and "waits on ben" in sheet
    assert made in shop.ok("inbox", "--as", "ben")
    assert not list(shop.workspace.joinpath("tables").iterdir())


def test_what_its_checks_sent_back_is_a_task_of_its_giver_until_it_is_offered_again(shop: Shop) -> None:
    def tasks() -> list[Task]:
        with open_state(shop.workspace) as (_, state):
            return state.all(Task)

    def offer(command: str) -> None:
        shop.run("handoff", "offer", "--subject", "shop model 9", "--check", f"tests={command}")

    for _ in range(2):
        offer("false")
    (first,) = tasks()
    (sent,) = handoffs(shop)
    assert (sent.status, sent.answered_by) == ("declined", "policy")
    assert (first.status, first.owner, first.cause) == ("open", sent.giver, sent.id)
    assert first.id in shop.ok("inbox", "--as", sent.giver)
    told = shop.ok("done", first.id, "--reason", "the data were late", "--as", sent.giver)
    assert "is not offered again: its checks failed" in told and "--subject 'shop model 9'" in told
    assert [each.status for each in tasks()] == ["done"] and len(handoffs(shop)) == 1
    (shop.folder / "model.onnx").write_bytes(b"another model")
    for command, wanted in (("false", ["done", "open"]), ("true", ["done", "done"])):
        shop.run("handoff", "offer", "--subject", "shop model 9", "--artefact", "file:model.onnx", "--check", f"tests={command}")
        assert [each.status for each in tasks()] == wanted
    assert tasks()[1].outcome == f"offered again as {handoffs(shop)[-1].id}"


def test_an_unknown_hand_off_is_told_with_the_nearest_subject_and_not_all_are_loaded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shop.offer("--check", "tests=true", subject="shop-model-9")
    shop.offer(subject="churn-model-2")
    with open_state(shop.workspace) as (_, state):
        monkeypatch.setattr(type(state), "all", None)
        for word, near in (("shop-modle-9", "shop-model-9"), ("churn-model", "churn-model-2"), (f"{made[:-1]}!", made)):
            with pytest.raises(NotFound) as caught:
                found(state, word)
            assert caught.value.why == f"did you mean '{near}'?"
        with pytest.raises(NotFound, match="there is no hand-off 'zzz'") as caught:
            found(state, "zzz")
        assert caught.value.why == "known: churn-model-2, shop-model-9"
        assert found(state, "shop-model-9").id == made
