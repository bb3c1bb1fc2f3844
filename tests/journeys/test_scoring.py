"""`baton score` over a real project: values as online, nothing twice, seen after the check only, delivered whole or not."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet
import pytest
from journeys.scored import STANDS, Now, copied, scored, served, table_of
from journeys.shop import Shop
from receivers import Hooks, Post
from standardwebhooks import Webhook as Receiver

from baton.app.bootstrap import read_state
from baton.app.scoring import publishing, shipping
from baton.app.scoring.command import Asked, plan
from baton.app.scoring.job import stage
from baton.app.scoring.order import Wish
from baton.app.views.scores import scores
from baton.app.views.tables import ask
from baton.app.workspace import existing
from baton.kernel.clock import iso, micros
from baton.kernel.errors import BatonError, InvalidInput, NotFound, Refused, Unavailable
from baton.ledger.verify import verify
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import Shipment
from baton.team.task import Task
from baton.testing.server import running

FEATURES = "amount, country, 48.0 AS country_amount_count_24h, amount AS country_amount_mean_24h, amount AS country_amount_max_24h, 60.0 AS country_amount_age_24h, 1.0 AS hours_old"
SHIFTED = f"SELECT payment, {FEATURES.replace('amount, country', 'amount * 3 AS amount, country', 1)} FROM payments"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served(tmp_path_factory.mktemp("scored"))


@pytest.fixture
def project(first: Path, tmp_path: Path) -> Path:
    return copied(first, tmp_path)


def records(project: Path, kind: type[Any]) -> list[Any]:
    with read_state(project / ".baton") as (_, state):
        assert not verify(state).faults
        return state.all(kind)


def test_scores_are_what_the_server_answers_at_the_same_instant(project: Path) -> None:
    told = scored(project, Wish(chunk=250))
    batch = dict(table_of(project))
    assert (told["status"], told["rows"], len(batch)) == ("published", 1440, 1440)
    online = dict[str, float]()
    with running(project / ".baton", "--replay") as server:
        for start in range(0, 1440, 480):
            entities = [f"p{number}" for number in range(start, start + 480)]
            status, body = server.predict(entities=entities, decided_at=iso(STANDS), watermark=micros(STANDS))
            assert status == 200, body
            online |= {each["entity"]: each["score"] for each in body["predictions"]}
    assert batch.keys() == online.keys()
    assert max(abs(batch[entity] - online[entity]) for entity in batch) < 1e-9


def test_the_table_says_what_scored_when_and_the_record_what_it_was_made_of(project: Path) -> None:
    scored(project)
    (run,) = records(project, ScoringRun)
    rows = ask(project / ".baton", "SELECT * FROM scores ORDER BY payment").to_pylist()
    assert list(rows[0]) == ["run_id", "payment", "score", "label", "model_version", "scored_at", "as_of"]
    assert {(row["run_id"], row["model_version"], row["as_of"], row["scored_at"]) for row in rows} == {
        (run.id, 1, STANDS, run.planned_at)
    }
    assert all(row["label"] == (row["score"] >= run.threshold) for row in rows)
    assert set(run.inputs) == {"payments"} and len(run.inputs["payments"]["digest"]) == 64
    assert len(run.cause.bundle) == 64 and run.profile.rows == 1440


def test_the_same_again_is_recognised_and_nothing_is_there_twice(project: Path) -> None:
    one, two = scored(project), scored(project, Wish(chunk=7))
    assert (one["again"], two["again"], one["id"]) == (False, True, two["id"])
    assert len(table_of(project)) == 1440
    assert len(records(project, ScoringRun)) == 1
    assert not list((project / ".baton" / "scoring").iterdir())
    assert [run["id"] for run in scores(project / ".baton")] == [one["id"]]


def test_as_of_an_earlier_instant_only_what_was_known_by_then_is_scored(project: Path) -> None:
    then = STANDS - timedelta(days=10)
    told, now = scored(project, Wish(as_of=then)), scored(project)
    known = ask(project / ".baton", f"SELECT count(*) AS n FROM payments WHERE \"at\" <= TIMESTAMPTZ '{iso(then)}'").to_pylist()
    assert told["id"] != now["id"] and told["rows"] == known[0]["n"] < 1440
    rows = ask(project / ".baton", "SELECT as_of, count(*) AS n FROM scores GROUP BY 1 ORDER BY 1").to_pylist()
    assert rows == [{"as_of": then, "n": told["rows"]}, {"as_of": STANDS, "n": 1440}]


def test_a_dry_run_writes_nothing(project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (project / ".baton" / "tables").rglob("*")}
    told = plan(project, project / ".baton", Asked(Wish(chunk=500), str(project / "out.csv")))
    assert (told["status"], told["rows"], told["chunks"]) == ("planned", 1440, 3)
    assert not records(project, ScoringRun) and not (project / ".baton" / "scoring").exists()
    assert before == {path: path.stat().st_mtime_ns for path in (project / ".baton" / "tables").rglob("*")}


def test_scores_spread_otherwise_are_seen_by_nobody_until_somebody_decides(project: Path) -> None:
    wish = Wish(query=SHIFTED, chunk=500)
    for _ in range(2):
        with pytest.raises(Refused, match="1440 scores are withheld") as caught:
            scored(project, wish, str(project / "out.csv"))
    assert "spread otherwise than those of the hold-out of version 1" in caught.value.why
    assert "--publish-anyway" in caught.value.fix
    assert table_of(project) == [] and not (project / "out.csv").exists()
    (task,) = (each for each in records(project, Task) if "withheld" in each.what)
    assert task.status == "open"
    with pytest.raises(InvalidInput, match="why"):
        scored(project, wish, anyway=True)
    told: Any = scored(project, wish, str(project / "out.csv"), anyway=True, why="prices were raised", person="me")
    assert (told["status"], told["decided_by"]) == ("published", "me") and len(table_of(project)) == 1440
    assert (project / "out.csv").exists()
    with read_state(project / ".baton") as (_, state):
        fact = state.facts(kind="scoring.published")[-1]
        done = state.get(Task, task.id)
    assert (fact.actor, fact.reason, fact.payload["anyway"]) == ("me", "prices were raised", True)
    assert done is not None and done.status == "done"


def test_a_query_of_the_models_columns_is_scored(project: Path) -> None:
    query = f"SELECT 'q' || payment AS payment, {FEATURES} FROM payments"
    told: Any = scored(project, Wish(query=query, table="asked"))
    assert told["status"] == "published" and len(table_of(project, "asked")) == 1440 and table_of(project) == []
    again: Any = scored(project, Wish(query=query, table="asked"))
    assert again["again"] and len(table_of(project, "asked")) == 1440


def without(name: str) -> str:
    return ", ".join(part for part in FEATURES.split(", ") if name not in part)


WRONG = [
    (Wish(source="payment"), NotFound, "no source 'payment'", "did you mean 'payments'?"),
    (Wish(version=9), NotFound, "no version 9", "known: 1"),
    (Wish(source="payments", query="SELECT 1"), InvalidInput, "not from both", ""),
    (Wish(query=f"SELECT payment, {without('country_amount_max')} FROM payments"), InvalidInput, "'country_amount_max_24h'", "missing"),
    (Wish(query=f"SELECT {FEATURES} FROM payments"), InvalidInput, "no column 'payment'", "missing: payment"),
    (Wish(query="DELETE FROM payments"), InvalidInput, "only one query", "never changed"),
    (Wish(query="SELECT 1; SELECT 2"), InvalidInput, "only one query", ""),
    (Wish(query="COPY payments TO 'x.csv'"), InvalidInput, "only one query", ""),
    (Wish(query="SELECT * FROM read_csv('/etc/passwd')"), InvalidInput, "cannot be answered", ""),
    (Wish(query="SELECT * FROM scores"), NotFound, "no table 'scores'", "go into"),
    (Wish(query="SELEC 1"), InvalidInput, "", ""),
    (Wish(query=f"SELECT payment, {FEATURES} FROM payments WHERE false"), InvalidInput, "nothing to score", ""),
    (Wish(as_of=STANDS - timedelta(days=400)), InvalidInput, "nothing to score", ""),
    (Wish(as_of=STANDS + timedelta(days=1)), InvalidInput, "has not landed yet", "last daily step"),
    (Wish(as_of=STANDS, query="SELECT 1"), InvalidInput, "as they are", ""),
    (Wish(query=f"SELECT payment, {FEATURES} FROM payments UNION ALL SELECT payment, {FEATURES} FROM payments WHERE payment = 'p7'"), InvalidInput, "more than once: p7", "one score"),
    (Wish(query=f"SELECT NULL::VARCHAR AS payment, {FEATURES} FROM payments LIMIT 3"), InvalidInput, "3 rows have no payment", ""),
    (Wish(query=f"SELECT payment, {FEATURES.replace('60.0', '1.0 / 0.0 * amount')} FROM payments"), InvalidInput, "country_amount_age_24h' is endless", "finite"),
    (Wish(query=f"SELECT payment, {FEATURES.replace('60.0', '1e300')} FROM payments"), InvalidInput, "is endless", ""),
    (Wish(query=f"SELECT payment, {FEATURES.replace('60.0', country)} FROM payments" if (country := "country") else ""), InvalidInput, "has to be a number", "string"),
    (Wish(query=f"SELECT payment, {FEATURES.replace('country, 48', '1 AS country, 48')} FROM payments"), InvalidInput, "'country' has to be text", ""),
    (Wish(table="payments"), InvalidInput, "cannot go into table 'payments'", "something else"),
    (Wish(table="labels"), InvalidInput, "cannot go into table 'labels'", ""),
    (Wish(table="A b"), InvalidInput, "no name of a table", ""),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "kind", "what", "why"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_scored_is_told_and_leaves_nothing(
    first: Path, wish: Wish, kind: type[BatonError], what: str, why: str
) -> None:
    with pytest.raises(kind) as caught:
        scored(first, wish)
    assert what in caught.value.what and why in caught.value.why
    assert records(first, ScoringRun) == [] and table_of(first) == [] and not (first / ".baton" / "scoring").exists()


def test_what_is_not_known_is_null_and_scored(project: Path) -> None:
    query = f"SELECT payment, {FEATURES.replace('1.0 AS hours', 'NULL AS hours')} FROM payments"
    assert scored(project, Wish(query=query))["status"] == "published"


def places(project: Path) -> Iterator[tuple[str, type[BatonError], str]]:
    yield str(project), InvalidInput, "is a folder"
    yield str(project / "out.txt"), InvalidInput, "cannot be delivered"
    yield str(project / "no such folder" / "out.csv"), NotFound, "no folder"
    yield "https://ann:secret@hooks.example/x", Refused, "not one that is sent to"
    yield "http://hooks.example/x", Refused, "not one that is sent to"
    yield "${NO_SUCH_HOOK}", Refused, "is not set"


def test_where_nothing_can_be_delivered_nothing_is_scored(project: Path) -> None:
    for place, kind, what in places(project):
        with pytest.raises(kind) as caught:
            scored(project, to=place)
        assert what in caught.value.what
    assert records(project, ScoringRun) == []


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_file_holds_every_row_and_is_made_again_when_it_is_gone(project: Path, name: str) -> None:
    out = project / name
    scored(project, to=str(out))
    read: Any = pyarrow.csv.read_csv if name.endswith("csv") else pyarrow.parquet.read_table
    rows = read(out)
    assert sorted(zip(rows["payment"].to_pylist(), rows["score"].to_pylist(), strict=True)) == table_of(project)
    whole = out.read_bytes()
    out.unlink()
    scored(project, to=str(out))
    assert out.read_bytes() == whole
    (shipment,) = records(project, Shipment)
    assert (shipment.status, shipment.receipt) == ("delivered", "1440 rows")


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_file_is_whole_or_as_it_was(project: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = project / name
    out.write_text("of before")
    writer = pyarrow.csv.CSVWriter if name.endswith("csv") else pyarrow.parquet.ParquetWriter

    class Full(writer):  # type: ignore[valid-type,misc]
        def write_table(self, rows: Any, *more: Any) -> None:
            super().write_table(rows.slice(0, 100))
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(
            writer.__module__.replace("pyarrow._csv", "pyarrow.csv").replace(".core", "") + f".{writer.__name__}", Full
        )
        with pytest.raises(Unavailable, match="cannot be written"):
            scored(project, to=str(out))
    assert out.read_text() == "of before" and not list(project.glob(".out*"))
    (shipment,) = records(project, Shipment)
    assert shipment.status == "due" and "No space left" in shipment.error
    assert scored(project, to=str(out))["status"] == "published"
    assert out.stat().st_size > 1000


def secret_of(project: Path) -> str:
    return (project / ".baton" / "keys" / "webhook.secret").read_text().strip()


def rows_of(posts: list[Post]) -> list[tuple[str, float]]:
    """The rows of the first post of each key, as a receiver keeps them that looks at the key."""
    by_key = {post.headers["webhook-id"]: json.loads(post.body) for post in reversed(posts)}
    return sorted((row["payment"], row["score"]) for told in by_key.values() for row in told["data"]["rows"])


def test_a_webhook_gets_signed_parts_and_a_part_that_failed_again_under_its_key(project: Path) -> None:
    with Hooks() as hooks:
        answers = iter([503, 503])

        def answer(_: Post) -> None:
            hooks.status = next(answers, 204)

        hooks.before = answer
        told: Any = scored(project, to=hooks.url)
    keys = [post.headers["webhook-id"] for post in hooks.posts]
    assert keys == [f"{told['id']}-0"] * 3 + [f"{told['id']}-1"]
    assert len({post.body for post in hooks.posts[:3]}) == 1, "sent again it is the same"
    for post in hooks.posts:
        data = Receiver(secret_of(project)).verify(post.body, post.headers)
        assert data["type"] == "baton.scores" and data["data"]["parts"] == 2 and data["data"]["run"] == told["id"]
    assert rows_of(hooks.posts) == table_of(project)
    assert told["shipment"]["receipt"] == "2 × HTTP 204" and "/hook" not in told["shipment"]["to"]
    assert stat.S_IMODE((project / ".baton" / "keys" / "webhook.secret").stat().st_mode) == 0o600


def test_a_receiver_that_goes_away_gets_the_rest_later(project: Path) -> None:
    with Hooks() as hooks:

        def only_the_first(post: Post) -> None:
            hooks.status = 204 if post.headers["webhook-id"].endswith("-0") else 500

        hooks.before = only_the_first
        with pytest.raises(Unavailable, match="did not take it"):
            scored(project, to=hooks.url)
        assert len(hooks.posts) == 1 + shipping.TRIES
        (waiting,) = records(project, Shipment)
        assert (waiting.status, waiting.sent, waiting.attempts) == ("due", 1, 1)
        hooks.before, hooks.status = lambda _: None, 204
        told: Any = scored(project, to=hooks.url)
        assert [post.headers["webhook-id"][-2:] for post in hooks.posts[1 + shipping.TRIES :]] == ["-1"], (
            "not the first part again"
        )
        count = len(hooks.posts)
        scored(project, to=hooks.url)
        assert len(hooks.posts) == count, "what was delivered is not sent again"
    assert told["shipment"]["status"] == "delivered" and rows_of(hooks.posts) == table_of(project)


def test_a_receiver_that_is_gone_for_good_is_recorded_as_failed(project: Path) -> None:
    with Hooks() as hooks:
        hooks.status = 410
        with pytest.raises(Refused, match="gone"):
            scored(project, to=hooks.url)
    (shipment,) = records(project, Shipment)
    assert shipment.status == "failed" and len(table_of(project)) == 1440


def test_what_fails_in_the_middle_is_on_record_and_goes_on_where_it_stopped(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baton.app.scoring import command

    def broken(workspace: Any, prepared: Any, report: Any) -> None:
        def stop(done: int) -> None:
            if done == 1000:
                raise InvalidInput("the model has no score for entity p9", why="a test")

        stage(workspace, prepared, stop)

    with monkeypatch.context() as patched:
        patched.setattr(command, "stage", broken)
        with pytest.raises(InvalidInput, match="p9"):
            scored(project)
    (run,) = records(project, ScoringRun)
    assert run.status == "failed" and "p9" in run.reasons[0] and table_of(project) == []
    made = sorted((project / ".baton" / "scoring" / run.id).iterdir())
    stamps = [path.stat().st_mtime_ns for path in made]
    kept = list[int]()

    def watched(*told: Any) -> None:
        stage(*told)
        kept.extend(path.stat().st_mtime_ns for path in made)

    monkeypatch.setattr(command, "stage", watched)
    assert scored(project)["status"] == "published"
    assert kept == stamps and len(made) == 2, "chunks that were there were not scored again"
    assert len(table_of(project)) == 1440


def test_nothing_is_scored_while_everything_is_halted_or_before_anything_landed(project: Path, tmp_path: Path) -> None:
    shop = Shop(project, tmp_path)
    shop.ok("halt", "--reason", "a drill")
    assert shop.run("score").returncode == 5
    shop.ok("resume", "--reason", "over")
    assert "1440 rows of payments by version 1" in shop.ok("score", "--dry-run")
    told = json.loads(shop.ok("score", "--to", str(project / "out.csv"), "--json"))
    assert told["status"] == "published" and (project / "out.csv").exists()
    assert f"{told['id']}  published: 1440 rows" in shop.ok("scores")
    missing = shop.run("score", "--sql", "SELECT payment FROM payments")
    assert missing.returncode == 2 and "gives no column 'amount'" in missing.stderr
    assert shop.run("score", "--sql", SHIFTED, "--table", "other").returncode == 5
    assert Now().now() > STANDS


def test_two_that_score_the_same_at_once_leave_it_once(project: Path) -> None:
    command = [sys.executable, "-m", "baton.cli", "--project", str(project), "score", "--chunk", "100"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    told = [process.communicate(timeout=90)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes[0] == 0 and codes[1] in (0, 4), told  # 4: the other one was first, and says so
    assert len(table_of(project)) == 1440
    assert [run.status for run in records(project, ScoringRun)] == ["published"]
    assert scored(project)["again"]


def test_one_that_does_not_come_to_an_end_keeps_nobody_waiting_for_ever(project: Path) -> None:
    place = existing(project / ".baton")
    with (
        publishing.alone(place),
        pytest.raises(Unavailable, match="another process publishes scores") as told,
        publishing.alone(place, 0.2),
    ):
        pass
    assert told.value.retryable and "fuser" in told.value.fix
    assert scored(project)["status"] == "published", "and the turn is free again"
