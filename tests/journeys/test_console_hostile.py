"""Every act of the console, asked for by whom it is not meant for: a process of its own, and a ledger that stays as it was."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from journeys.visitors import Browser, House, Running, console, house

from baton.app.bootstrap import read_state
from baton.ledger.ports import Head
from baton.web.pages import pages

FORM = {"reason": "x", "words": "x", "stance": "agree", "days": "1", "to": "ben", "until": "2d", "subject": "s"}
ACTS = [re.sub(r"{\w+}", "handoff-000000000001", page.path) for page in pages() if page.method == "POST"]
STRANGE = (
    {"origin": ""},
    {"origin": "null"},
    {"origin": "http://evil.example"},
    {"origin": "http://127.0.0.1:1"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"host": "evil.example"},
    {"content_type": "application/json"},
    {"content_type": "multipart/form-data; boundary=x"},
    {"content_type": "text/plain"},
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Running]]:
    here = house(tmp_path_factory.mktemp("hostile") / "shop")
    here.settle("ann")
    with console(here) as running:
        yield here, running


def head_of(here: House) -> Head:
    with read_state(here.workspace) as (_, state):
        return state.head()


def test_no_act_is_taken_from_a_stranger_s_page(shop: tuple[House, Running]) -> None:
    here, running = shop
    ann = Browser(running.port)
    assert ann.sign_in("ann").status == 303
    csrf, before = ann.csrf(), head_of(here)
    for path in ACTS:
        for strange in STRANGE:
            assert 400 <= ann.post(path, {**FORM, "csrf": csrf}, **strange).status < 500, (path, strange)
        for proof in ({}, {"csrf": "guessed"}, {"csrf": csrf[:-1]}):
            assert ann.post(path, {**FORM, **proof}).status == 403, (path, proof)
        assert ann.post(path, {**FORM, "csrf": csrf, "z": "x" * 300_000}).status == 413, path
        assert ann.post(path, {**FORM, "csrf": csrf, **{f"f{n}": "1" for n in range(600)}}).status == 422, path
        assert Browser(running.port).post(path, {**FORM, "csrf": csrf}).status == 401, path
    assert head_of(here) == before


def test_no_address_is_too_strange(shop: tuple[House, Running], tmp_path: Path) -> None:
    ann = Browser(shop[1].port)
    ann.sign_in("ann")
    strange = (
        "%00",
        "%ff",
        "..%2f..%2fetc%2fpasswd",
        "%0d%0aSet-Cookie:%20x=y",
        "%3Cscript%3E",
        "%ED%A0%80",
        "9" * 40,
        "a" * 4000,
        "--1",
    )
    places = [
        page.path
        for page in pages()
        if page.method == "GET" and "{" in page.path and not page.path.startswith(("/data", "/features"))
    ]
    for path in places:
        for name in strange:
            told = ann.get(re.sub(r"{\w+}", lambda _, name=name: name, path))  # type: ignore[misc]
            assert told.status in (200, 404, 422), (path, name, told.status)
            assert "Traceback" not in told.text and "<script>" not in told.text and not told.header("x")
