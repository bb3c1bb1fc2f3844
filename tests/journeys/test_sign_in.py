"""The console's door under attack: who comes in, what lets nobody in, and that nothing typed is lost on the way."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from authority import signed
from journeys.visitors import PASSWORD, Browser, House, Running, console, house

from baton.app import accounts, coming
from baton.app.bootstrap import open_credentials
from baton.app.seat import seat_of
from baton.kernel.clock import SystemClock
from baton.team import identity
from baton.team.actor import Actor


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Running]]:
    """A console in which ann and ben have identities."""
    here = house(tmp_path_factory.mktemp("door") / "shop")
    here.settle("ann", "ben")
    with console(here) as running:
        yield here, running


@pytest.fixture
def ann(shop: tuple[House, Running]) -> Browser:
    """A browser in which ann is signed in."""
    mine = Browser(shop[1].port)
    assert mine.sign_in("ann").status == 303
    return mine


# --- the keeper of a workspace without identities ---------------------------------------------------------------------


def test_a_link_opens_the_console_once(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    with console(here) as running:
        mine, other = Browser(running.port), Browser(running.port)
        assert not mine.inside() and "baton console --link" in mine.get("/sign-in").text
        for method, headers in (("HEAD", {}), ("GET", {"sec_purpose": "prefetch;prerender"}), ("GET", {"purpose": "prefetch"})):
            looked = other.get(running.link, method, **headers)
            assert looked.status in (405, 425) and not looked.cookies, method
        came = mine.get(running.link)
        assert (came.status, came.header("location")) == (303, "/") and mine.inside()
        told = other.get(running.link)
        assert told.status == 401 and "does not hold" in told.text and not other.inside()
    kept = (here.workspace / "latchkey.json").read_text()
    assert (here.workspace / "latchkey.json").stat().st_mode & 0o777 == 0o600
    assert running.link.partition("once=")[2] not in kept and mine.cookies[f"baton-{running.port}"] not in kept


def test_a_keeper_s_session_outlives_a_restart_and_not_the_first_invitation(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    with console(here) as running:
        mine = Browser(running.port)
        mine.get(running.link)
    with console(here, "--port", str(running.port)) as again:
        assert again.told == f"http://127.0.0.1:{running.port}", "nobody at a terminal, and not the first time"
        assert mine.inside()
        fresh = linked(here)
        here.settle("ann")
        assert not mine.inside()
        assert Browser(running.port).get(urlsplit(fresh).path + "?" + urlsplit(fresh).query).status == 401
        assert Browser(running.port).sign_in("ann").status == 303
        token = accounts.enter(here.workspace, "ann", PASSWORD).text
        assert "have identities" in linked(here, status=1, token=token)


def linked(here: House, status: int = 0, token: str = "") -> str:
    """What `baton console --link` says."""
    done = subprocess.run(
        [sys.executable, "-m", "baton.cli", "--project", here.project, "--workspace", here.workspace, "console", "--link"],
        env={**os.environ, "XDG_CONFIG_HOME": str(here.project / "home"), "BATON_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode != 0) == bool(status), done.stderr
    return done.stdout.strip() if not status else done.stderr + done.stdout


def test_another_link_is_drawn_for_a_console_that_runs(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    assert "no console runs" in linked(here, status=1)
    with console(here) as running:
        link = linked(here)
        assert link.startswith(f"http://127.0.0.1:{running.port}/sign-in?once=")
        mine = Browser(running.port)
        assert mine.get(f"/sign-in?{urlsplit(link).query}").status == 303 and mine.inside()
    assert "no console runs" in linked(here, status=1)


def test_the_keeper_acts_as_whom_they_name(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    with console(here) as running:
        mine = Browser(running.port)
        mine.get(running.link)
        csrf = mine.csrf()
        assert mine.post("/sign-in/as", {"csrf": csrf, "name": "nobody-here"}).status == 404
        done = mine.post("/sign-in/as", {"csrf": csrf, "name": "ben", "next": "//evil.example"})
        assert (done.status, done.header("location")) == (303, "/")
        assert '"as_name": "ben"' in (here.workspace / "latchkey.json").read_text()
        assert mine.post("/sign-in/as", {"csrf": csrf, "name": "", "next": "/team"}).header("location") == "/team"


def test_two_consoles_on_one_machine_do_not_sign_each_other_out(tmp_path: Path) -> None:
    one, other = house(tmp_path / "one"), house(tmp_path / "other")
    with console(one) as first, console(other) as second:
        mine = Browser(first.port)
        mine.get(first.link)
        mine.port = second.port
        assert not mine.inside(), "the other's key opens nothing here"
        mine.get(second.link)
        assert mine.inside()
        mine.post("/sign-in/out", {"csrf": mine.csrf()})
        assert not mine.inside()
        mine.port = first.port
        assert mine.inside()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0", "--tls-cert", "server.pem", "--tls-key", "server.key"), "baton team invite NAME"),
        (("--behind-proxy",), "baton team invite NAME"),
        (("--name", "https://console.example.com/"), "no name of a machine"),
    ],
)
def test_what_others_could_reach_without_identities_does_not_start(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    here = house(tmp_path / "shop")
    signed(tmp_path)
    command = [sys.executable, "-m", "baton.web", "--project", str(here.project), "--workspace", str(here.workspace), *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_cookie_tells_nobody_anything_and_goes_nowhere_else(shop: tuple[House, Running], ann: Browser) -> None:
    (cookie,) = (each for each in ann.sign_in("ann").cookies if each.startswith(f"baton-{ann.port}=token-"))
    flags = {part.strip().lower().partition("=")[0]: part.strip().partition("=")[2] for part in cookie.split(";")[1:]}
    assert flags.keys() == {"httponly", "samesite", "path", "max-age"} and flags["samesite"].lower() == "lax"
    assert flags["path"] == "/" and abs(int(flags["max-age"]) - 12 * 3600) < 60
    assert (shop[0].workspace / "credentials.json").read_text().count(ann.cookies[f"baton-{ann.port}"].partition(".")[2]) == 0


def test_where_somebody_wanted_to_go_they_get_to(shop: tuple[House, Running]) -> None:
    mine = Browser(shop[1].port)
    asked = mine.get("/models/3?tab=card&at=2023-06-01T00:00:00Z")
    assert asked.status == 303
    where = mine.get(asked.header("location"))
    fields = {"csrf": where.field("csrf"), "next": where.field("next"), "name": "ann", "password": PASSWORD}
    assert mine.post("/sign-in", fields).header("location") == "/models/3?tab=card&at=2023-06-01T00:00:00Z"


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/x\ny", "javascript:x", "/sign-in/out"]
)
def test_nobody_is_sent_elsewhere(ann: Browser, next: str) -> None:
    assert ann.get("/sign-in?" + urlencode({"next": next})).header("location") == "/"


def test_what_a_script_asks_is_told_plainly(shop: tuple[House, Running]) -> None:
    mine = Browser(shop[1].port)
    for path, headers in (("/loop/now", {"x_fragment": "1"}), ("/events", {})):
        told = mine.get(path, **headers)
        assert told.status == 401 and "<" not in told.text


def test_the_api_looks_at_no_cookie_and_pages_look_at_no_token(shop: tuple[House, Running], ann: Browser) -> None:
    token = ann.cookies[f"baton-{ann.port}"]
    for path in ("/api/team", "/openapi.json", "/api", "/api/"):
        assert ann.get(path).status == 401, path
    assert Browser(ann.port).get("/api/team", authorization=f"Bearer {token}").status == 200
    assert Browser(ann.port).get("/team", authorization=f"Bearer {token}").status == 303


def test_out_is_out_for_whoever_else_holds_the_session(ann: Browser) -> None:
    thief = Browser(ann.port, dict(ann.cookies))
    assert thief.inside()
    assert ann.post("/sign-in/out", {"csrf": ann.csrf()}).header("location") == "/sign-in"
    assert not thief.inside() and not ann.inside()


def test_a_session_that_is_revoked_ends_at_the_next_click(shop: tuple[House, Running], ann: Browser) -> None:
    id = ann.cookies[f"baton-{ann.port}"].partition(".")[0]
    open_credentials(shop[0].workspace).change(lambda book: identity.revoked(book, id, SystemClock().now())[0])
    assert not ann.inside()


def test_whoever_left_is_out_at_the_next_click(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    here.settle("ann", "ben")
    with console(here) as running:
        mine = Browser(running.port)
        mine.sign_in("ben")
        assert mine.inside()
        with seat_of(here.project, here.workspace, Actor("ann", how="password")) as seat:
            coming.leave(seat, "ben", "moves on")
        assert not mine.inside()
        told = mine.sign_in("ben")
        assert told.status == 401 and "has left the team" in told.text


def test_the_first_time_the_token_of_the_invitation_sets_the_password(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    first = here.invite("ann")
    with console(here) as running:
        mine = Browser(running.port)
        form = {"csrf": mine.get("/sign-in").field("csrf"), "name": "ann", "first": first, "password": PASSWORD}
        assert "differ" in mine.post("/sign-in/first", {**form, "again": "something else"}).text
        assert "first token does not hold" in mine.post("/sign-in/first", {**form, "again": PASSWORD, "first": "token-1.x"}).text
        assert "serves only for the first login" in mine.post("/sign-in/token", {"csrf": form["csrf"], "token": first}).text
        assert mine.post("/sign-in/first", {**form, "again": PASSWORD}).status == 303 and mine.inside()
        assert mine.post("/sign-in/first", {**form, "again": PASSWORD}).status == 401
        assert Browser(running.port).sign_in("ann").status == 303


def test_a_pasted_token_lets_in_for_what_it_is_for_and_a_service_s_does_not(shop: tuple[House, Running]) -> None:
    here, running = shop
    with seat_of(here.project, here.workspace, Actor("ann", how="password")) as seat:
        told = accounts.new_token(seat, ("read",), None)
    with seat_of(here.project, here.workspace, Actor("ann", how="password")) as seat:
        service = accounts.service(seat, "ci", ("read",), None)
    token, machine = (next(line.strip() for line in each.splitlines() if line.startswith("  token-")) for each in (told, service))
    mine = Browser(running.port)
    csrf = mine.get("/sign-in").field("csrf")
    assert "pages are for people" in mine.post("/sign-in/token", {"csrf": csrf, "token": machine}).text
    assert mine.post("/sign-in/token", {"csrf": csrf, "token": "token-1.nonsense"}).status == 401
    assert mine.post("/sign-in/token", {"csrf": csrf, "token": f" {token}\n"}).status == 303 and mine.inside()
    mine.post("/sign-in/out", {"csrf": mine.csrf()})
    assert not mine.inside()
    assert Browser(running.port).get("/api/team", authorization=f"Bearer {token}").status == 200, "its job needs it yet"


def test_guessing_is_slowed_as_at_a_terminal(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    here.settle("ann")
    with console(here) as running:
        mine = Browser(running.port)
        assert [mine.sign_in("ann", "wrong").status for _ in range(5)] == [401] * 5
        told = mine.sign_in("ann")
        assert told.status == 503 and told.header("retry-after") and not mine.inside()


# --- forms of strangers -----------------------------------------------------------------------------------------------

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"origin": "http://localhost:PORT"},
    {"origin": "https://127.0.0.1:PORT"},
    {"origin": ""},
    {"origin": "", "referer": "https://evil.example/http://127.0.0.1:PORT/"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
]


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/out", "/inbox/handoff-000000000000/accept"])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_of_a_stranger_s_page_does_nothing(ann: Browser, path: str, headers: dict[str, str]) -> None:
    shown = {name: value.replace("PORT", str(ann.port)) for name, value in headers.items()}
    fields = {"csrf": ann.csrf(), "name": "ann", "password": PASSWORD}
    told = ann.post(path, fields, **shown)
    assert told.status == 403 and not told.cookies
    assert "not sent from a page" in told.text or "another site" in told.text
    assert ann.inside()


def test_a_page_that_tells_only_where_it_was_may_send(ann: Browser) -> None:
    told = ann.post("/sign-in/out", {"csrf": ann.csrf()}, origin="", referer=f"{ann.origin}/team")
    assert told.status == 303


def test_a_form_without_the_session_s_own_proof_does_nothing(shop: tuple[House, Running], ann: Browser) -> None:
    other = Browser(ann.port)
    other.sign_in("ben")
    for csrf in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": other.csrf()}, {"csrf": "é"}):
        assert ann.post("/sign-in/out", csrf).status == 403 and ann.inside(), csrf
    assert ann.post("/sign-in/out", {}, x_csrf=ann.csrf()).status == 303


def test_signing_in_needs_a_page_that_this_browser_was_given(shop: tuple[House, Running]) -> None:
    """Else a stranger could sign somebody in as themselves, and read what is typed from then on."""
    mine, other = Browser(shop[1].port), Browser(shop[1].port)
    theirs = other.get("/sign-in").field("csrf")
    for fields in ({}, {"csrf": theirs}):
        assert mine.post("/sign-in", {**fields, "name": "ann", "password": PASSWORD}).status == 403 and not mine.inside()
    mine.get("/sign-in")
    assert mine.post("/sign-in", {"csrf": theirs, "name": "ann", "password": PASSWORD}).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
def test_pages_take_forms_only(ann: Browser, kind: str) -> None:
    assert ann.post("/sign-in/out", {"csrf": ann.csrf()}, content_type=kind).status == 422


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:PORT",
        "127.0.0.1:PORT@evil.example",
        "",
        "[::1]",
    ],
)
@pytest.mark.parametrize("path", ["/", "/team", "/sign-in", "/static/x", "/events"])
def test_a_stranger_s_name_that_leads_here_opens_nothing(ann: Browser, host: str, path: str) -> None:
    """DNS rebinding: the browser takes the stranger's page and ours for one site."""
    told = ann.get(path, host=host.replace("PORT", str(ann.port)))
    assert told.status in (400, 421) and not told.cookies


@pytest.mark.parametrize("host", ["localhost:PORT", "127.0.0.1:PORT", "[::1]:PORT", "LOCALHOST:PORT"])
def test_the_names_of_this_machine_are_ours(ann: Browser, host: str) -> None:
    assert ann.get("/sign-in", host=host.replace("PORT", str(ann.port))).status == 303


def test_a_name_that_was_given_is_ours_too(tmp_path: Path) -> None:
    here = house(tmp_path / "shop")
    here.settle("ann")
    with console(here, "--behind-proxy", "--name", "Console.Example.com") as running:
        mine = Browser(running.port)
        assert running.told == "https://console.example.com"
        forwarded = {"x_forwarded_proto": "https", "host": "console.example.com"}
        shown = mine.get("/sign-in", **forwarded)
        assert shown.status == 200 and shown.header("strict-transport-security")
        fields = {"csrf": shown.field("csrf"), "name": "ann", "password": PASSWORD}
        done = mine.post("/sign-in", fields, **{**forwarded, "origin": "https://console.example.com"})
        assert done.status == 303
        (cookie,) = (each for each in done.cookies if each.startswith("__Host-baton=token-"))
        assert "secure" in cookie.lower() and "domain" not in cookie.lower() and "path=/;" in cookie.lower() + ";"
        assert mine.get("/sign-in", host="console.example.com").status == 403, "in the clear"
        assert mine.get("/sign-in", x_forwarded_proto="https", host="other.example.com").status == 421


def test_pages_of_others_neither_fetch_nor_frame_ours(ann: Browser) -> None:
    for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("navigate", "object")):
        for site in ("cross-site", "same-site"):
            assert ann.get("/team", sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest).status == 403
    linked = ann.get("/sign-in", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert linked.status == 303, "a link in a mail leads here"


def test_every_answer_says_what_a_page_may_do(ann: Browser) -> None:
    for told in (
        ann.get("/sign-in"),
        ann.get("/team"),
        ann.get("/nowhere"),
        ann.get("/api/team"),
        ann.get("/api/health"),
        Browser(ann.port).get("/"),
    ):
        policy = told.header("content-security-policy")
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert told.header("x-content-type-options") == "nosniff" and told.header("referrer-policy") == "same-origin"
        assert told.header("cross-origin-opener-policy") == told.header("cross-origin-resource-policy") == "same-origin"
        assert "no-store" in told.header("cache-control") and not told.header("strict-transport-security")
        assert told.header("permissions-policy") and not told.header("server")


# --- nothing typed is lost --------------------------------------------------------------------------------------------

TYPED = {
    "reason": 'line one\nline two </textarea><script>x</script> "é"',
    "stance": "object",
    "password": "never",
    "token": "never",
}


def test_what_was_typed_when_the_session_ended_is_shown_again_and_sent_by_a_click(
    shop: tuple[House, Running], ann: Browser
) -> None:
    csrf = ann.csrf()
    ann.post("/sign-in/out", {"csrf": csrf})
    late = ann.post("/inbox/consultation-1/comment?tab=2", {**TYPED, "csrf": csrf})
    assert late.status == 401 and "never" not in late.text and "<script>x" not in late.text
    carried = {name: late.field(name) for name in ("csrf", "unsent", "unsent_to")}
    assert carried["unsent_to"] == "/inbox/consultation-1/comment?tab=2" and csrf not in carried["unsent"]
    wrong = ann.post("/sign-in", {**carried, "name": "ann", "password": "wrong"})
    assert wrong.status == 401 and wrong.field("unsent") == carried["unsent"]
    shown = ann.post("/sign-in", {**carried, "name": "ann", "password": PASSWORD})
    assert shown.status == 200 and 'action="/inbox/consultation-1/comment?tab=2"' in shown.text and ann.inside()
    assert re.search(r'<textarea name="reason">\n?line one\nline two &lt;/textarea&gt;', shown.text)
    assert "stance" in shown.text and "never" not in shown.text and shown.field("csrf") == ann.csrf()


def test_or_signed_in_in_another_tab(shop: tuple[House, Running]) -> None:
    mine = Browser(shop[1].port)
    late = mine.post("/inbox/x/decline", {"reason": "typed"})
    carried = {name: late.field(name) for name in ("csrf", "unsent", "unsent_to")}
    not_yet = mine.post("/sign-in/again", carried)
    assert not_yet.status == 401 and not_yet.field("unsent") == "reason=typed"
    mine.sign_in("ben")
    shown = mine.post("/sign-in/again", carried)
    assert shown.status == 200 and "typed</textarea>" in shown.text


def test_a_page_of_an_earlier_session_loses_nothing_either(ann: Browser) -> None:
    old = ann.csrf()
    ann.sign_in("ann")
    shown = ann.post("/inbox/x/decline", {"reason": "typed", "csrf": old})
    assert shown.status == 403 and "typed</textarea>" in shown.text and shown.field("csrf") == ann.csrf() != old


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil", "javascript:alert(1)"])
def test_what_is_carried_leads_nowhere_else(ann: Browser, to: str) -> None:
    csrf = ann.get("/sign-in?once=x").field("csrf")
    told = ann.post("/sign-in/again", {"csrf": csrf, "unsent": "a=b", "unsent_to": to})
    assert told.header("location") == "/"


def test_what_is_too_long_to_carry_is_said_to_be(shop: tuple[House, Running]) -> None:
    told = Browser(shop[1].port).post("/inbox/x/decline", {"reason": "x" * 70_000})
    assert told.status == 401 and "too long" in told.text and len(told.text) < 20_000
