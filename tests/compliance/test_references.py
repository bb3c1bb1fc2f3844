"""Artefacts that Baton did not make: every kind tells the same of the same, notices a change, and says when it is gone.

Real parts: files, a git repository, TLS on this machine. MLflow's answers have the shape recorded from an MLflow 3.17
server; with MLFLOW_TEST_URI, a tracking server with version 1 of a model `shop`, the same is asked of that server.
"""

import hashlib
import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPSHandler

import pytest

from baton.backends.checks.command import TAIL, Commands
from baton.backends.references import Everywhere
from baton.backends.references.addresses import Addresses
from baton.backends.references.mlflow import Mlflow
from baton.kernel.errors import BatonError, Corrupt, InvalidInput, NotFound, Refused, Unavailable
from baton.team.ports import References
from baton.team.reference import DIGEST, parse

Answer = Callable[[BaseHTTPRequestHandler], tuple[int, bytes, dict[str, str]]]


@dataclass
class Case:
    """A backend, a reference to something that is there and one to something that is not, and how to change the first."""

    references: References
    there: str
    absent: str
    change: Callable[[], None]
    after: type[BatonError] | None = None


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = answer(self)
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def git(folder: Path, *words: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@shop.example", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True, env=clean)
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("1")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


class Registry:
    """What an MLflow server answers, recorded: a model version, its MLmodel file, and how it says that there is none."""

    def __init__(self) -> None:
        self.mlmodel: bytes | None = b"model_id: m-672b\nrun_id: 3ecf\n"
        self.version = {
            "name": "shop",
            "version": "1",
            "creation_timestamp": 1795261720331,
            "last_updated_timestamp": 1795261720331,
            "current_stage": "None",
            "description": "",
            "source": "models:/m-672b",
            "run_id": "3ecf",
            "status": "READY",
        }
        self.seen: list[str | None] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> tuple[int, bytes, dict[str, str]]:
        self.seen.append(request.headers.get("authorization"))
        parts = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if (asked.get("name"), asked.get("version")) != ("shop", "1"):
            told = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model Version not found"}
            return 404, json.dumps(told).encode(), {}
        if parts.path == "/api/2.0/mlflow/model-versions/get":
            return 200, json.dumps({"model_version": self.version}).encode(), {}
        if parts.path == "/model-versions/get-artifact" and asked["path"] == "MLmodel" and self.mlmodel is not None:
            return 200, self.mlmodel, {}
        return 404, b"", {}


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for 127.0.0.1: the server's side, and that of a client who trusts it."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, secret)
    return server, ssl.create_default_context(cafile=str(pem))


@pytest.fixture(params=["file", "git", "mlflow", "url", "oci"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    here = Everywhere(tmp_path, {})
    match request.param:
        case "file":
            path = tmp_path / "model.onnx"
            path.write_bytes(b"a model")

            def write() -> None:
                path.write_bytes(b"another")

            yield Case(here, "file:model.onnx", "file:other.onnx", write)
        case "git":
            place = repository(tmp_path / "r")

            def move() -> None:
                git(place, "commit", "-q", "--allow-empty", "-m", "two")

            yield Case(here, "git:main@r", f"git:{'0' * 40}@r", move)
        case "mlflow":
            registry = Registry()

            def replace() -> None:
                registry.mlmodel = b"model_id: m-999\n"

            with serving(registry) as port:
                where = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
                yield Case(Everywhere(tmp_path, where), "mlflow:models:/shop/1", "mlflow:models:/shop/9", replace)
        case "url":
            held, (server, client) = [b"a model"], certificate(tmp_path)

            def answer(asked: BaseHTTPRequestHandler) -> tuple[int, bytes, dict[str, str]]:
                return (200, held[0], {}) if asked.path == "/m" else (404, b"", {})

            with serving(answer, server) as port:
                digest = hashlib.sha256(b"a model").hexdigest()
                there, absent = (f"url:https://127.0.0.1:{port}/{name}#sha256={digest}" for name in ("m", "n"))
                yield Case(
                    Addresses(HTTPSHandler(context=client)), there, absent, lambda: held.__setitem__(0, b"another"), Corrupt
                )
        case _:
            yield Case(here, f"oci:shop@sha256:{'a' * 64}", "", lambda: None)


def test_the_same_is_pinned_the_same(case: Case) -> None:
    first = case.references.pin(parse(case.there))
    assert DIGEST.fullmatch(first.digest)
    again = case.references.pin(first.reference)
    assert (again.reference, again.digest) == (first.reference, first.digest)
    assert parse(str(first.reference)) == first.reference


def test_a_change_is_noticed_and_the_pinned_form_does_not_move(case: Case) -> None:
    first = case.references.pin(parse(case.there))
    case.change()
    if case.after is not None:
        with pytest.raises(case.after):
            case.references.pin(first.reference)
    elif first.reference.kind in ("file", "mlflow"):
        assert case.references.pin(first.reference).digest != first.digest
    else:
        assert case.references.pin(first.reference).digest == first.digest
        if first.reference.kind == "git":
            assert case.references.pin(parse(case.there)).digest != first.digest


def test_what_is_not_there_is_told(case: Case) -> None:
    if case.absent:
        with pytest.raises(NotFound) as error:
            case.references.pin(parse(case.absent))
        assert error.value.where and error.value.fix


def test_only_ordinary_files_have_a_digest(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("folder", "pipe", "/dev/zero"):
        with pytest.raises(InvalidInput, match="no ordinary file"):
            Everywhere(tmp_path, {}).pin(parse(f"file:{name}"))
    with pytest.raises(Unavailable):
        Everywhere(tmp_path, {}).pin(parse("file:loop"))


def test_a_tag_and_a_short_commit_mean_the_whole_commit(tmp_path: Path) -> None:
    place = repository(tmp_path / "r")
    git(place, "tag", "-a", "v1", "-m", "one")
    whole = git(place, "rev-parse", "HEAD")
    for name in ("v1", "main", "HEAD", whole[:10], whole):
        found = Everywhere(place, {}).pin(parse(f"git:{name}"))
        assert (found.reference.name, found.digest) == (whole, f"git:{whole}")
    with pytest.raises(InvalidInput, match="in no repository"):
        Everywhere(tmp_path, {}).pin(parse("git:HEAD@nowhere"))


def test_a_stated_reference_is_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="stated, not looked at"):
        Everywhere(tmp_path, {}).pin(parse("attested:file:model.onnx"))


def test_mlflow_is_told_who_asks_and_nobody_else_is() -> None:
    registry, other = Registry(), Registry()
    with serving(registry) as port, serving(other) as elsewhere:
        where = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}/"}
        Mlflow({**where, "MLFLOW_TRACKING_TOKEN": "t"}).pin(parse("mlflow:models:/shop/1"))
        Mlflow({**where, "MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p"}).pin(parse("mlflow:models:/shop/1"))
        assert set(registry.seen) == {"Bearer t", "Basic dTpw"}

        def away(_: BaseHTTPRequestHandler) -> tuple[int, bytes, dict[str, str]]:
            return 302, b"", {"location": f"http://127.0.0.1:{elsewhere}/api"}

        with serving(away) as sends_on, pytest.raises(Unavailable):
            Mlflow({"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{sends_on}", "MLFLOW_TRACKING_TOKEN": "t"}).pin(
                parse("mlflow:models:/shop/1")
            )
        assert other.seen == []


def test_mlflow_without_artefacts_or_not_ready() -> None:
    registry = Registry()
    registry.mlmodel = None
    with serving(registry) as port:
        asked = Mlflow({"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"})
        first = asked.pin(parse("mlflow:models:/shop/1"))
        assert first.facts == {"source": "models:/m-672b", "run_id": "3ecf"}
        registry.version["run_id"] = "other"
        assert asked.pin(parse("mlflow:models:/shop/1")).digest != first.digest
        registry.version["status"] = "PENDING_REGISTRATION"
        with pytest.raises(Unavailable, match="not ready"):
            asked.pin(parse("mlflow:models:/shop/1"))


@pytest.mark.parametrize("uri", ["", "sqlite:///mlflow.db", "file:///mlruns", "databricks", "https://u:p@mlflow.example"])
def test_mlflow_is_asked_over_http_only(uri: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Mlflow({"MLFLOW_TRACKING_URI": uri}).pin(parse("mlflow:models:/shop/1"))
    assert "u:p" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [((401, b""), Refused), ((500, b""), Unavailable), ((200, b"<html>"), Unavailable), ((200, b"[]"), Unavailable)],
)
def test_mlflow_that_does_not_answer_as_it_should(answer: tuple[int, bytes], error: type[BatonError]) -> None:
    with serving(lambda _: (*answer, {})) as port, pytest.raises(error):
        Mlflow({"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}).pin(parse("mlflow:models:/shop/1"))


@pytest.mark.skipif("MLFLOW_TEST_URI" not in os.environ, reason="no MLflow server is named")
def test_a_real_mlflow_server() -> None:
    asked = Mlflow({"MLFLOW_TRACKING_URI": os.environ["MLFLOW_TEST_URI"]})
    first = asked.pin(parse("mlflow:models:/shop/1"))
    assert first.facts["source"] and first.facts["run_id"] and first.facts["mlmodel"]
    assert asked.pin(parse("mlflow:models:/shop/1")) == first
    with pytest.raises(NotFound):
        asked.pin(parse("mlflow:models:/shop/999"))


def test_a_redirect_that_leaves_https_is_not_followed(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    with serving(lambda _: (302, b"", {"location": "http://127.0.0.1:1/m"}), server) as port, pytest.raises(Unavailable):
        Addresses(HTTPSHandler(context=client)).pin(parse(f"url:https://127.0.0.1:{port}/m#sha256={'a' * 64}"))


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server, _ = certificate(tmp_path)
    with serving(lambda _: (200, b"", {}), server) as port, pytest.raises(Unavailable, match="certificate"):
        Addresses().pin(parse(f"url:https://127.0.0.1:{port}/m#sha256={'a' * 64}"))


MINUTE = timedelta(minutes=1)


def test_a_check_tells_how_it_ended(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    (tmp_path / "here").touch()
    done = commands.run(("sh", "-c", "ls; printf '\\033[31mred\\033[0m'; exit 3"), MINUTE)
    assert (done.status, done.tail) == (3, "here\n[31mred[0m")
    assert done.output == hashlib.sha256(b"here\n\x1b[31mred\x1b[0m").hexdigest()
    assert commands.run(("true",), MINUTE).status == 0


def test_of_much_output_the_end_is_kept_and_all_of_it_is_counted(tmp_path: Path) -> None:
    done = Commands(tmp_path).run(("sh", "-c", "yes é | head -c 3000000; echo end"), MINUTE)
    assert done.size == 3000004 and len(done.tail) <= TAIL and done.tail.endswith("end")


def _gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_check_that_takes_too_long_is_stopped_with_all_it_started(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child; sleep 600"
    done = Commands(tmp_path).run(("sh", "-c", script), timedelta(seconds=0.5))
    assert done.status is None
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 20
    while not _gone(child):  # a busy machine lets a killed process linger for a moment
        assert time.monotonic() < until


def test_what_a_check_leaves_behind_does_not_hold_it_up(tmp_path: Path) -> None:
    done = Commands(tmp_path).run(("sh", "-c", "sleep 600 & echo started"), MINUTE)
    assert (done.status, done.tail) == (0, "started")


@pytest.mark.parametrize("command", [("no-such-command",), ("a\0b",), ("./folder",), ("true", "&&", "rm"), ("echo", ">", "x")])
def test_what_cannot_start_is_a_mistake_and_no_verdict(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput):
        Commands(tmp_path).run(command, MINUTE)
    assert not (tmp_path / "x").exists()
