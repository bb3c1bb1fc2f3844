"""Rights and identities through the command line's own processes, on a small workspace with one hand-off that waits."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from compliance.issuer import RSA_KEYS, Issuer, serving

from baton.app import answers
from baton.app.bootstrap import open_state
from baton.app.declared import load_owned
from baton.app.lifecycle.offering import hand_over
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import declare
from baton.app.seat import seat
from baton.app.workspace import create, keep_witness
from baton.backends.credentials.files import FileCredentials
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import SystemClock
from baton.kernel.errors import Conflict
from baton.ledger.draft import Draft
from baton.ledger.verify import verify
from baton.project.template import create as new
from baton.team.handoff import Check, Handoff, Result
from baton.team.identity import PAUSE, Book

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Small:
    """A project and its workspace, and one user of this machine with a home of their own."""

    folder: Path
    home: Path

    @property
    def workspace(self) -> Path:
        return self.folder / ".baton"

    def start(self, *words: str, text: str = "", env: Mapping[str, str] = {}) -> "subprocess.Popen[str]":
        inherited = {name: value for name, value in os.environ.items() if name != "BATON_TOKEN"}
        process = subprocess.Popen(
            [sys.executable, "-m", "baton.cli", "--project", str(self.folder), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**inherited, "XDG_CONFIG_HOME": str(self.home), **env},
        )
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, *words: str, text: str = "", fails: int = 0, env: Mapping[str, str] = {}) -> str:
        process = self.start(*words, text=text, env=env)
        out, error = process.communicate(timeout=60)
        assert process.returncode == fails, f"baton {' '.join(words)}: {process.returncode}\n{out}{error}"
        return out + error

    def invited(self, name: str) -> str:
        """The first token of somebody who is invited."""
        return secret_of(self.run("team", "invite", name))

    def log_in(self, name: str, first: str = "") -> None:
        text = f"{first}\ncorrect horse battery\n" if first else "correct horse battery\n"
        assert f"logged in as {name}" in self.run("login", name, "--password-stdin", text=text)

    def handoff(self) -> Handoff:
        with open_state(self.workspace) as (_, state):
            return state.all(Handoff)[-1]

    def facts(self, kind: str) -> list[dict[str, object]]:
        with open_state(self.workspace) as (_, state):
            assert verify(state).faults == ()
            return [{"actor": fact.actor, "payload": fact.payload, "reason": fact.reason} for fact in state.facts(kind=kind)]


def secret_of(told: str) -> str:
    return next(line.strip() for line in told.splitlines() if line.startswith("  token-"))


@pytest.fixture
def small(tmp_path: Path) -> Small:
    folder = tmp_path / "p"
    new("biopsies", folder)
    text = (folder / "baton.yaml").read_text()
    text = text.replace("roles: [product-manager,", 'contact: "mailto:ann@shop.example", roles: [product-manager,')
    (folder / "baton.yaml").write_text(text.replace("approvals: {rollout: file}", "handoffs: {report: {accept: person}}"))
    workspace = create(folder / ".baton", "wall")
    state, owned, now = open_sqlite(workspace.state, create=True), load_owned(folder).owned, SystemClock().now()
    draft = Draft(state)
    office = Office(draft, declare(draft, owned, now), owned, now)
    hand_over(office, "report", Result("month 2024-02", {"auc": 0.98}, (Check("matured", True),)))
    keep_witness(workspace, draft.commit({}, {}))
    state.close()
    return Small(folder, tmp_path / "home")


def test_from_the_inbox_to_holding_it(small: Small) -> None:
    told = small.run("inbox")
    waiting = small.handoff()
    assert f"accept {waiting.id} --as ann" in told and "auc: 0.98" in told
    assert "nothing waits on ben" in small.run("inbox", "--as", "ben")
    assert "waits on ann, not on ben" in small.run("accept", waiting.id, "--as", "ben", fails=5)
    assert "ann now holds" in small.run("accept", waiting.id, "--as", "ann", "--reason", "read it")
    assert small.facts("handoff.accepted") == [{"actor": "ann", "payload": {"how": "named"}, "reason": "read it"}]
    assert "is already accepted" in small.run("accept", waiting.id, "--as", "ann", fails=4)
    assert "nothing waits" in small.run("inbox", "--json") or json.loads(small.run("inbox", "--json")) == []


def test_a_decline_leaves_a_task_that_offers_it_again(small: Small) -> None:
    waiting = small.handoff()
    assert "It goes back to cleo" in small.run("decline", waiting.id, "--as", "ann", "--reason", "June is missing")
    (task,) = json.loads(small.run("inbox", "--as", "cleo", "--json"))
    assert (task["type"], task["waits_on"]) == ("task", ["cleo"]) and "June is missing" in task["what"]
    assert "is cleo's, not ben's" in small.run("done", task["id"], "--as", "ben", "--reason", "did it", fails=5)
    assert "is offered again" in small.run("done", task["id"], "--as", "cleo", "--reason", "June added")
    assert (small.handoff().round, small.handoff().evidence["mended"], small.handoff().waiting_on) == (2, "June added", "ann")
    assert "already done" in small.run("done", task["id"], "--as", "cleo", "--reason", "twice", fails=4)


def test_of_two_who_accept_at_the_same_moment_exactly_one_is_first(small: Small) -> None:
    """A delegate and the giver of the duty may both answer; each in a process of its own."""
    small.run("team", "delegate", "ann", "ben", "--as", "ann", "--until", f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}")
    running = [small.start("accept", small.handoff().id, "--as", name) for name in ("ann", "ben")]
    ends = [process.communicate(timeout=60)[1] for process in running]
    codes = sorted(process.returncode for process in running)
    assert codes == [0, 4], ends
    assert any("conflict" in words for words in ends)
    (fact,) = small.facts("handoff.accepted")
    assert fact["actor"] in ("ann", "ben")


def test_of_two_who_decided_on_the_same_state_the_later_is_refused(small: Small) -> None:
    """The same, held still at the worst moment: both have looked before either acts."""
    id = small.handoff().id
    with seat(small.folder, small.workspace, "ann") as one, seat(small.folder, small.workspace, "ann") as other:
        answers.accept(one, id)
        with pytest.raises(Conflict):
            answers.decline(other, id, "no")
    assert small.handoff().status == "accepted"


def test_the_matrix_is_asked_before_anything_runs(small: Small) -> None:
    told = small.run("rollback", "--reason", "worse", "--as", "ben", fails=5)
    assert "ben may not roll a release back" in told and "let cleo do it" in told
    assert "nobody is called 'zoe'" in small.run("inbox", "--as", "zoe", fails=3)
    assert "who does this?" in small.run("approve", "rollout", fails=2)
    rows = {row["action"]: row for row in json.loads(small.run("team", "rights", "--json"))}
    assert rows["release.roll-back"]["people"] == ["cleo"] and rows["identity.invite"]["people"] == ["ann"]
    of_ben = {row["action"] for row in json.loads(small.run("team", "rights", "--of", "ben", "--json"))}
    assert "read" in of_ben and "release.roll-back" not in of_ben
    assert "the keeper of this workspace's files" in small.run("whoami") and "ben (person" in small.run("whoami", "--as", "ben")


def test_consultations_are_answered_at_the_command_line(small: Small) -> None:
    text = (small.folder / "baton.yaml").read_text()
    consult = "handoffs: {report: {accept: person, consult: {quorum: 1, within: 2d, default: stop}}}"
    (small.folder / "baton.yaml").write_text(text.replace("handoffs: {report: {accept: person}}", consult))
    with open_state(small.workspace) as (workspace, state):
        owned, now, draft = load_owned(small.folder).owned, SystemClock().now(), Draft(state)
        hand_over(
            Office(draft, declare(draft, owned, now), owned, now), "report", Result("month 2024-03", {}, (Check("c", True),))
        )
        keep_witness(workspace, draft.commit({}, {}))
    consultation = next(each for each in json.loads(small.run("inbox", "--json")) if each["type"] == "consultation")
    name = consultation["waits_on"][0]
    assert "an objection needs words" in small.run("comment", consultation["id"], "object", "--as", name, fails=2)
    assert "was not asked" in small.run("comment", consultation["id"], "agree", "--as", "ann", fails=5)
    assert "Settled: proceed" in small.run("comment", consultation["id"], "agree", "--as", name)
    assert "is settled" in small.run("comment", consultation["id"], "agree", "--as", name, fails=4)


def test_people_with_identities_log_in_and_nobody_is_named_any_more(small: Small) -> None:
    assert "cannot be the first" in small.run("team", "invite", "ben", fails=5)
    first = small.invited("ann")
    assert "nobody is logged in" in small.run("status", fails=5)
    told = small.run("accept", small.handoff().id, "--as", "ann", fails=5)
    assert "'--as ann' is not taken here" in told and " login ann, and leave --as out" in told
    assert "only for the first login" in small.run("inbox", fails=5, env={"BATON_TOKEN": first})
    assert "10 to 1000 signs" in small.run("login", "ann", "--password-stdin", text=f"{first}\nshort\n", fails=2)
    small.log_in("ann", first)
    assert "ann (person, product-manager, data-scientist), by password" in small.run("whoami")
    assert small.handoff().id in small.run("inbox")
    assert "ann now holds" in small.run("accept", small.handoff().id)
    assert small.facts("handoff.accepted")[0]["payload"] == {"how": "password"}
    assert "logged out" in small.run("logout") and "nobody is logged in" in small.run("inbox", fails=5)
    small.log_in("ann")
    session = next((small.home / "baton").iterdir())
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    assert stat.S_IMODE((small.workspace / "credentials.json").stat().st_mode) == 0o600
    assert [fact["actor"] for fact in small.facts("identity.")] == ["ann", "ann"]
    assert first.partition(".")[2] not in (small.workspace / "credentials.json").read_text()


def test_a_token_is_limited_in_actions_and_time_and_can_be_revoked(small: Small) -> None:
    small.log_in("ann", small.invited("ann"))
    token = secret_of(small.run("token", "new", "--actions", "read,handoff.answer", "--until", "7d"))
    assert small.handoff().id in small.run("inbox", env={"BATON_TOKEN": token})
    assert "limited to read, handoff.answer" in small.run("team", "invite", "ben", fails=5, env={"BATON_TOKEN": token})
    assert "no action 'handof.answer'" in small.run("token", "new", "--actions", "handof.answer", fails=2)
    id = token.partition(".")[0]
    assert id in small.run("token", "list")
    assert "is revoked" in small.run("token", "revoke", id)
    assert f"{id} was revoked at" in small.run("inbox", fails=5, env={"BATON_TOKEN": token})
    assert "not known here" in small.run("inbox", fails=5, env={"BATON_TOKEN": f"{id}.guess"})
    short = secret_of(small.run("token", "new", "--actions", "read", "--until", "1h"))
    FileCredentials(small.workspace / "credentials.json").change(_older)
    assert "expired at" in small.run("inbox", fails=5, env={"BATON_TOKEN": short})
    assert {str(fact["payload"]).count("secret") for fact in small.facts("token.")} == {0}
    with open_state(small.workspace) as (_, state):
        assert not any(token.partition(".")[2] in str(fact) for fact in state.facts())


def _older(book: Book) -> Book:
    """A clock cannot be moved in another process: the token is moved instead."""
    aged = {id: replace(each, until=each.until - 2 * HOUR) if each.use == "api" else each for id, each in book.secrets.items()}
    return replace(book, secrets=aged)


def test_a_service_does_what_its_list_says_and_nothing_else(small: Small) -> None:
    assert "after the first person" in small.run("token", "service", "ci", "--actions", "read", fails=5)
    small.log_in("ann", small.invited("ann"))
    ci = secret_of(small.run("token", "service", "ci", "--actions", "read,handoff.offer"))
    assert "ci (service), by token" in small.run("whoami", env={"BATON_TOKEN": ci})
    assert small.handoff().id in small.run("inbox", "--all", env={"BATON_TOKEN": ci})
    assert "ci may not take or decline" in small.run("accept", small.handoff().id, fails=5, env={"BATON_TOKEN": ci})
    assert "no service may have approval.answer" in small.run("token", "service", "x", "--actions", "approval.answer", fails=5)
    assert "ben is a person" in small.run("token", "service", "ben", "--actions", "read", fails=4)
    loop = secret_of(small.run("token", "service", "loop"))
    assert "may: project.make" in small.run("whoami", env={"BATON_TOKEN": loop}) and "loop.run" in small.run(
        "whoami", env={"BATON_TOKEN": loop}
    )
    anew = secret_of(small.run("token", "service", "ci", "--actions", "read"))
    assert "not known here" in small.run("whoami", fails=5, env={"BATON_TOKEN": ci}) and "ci" in small.run(
        "whoami", env={"BATON_TOKEN": anew}
    )


def test_guessing_a_password_is_stopped(small: Small) -> None:
    small.log_in("ann", small.invited("ann"))
    for _ in range(5):
        assert "name or password is wrong" in small.run("login", "ann", "--password-stdin", text="guess\n", fails=5)
    told = small.run("login", "ann", "--password-stdin", text="correct horse battery\n", fails=9)
    assert "5 attempts went wrong" in told and "try again at" in told
    FileCredentials(small.workspace / "credentials.json").change(_forgotten)
    small.log_in("ann")


def _forgotten(book: Book) -> Book:
    """The pause, moved into the past."""
    return replace(book, tries={name: replace(each, last=each.last - PAUSE) for name, each in book.tries.items()})


@pytest.fixture
def trusted(small: Small) -> Iterator[tuple[Small, Issuer]]:
    path = small.folder / "baton.yaml"
    with serving() as issuer:
        path.write_text(path.read_text() + f'\noidc: {{issuer: "{issuer.url}", client_id: baton}}\n')
        yield small, issuer


def fresh(issuer: Issuer, **changed: object) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": issuer.url, "aud": "baton", "sub": "1", "email": "ann@shop.example", "iat": now, "exp": now + 300}
    claims |= {"email_verified": True, **changed}
    return jwt.encode(claims, RSA_KEYS[0], algorithm="RS256", headers={"kid": "one"})


def test_an_id_token_of_the_projects_provider_logs_in(trusted: tuple[Small, Issuer], tmp_path: Path) -> None:
    small, issuer = trusted
    stranger = small.run("login", "--id-token", fresh(issuer, email="eve@evil.example"), fails=5)
    assert "'eve@evil.example' is nobody of this team" in stranger
    for told in (False, "false", None):
        assert "has not verified" in small.run("login", "--id-token", fresh(issuer, email_verified=told), fails=5)
    assert "does not hold" in small.run("login", "--id-token", fresh(issuer, aud="shop"), fails=5)
    file = tmp_path / "id-token"
    file.write_text(fresh(issuer) + "\n")
    assert "logged in as ann by http://127.0.0.1" in small.run("login", "--id-token-file", str(file))
    assert "by oidc" in small.run("whoami")
    small.run("token", "service", "ci", "--actions", "read", "--claim", "repo:shop/churn")
    job = {"XDG_CONFIG_HOME": str(tmp_path / "runner")}
    assert "logged in as ci" in small.run("login", "--id-token", fresh(issuer, email="repo:shop/churn"), env=job)
    assert "ci (service), by oidc" in small.run("whoami", env=job)
    assert "ann (person" in small.run("whoami")


def test_a_person_logs_in_by_a_code_that_they_confirm_elsewhere(trusted: tuple[Small, Issuer]) -> None:
    small, issuer = trusted
    issuer.polls = [{"id_token": fresh(issuer)}]
    issuer.pages["/device"] = {
        "device_code": "the-device-code",
        "user_code": "W-J",
        "verification_uri": issuer.url,
        "interval": 1,
    }
    told = small.run("login", "--code")
    assert f"open {issuer.url} in a browser anywhere, and confirm the code W-J" in told and "logged in as ann by" in told
    assert "by oidc" in small.run("whoami")
    issuer.polls = ["access_denied"]
    assert "was refused at the identity provider" in small.run("login", "--code", fails=5)
    assert issuer.asked.count("/keys") == 1
