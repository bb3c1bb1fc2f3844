"""Notices on their way out: through real channels, past failing and hanging ones, and across a kill -9."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from functools import partial
from pathlib import Path

import pytest
from receivers import Hooks, Post, PostOffice

from baton.app.declared import load_owned
from baton.app.lifecycle import approving, courier, live
from baton.app.lifecycle.answering import answer
from baton.app.lifecycle.courier import Courier, alone, deliver
from baton.app.lifecycle.delivering import Outcome, gather, settle
from baton.app.lifecycle.notifying import notify
from baton.app.lifecycle.offering import hand_over
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import declare, recorded_team
from baton.app.workspace import Workspace, create
from baton.backends.state.sql import SqlState, open_sqlite
from baton.kernel.errors import Unavailable
from baton.ledger.draft import Draft
from baton.ledger.verify import verify
from baton.team.address import Address
from baton.team.approval import Matter, declared
from baton.team.handoff import Handoff, Result, accepted
from baton.team.notice import ATTEMPTS, Notice
from baton.team.person import Person

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEAM = """\
project: alone
people:
  - {{name: eve, roles: [ml-engineer, data-scientist, data-engineer], deputy: dan{eve}}}
  - {{name: dan, roles: [mlops-engineer, product-manager]}}
handoffs:
  candidate: {{accept: person, within: 2d}}
  bundle: {{accept: person, within: 2d}}
{rest}
"""


class Hands:
    """A clock that is moved by hand."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Room:
    """A project of two people and its workspace; eve has the contacts that are given."""

    def __init__(self, folder: Path, *contacts: str, rest: str = "", clock: str = "wall") -> None:
        self.project, self.clock = folder, Hands()
        told = f", contacts: {json.dumps(contacts)}" if contacts else ""
        (folder / "team.yaml").write_text(TEAM.format(eve=told, rest=rest))
        self.workspace: Workspace = create(folder / ".baton", clock)
        self.state: SqlState = open_sqlite(self.workspace.state, create=True)
        draft = Draft(self.state)
        declare(draft, load_owned(folder).owned, AT)
        draft.commit({}, expect={})

    def office(self) -> Office:
        draft, owned = Draft(self.state), load_owned(self.project).owned
        return Office(draft, recorded_team(draft, owned), owned, self.clock.at)

    def offer(self, subject: str, *, outside: bool = True) -> Handoff:
        """Offer a bundle to dan from eve, or a candidate to eve; the notices are kept with it."""
        office = self.office()
        made = hand_over(office, "candidate", Result(subject), giver="dan")
        cursors = notify(office, self.state, outside=outside)
        office.draft.commit(cursors, expect={})
        return made

    def deliver(self) -> dict[str, int]:
        return deliver(self.project, self.workspace.folder, self.clock)

    def notices(self, status: str = "", to: str = "eve") -> list[Notice]:
        return [each for each in self.state.all(Notice) if each.to == to and status in ("", each.status)]

    def person(self, name: str = "eve") -> Person:
        found = self.state.get(Person, name)
        assert found is not None
        return found

    def run(self, *command: str) -> str:
        """A command as it is typed."""
        line = [sys.executable, "-m", "baton.cli", "--project", str(self.project), *command]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def room(folder: Path, *contacts: str, rest: str = "", clock: str = "wall") -> Iterator[Room]:
    made = Room(folder, *contacts, rest=rest, clock=clock)
    try:
        yield made
        assert verify(made.state).faults == ()
    finally:
        made.state.close()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as hooks:
        yield hooks


def ids(post: Post) -> tuple[str, list[str]]:
    return post.headers["webhook-id"], json.loads(post.body)["data"]["notices"]


def test_what_one_step_tells_a_person_is_one_message_with_a_receipt_each(tmp_path: Path, hooks: Hooks) -> None:
    with room(tmp_path, hooks.url) as there:
        office = there.office()
        for subject in ("turn-1", "turn-2"):
            hand_over(office, "candidate", Result(subject), giver="dan")
        office.draft.commit(notify(office, there.state, outside=True), expect={})
        pending = there.notices("pending")
        assert len(pending) == 2 and hooks.posts == []
        assert there.deliver() == {"delivered": 2, "pending": 0, "failed": 0}
        (post,) = hooks.posts
        assert ids(post)[1] == sorted(each.id for each in pending)
        told = json.loads(post.body)["data"]
        assert told["title"].endswith("(and 1 more)") and "turn-1" in told["words"] and "turn-2" in told["words"]
        assert {(each.receipt, each.status) for each in there.notices()} == {("HTTP 204", "delivered")}
        assert there.deliver() == {"delivered": 0, "pending": 0, "failed": 0} and len(hooks.posts) == 1


def test_somebody_without_a_contact_is_told_in_the_inbox_at_once(tmp_path: Path) -> None:
    with room(tmp_path) as there:
        there.offer("turn-1")
        (told,) = there.notices()
        assert (told.status, told.channel, told.delivered_at, told.asks) == ("delivered", "inbox", AT, True)


def test_a_channel_that_is_not_set_up_leaves_the_inbox_and_says_why(tmp_path: Path) -> None:
    with room(tmp_path, "mailto:eve@shop.example") as there:
        there.offer("turn-1")
        there.deliver()
        (told,) = there.notices()
        assert (told.status, told.channel) == ("delivered", "inbox") and "no mail server is set" in told.receipt
        assert there.person().unreachable_since is None


def test_in_a_replay_nothing_leaves_the_house(tmp_path: Path, hooks: Hooks) -> None:
    with room(tmp_path, hooks.url, clock="replay") as there:
        there.offer("turn-1", outside=False)
        there.offer("turn-2", outside=False)
        assert [each.channel for each in there.notices("delivered")] == ["inbox", "inbox"]
        assert there.deliver() == {"delivered": 0, "pending": 0, "failed": 0} and hooks.posts == []
        assert len(there.state.facts(kind="notice.")) == 2


def test_acts_from_the_command_line_are_told_of_too_and_once(tmp_path: Path, hooks: Hooks) -> None:
    with room(tmp_path, hooks.url) as there:
        office = there.office()
        hand_over(office, "candidate", Result("turn-1"), giver="dan")
        office.draft.commit({}, expect={})
        there.deliver()
        assert len(there.notices("delivered")) == len(hooks.posts) == 1
        there.offer("turn-2")
        there.deliver()
        there.deliver()
        assert len(there.notices("delivered")) == len(hooks.posts) == 2


def test_by_mail_from_the_command_line_to_its_receipt(tmp_path: Path) -> None:
    with PostOffice() as office:
        rest = f"notify: {{smtp: 'smtp://127.0.0.1:{office.port}', sender: baton@shop.example}}"
        with room(tmp_path, "mailto:eve@shop.example", rest=rest) as there:
            there.clock.at = datetime.now(UTC)
            made = there.offer("turn-1")
            assert there.run("deliver") == "1 delivered, 0 to be tried again, 0 failed\n"
            letter = message_from_bytes(office.mailbox.letters[0], policy=default)
            assert letter["Subject"] == "Take it? validated model ready for production (turn-1)"
            assert f"baton accept {made.id} --as eve" in letter.get_content()
            told = there.run("notices", "--as", "eve")
            assert "by mailto:eve@shop.example: 250 2.0.0 queued as 42" in told and "? eve" not in told
            (plain,) = json.loads(there.run("notices", "--as", "eve", "--json"))
            assert letter["Message-ID"] == f"<{plain['id']}@shop.example>" and plain["status"] == "delivered"


@pytest.mark.parametrize("outside", [True, False])
def test_nobody_is_asked_to_approve_what_the_same_step_granted(tmp_path: Path, outside: bool) -> None:
    """Of a new project: its file approves the rollout policy in the tick that asks for it."""
    with room(tmp_path, "https://hooks.shop.example/x") as there:
        office, matter = there.office(), Matter(approving.ROLLOUT, "alone", "d", "deploy", "the rollout policy of alone")
        granted = declared(approving.ask(office, matter), AT, "declared in baton.yaml")
        office.draft.record(office.act("deploy"), granted, "granted", granted.reason)
        office.draft.commit(notify(office, there.state, outside=outside), expect={})
        assert [each.title for each in there.state.all(Notice)] == []


def test_nobody_is_asked_by_what_was_settled_before_the_courier_looked(tmp_path: Path) -> None:
    with room(tmp_path, "https://hooks.shop.example/x") as there:
        office = there.office()
        made = hand_over(office, "candidate", Result("turn-1"), giver="dan")
        office.draft.commit({}, expect={})
        assert made.waiting_on == "eve"
        later = there.office()
        later.draft.record(later.act_of("eve", made.taken_in), accepted(later.team, made, "eve", AT), "accepted", "fine")
        later.draft.commit({}, expect={})
        gather(there.state, there.workspace, later.owned, AT)
        assert [each.asks for each in there.notices()] == []


def test_killed_between_sending_and_recording_it_is_sent_again_with_the_same_id(tmp_path: Path, hooks: Hooks) -> None:
    with room(tmp_path, hooks.url) as there:
        there.clock.at = datetime.now(UTC)
        there.offer("turn-1")
        command = [sys.executable, "-m", "baton.cli", "--project", str(tmp_path), "deliver"]
        running: list[subprocess.Popen[bytes]] = []

        def killed(_: Post) -> None:
            os.kill(running[0].pid, signal.SIGKILL)
            running[0].wait()

        hooks.before = killed
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        assert running[0].wait(60) == -signal.SIGKILL
        assert len(there.notices("pending")) == 1
        hooks.before = lambda _: None
        assert there.run("deliver") == "1 delivered, 0 to be tried again, 0 failed\n"
        assert len(hooks.posts) == 2
        assert ids(hooks.posts[0]) == ids(hooks.posts[1])
        assert len(there.notices("delivered")) == 1


def test_the_next_contact_is_tried_at_once(tmp_path: Path, hooks: Hooks) -> None:
    with Hooks() as broken, room(tmp_path, broken.url, hooks.url) as there:
        broken.status = 500
        there.offer("turn-1")
        there.deliver()
        (told,) = there.notices("delivered")
        assert told.channel == f"http://127.0.0.1:{hooks.port}/…" and len(broken.posts) == 1


def through(there: Room) -> list[datetime]:
    """Deliver at every instant that a notice of eve's waits for, until none waits; the instants."""
    tried = []
    while waiting := [each.next_try for each in there.notices("pending") if each.next_try is not None and not each.probe]:
        there.clock.at = max(there.clock.at, min(waiting))
        tried.append(there.clock.at)
        there.deliver()
        assert len(tried) < 30
    return tried


def test_whom_no_channel_reaches_is_asked_no_more_until_one_delivers(tmp_path: Path, hooks: Hooks) -> None:
    hooks.status = 500
    with room(tmp_path, hooks.url) as there:
        made = there.offer("turn-1")
        tried = through(there)
        assert len(tried) == ATTEMPTS and tried[-1] - AT < 2 * HOUR
        (lost,) = there.notices("failed")
        assert "HTTP 500" in lost.error and there.person().unreachable_since == tried[-1]
        assert len({ids(post)[0] for post in hooks.posts}) == 1
        office = there.office()
        answer(office, {})
        office.draft.commit(notify(office, there.state, outside=True), expect={})
        moved = there.state.get(Handoff, made.id)
        assert moved is not None and (moved.waiting_on, moved.status) != ("eve", "offered")
        there.deliver()
        assert any(each.cause.kind == "person.unreachable" for each in there.notices("delivered", "dan"))
        hooks.status = 204
        there.clock.at += timedelta(days=1)
        there.deliver()
        assert there.person().unreachable_since is None
        assert [fact.kind for fact in there.state.facts(kind="person.", subject="eve")][-2:] == [
            "person.unreachable",
            "person.reached",
        ]


def test_the_last_one_whom_anybody_could_reach_stays_in_charge(tmp_path: Path, hooks: Hooks) -> None:
    hooks.status = 500
    with room(tmp_path, hooks.url) as there:
        draft = Draft(there.state)
        text = (tmp_path / "team.yaml").read_text().replace(", deputy: dan", "").splitlines()
        roles = "ml-engineer, data-scientist, data-engineer, mlops-engineer, product-manager"
        text = [line.replace("ml-engineer, data-scientist, data-engineer", roles) for line in text if "name: dan" not in line]
        (tmp_path / "team.yaml").write_text("\n".join(text))
        declare(draft, load_owned(tmp_path).owned, AT)
        draft.commit({}, expect={})
        there.offer("turn-1")
        through(there)
        assert there.notices("failed") and there.person().unreachable_since is None


def test_a_receiver_that_is_gone_is_left_alone_for_a_day_and_one_that_asks_to_wait_so_long(tmp_path: Path, hooks: Hooks) -> None:
    hooks.status = 410
    with Hooks() as other, room(tmp_path, hooks.url, other.url) as there:
        there.offer("turn-1")
        there.deliver()
        there.clock.at += HOUR
        there.offer("turn-2")
        there.deliver()
        assert (len(hooks.posts), len(other.posts)) == (1, 2)
        (gone,) = there.state.all(Address)
        assert (gone.status, gone.person) == ("gone", "eve") and "/hook" not in gone.shown
        hooks.status, other.status, other.headers = 204, 429, {"retry-after": "7200"}
        there.offer("turn-3")
        there.deliver()
        (waits,) = there.notices("pending")
        assert waits.next_try == there.clock.at + 2 * HOUR
        there.clock.at += timedelta(days=1)
        there.offer("turn-4")
        there.deliver()
        assert len(hooks.posts) >= 2 and [each.status for each in there.state.all(Address)] == ["working"]


def test_what_failed_goes_out_as_one_message_next_time(tmp_path: Path, hooks: Hooks) -> None:
    hooks.status = 500
    with room(tmp_path, hooks.url) as there:
        there.offer("turn-1")
        there.deliver()
        there.clock.at += timedelta(seconds=5)
        there.offer("turn-2")
        there.deliver()
        first, second = there.notices("pending")
        assert first.next_try is not None and second.next_try is not None
        hooks.status = 204
        there.clock.at = max(first.next_try, second.next_try)
        there.deliver()
        assert len(there.notices("delivered")) == 2 and len(hooks.posts) <= 4


def test_two_that_deliver_at_once_are_one_too_many(tmp_path: Path) -> None:
    with room(tmp_path) as there, alone(there.workspace), pytest.raises(Unavailable, match="another courier"):
        there.deliver()


def test_a_late_word_about_what_is_settled_changes_nothing(tmp_path: Path, hooks: Hooks) -> None:
    with room(tmp_path, hooks.url) as there:
        there.offer("turn-1")
        batch = tuple(there.notices("pending"))
        there.deliver()
        size = there.state.head().size
        late = Outcome(error="no answer in time")
        settle(there.state, there.workspace, load_owned(tmp_path).owned, batch, late, there.clock.at)
        assert there.state.head().size == size


def until(met: Callable[[], bool], what: str) -> None:
    for _ in range(3000):
        if met():
            return
        time.sleep(0.01)
    raise AssertionError(f"not within 30 s: {what}")


def stepped(state: SqlState, day: str) -> bool:
    return str(state.cursor("day")).startswith(day)


@pytest.mark.parametrize("how", ["hangs", "fails"])
def test_a_channel_that_hangs_or_fails_never_holds_up_the_loop(
    tmp_path: Path, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The real loop on a clock moved by hand: days pass while nobody answers; then the notice arrives."""
    monkeypatch.setattr(live, "GLANCE", 0.01)
    monkeypatch.setattr(courier, "GLANCE", 0.01)
    hooks.hangs, hooks.status = how == "hangs", 500
    project = tmp_path / "churn"
    subprocess.run([sys.executable, "-m", "baton.cli", "new", "churn", "--into", str(project)], check=True, capture_output=True)
    text = (project / "baton.yaml").read_text()
    (project / "baton.yaml").write_text(text.replace("{name: ann,", f"{{name: ann, contact: '{hooks.url}',"))
    workspace, clock, stop, said = create(project / ".baton", "wall"), Hands(), threading.Event(), list[str]()
    loop = threading.Thread(target=live.live, args=(project, workspace, 0, said.append, clock, stop))
    loop.start()
    try:
        until(hooks.arrived.is_set, f"a first message: {said}")
        state = open_sqlite(workspace.state)
        for _ in range(3):
            clock.at += timedelta(days=1)
            until(partial(stepped, state, f"{clock.at:%Y-%m-%d}"), f"the step of {clock.at}: {said}")
        assert not [each for each in state.all(Notice, status=("delivered",)) if each.channel.startswith("http")]
        hooks.hangs, hooks.status = False, 204
        hooks.released.set()
        clock.at += HOUR

        def arrived() -> bool:
            clock.at += timedelta(minutes=30)
            return any(each.receipt == "HTTP 204" for each in state.all(Notice, status=("delivered",)))

        until(arrived, f"a delivery: {said}")
        assert verify(state).faults == ()
        state.close()
    finally:
        hooks.released.set()
        stop.set()
        loop.join(30)
    assert not loop.is_alive() and said[-1] == "stopped"


def test_the_courier_ends_at_once_whatever_a_channel_does(tmp_path: Path, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "GLANCE", 0.01)
    hooks.hangs = True
    with room(tmp_path, hooks.url) as there:
        there.offer("turn-1")
        running = Courier(tmp_path, there.workspace.folder, there.clock, lambda _: None)
        running.start()
        until(hooks.arrived.is_set, "a first message")
        running.stop()
        assert not running.alive() and len(there.notices("pending")) == 1
