"""Many at once: who waits long keeps nobody else waiting, and too many who wait are told so."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Semaphore
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from baton.app import visit
from baton.app.archive.archive import Archive
from baton.app.archive.lane import Lane
from baton.app.bootstrap import open_desk
from baton.app.visit import Visits
from baton.kernel.errors import NotFound, Overloaded, Unavailable
from baton.web.aside import Aside

Open = Callable[..., TestClient]


def test_a_page_that_waits_for_the_archive_stands_aside() -> None:
    turn, seen = Semaphore(1), list[bool]()

    def ask(question: str, *_: object, **__: object) -> str:
        seen.append(turn.acquire(blocking=False))
        turn.release()
        if question == "lost":
            raise NotFound("lost")
        return question

    asked = Aside(SimpleNamespace(ask=ask, export=ask), turn)  # type: ignore[arg-type]
    with turn:
        assert asked.ask("tables") == "tables" and str(asked.export("rows")) == "rows"
        with pytest.raises(NotFound):
            asked.ask("lost")
        assert not turn.acquire(blocking=False), "the page goes on in its turn"
    assert seen == [True, True, True]


def test_the_same_long_question_keeps_no_more_waiting_than_others_do(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.app.archive.lane.MOST_WAITING", 3)
    begun, over = threading.Event(), threading.Event()

    def asked(self: Lane, request: bytes, seconds: float) -> Any:
        begun.set()
        assert over.wait(10)
        return SimpleNamespace(value=lambda: "answer")

    monkeypatch.setattr(Lane, "_asked", asked)
    told: list[Any] = []

    def ask() -> None:
        try:
            told.append(archive.ask("sql", text="SELECT 1"))
        except Overloaded:
            told.append("told at once")

    with open_desk(scene, scene / ".baton") as desk, ExitStack() as stack:
        archive = Archive(scene, desk.workspace)
        stack.callback(archive.close)
        crowd = [threading.Thread(target=ask) for _ in range(7)]
        crowd[0].start()
        assert begun.wait(10)
        for each in crowd[1:]:
            each.start()
        for each in crowd[1:]:
            each.join(0.2)
        assert told == ["told at once"] * 3
        over.set()
        for each in crowd:
            each.join(10)
    assert told.count("answer") == 4


def test_many_who_guess_at_once_keep_nobody_waiting(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = threading.Event(), threading.Event()

    def enter(*_: object) -> None:
        begun.set()
        assert over.wait(10)

    monkeypatch.setattr(visit, "enter", enter)
    with open_desk(scene, scene / ".baton") as desk:
        visits = Visits(desk)
        crowd = [threading.Thread(target=visits.by_password, args=("ann", "x")) for _ in range(visit.FEW)]
        for each in crowd:
            each.start()
        assert begun.wait(10)
        while visits._few._value:
            over.wait(0.01)
        with pytest.raises(Unavailable, match="many sign in"):
            visits.by_password("ann", "x")
        over.set()
        for each in crowd:
            each.join(10)
