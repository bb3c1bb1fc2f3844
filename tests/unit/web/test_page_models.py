"""The models room: the list, a version's tabs, the card as a file, two versions side by side."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient
from unit.web.scene import DAY, NOON

from baton.app.archive.archive import Archive
from baton.app.bootstrap import open_artifacts
from baton.app.workspace import existing
from baton.backends.state.sql import open_sqlite
from baton.kernel.errors import Unavailable
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.registry.version import ModelVersion
from baton.team.handoff import Handoff

Open = Callable[..., TestClient]
TABS = ("card", "evaluation", "lineage", "approvals", "bundle", "history")


def test_the_list_tells_metrics_and_who_answers_now(console: Open, scene: Path) -> None:
    page = console(scene, "ann").get("/models").text
    assert "3 versions" in page and "0.9500" in page and "80 %" in page and "20 %" in page
    assert 'href="/models/3"' in page and "never" in page
    assert 'style="' not in page and "<style" not in page


def test_every_tab_of_every_version_reads(console: Open, scene: Path) -> None:
    desk = console(scene, "ann")
    for number, tab in product((1, 2, 3), TABS):
        answer = desk.get(f"/models/{number}?tab={tab}")
        assert answer.status_code == 200 and f"<h1>Version {number}</h1>" in answer.text
        assert f'aria-current="page">{tab.capitalize()}' in answer.text
        assert "<script>" not in answer.text


def test_a_training_that_is_gone_is_told(console: Open, scene: Path) -> None:
    page = console(scene, "ann").get("/models/2").text
    assert "What the training job answered is not there" in page and "mean_radius" in page


def test_a_bundle_that_is_gone_is_not_verified(console: Open, scene: Path) -> None:
    desk = console(scene, "ann")
    assert "Not what was sealed" in desk.get("/models/2?tab=bundle").text
    assert desk.get("/models/2/bundle").status_code == 404 and desk.get("/models/2/bundle.sig").status_code == 404


def test_the_card_is_a_file_of_markdown(console: Open, scene: Path) -> None:
    answer = console(scene, "ann").get("/models/2/card.md")
    assert answer.headers["content-type"].startswith("text/markdown") and "attachment" in answer.headers["content-disposition"]
    assert answer.text.startswith("# made, version 2") and "## Limits" in answer.text


def test_two_versions_side_by_side(console: Open, scene: Path) -> None:
    page = console(scene, "ann").get("/models/compare?a=1&b=2").text
    assert (
        "Version 1 and version 2" in page
        and "-0.0100" in page
        and "different rows" in page
        and "/models/compare/calibration?a=1&amp;b=2" in page
    )
    assert "Version 2 and version 3" in console(scene, "ann").get("/models/compare").text


ODD = (
    ("/models/99", 404),
    ("/models/0", 422),
    ("/models/two", 422),
    ("/models/9999999999999999", 422),
    ("/models/2?tab=odd", 422),
    ("/models?status=odd", 422),
    ("/models?before=nowhere", 200),
    ("/models?status=rejected", 200),
    ("/models/compare?a=1&b=77", 404),
    ("/models/compare?a=x", 422),
    ("/models/99/card.md", 404),
    ("/models?at=2020-01-01T00:00:00Z", 200),
    ("/models/3?at=2024-01-15T00:00:00Z", 404),
)


def test_odd_addresses_are_told(console: Open, scene: Path) -> None:
    desk = console(scene, "ann")
    assert [(address, desk.get(address).status_code) for address, _ in ODD] == list(ODD)


def test_the_past_holds_what_was_known_then(console: Open, scene: Path) -> None:
    page = console(scene, "ann").get("/models?at=2024-01-15T00:00:00Z").text
    assert "1 version" in page and 'href="/models/1?at=' in page and 'href="/models/2' not in page


def test_calibration_in_service_is_told_or_why_not(console: Open, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"low": 0.2, "high": 0.3, "count": 50, "score": 0.25, "observed": 0.3, "from": 0.2, "to": 0.4}
    told = {"bins": [one], "labelled": 50, "predictions": 60, "error": -0.05, "version": 2}
    asked: list[dict[str, object]] = []

    def ask(self: Archive, question: str, /, **plain: object) -> object:
        asked.append({"question": question, **plain})
        if plain["version"] == 1:
            raise Unavailable("the archive does not answer", why="it is busy")
        return told

    monkeypatch.setattr(Archive, "ask", ask)
    desk = console(scene, "ann")
    part = desk.get("/models/2/calibration?at=2024-02-20T00:00:00Z", headers={"x-fragment": "1"}).text
    assert "50 of 60 answers have a label" in part and "5.00 % too low" in part and "<html" not in part
    assert asked == [{"question": "calibration", "version": 2, "until": "2024-02-20T00:00:00Z"}]
    both = desk.get("/models/compare/calibration?a=1&b=2").text
    assert "It cannot be told: the archive does not answer. it is busy" in both and "Version 2" in both


def judged(folder: Path) -> None:
    """The gate compared version 2 with the champion of its day, version 1, on the same rows."""
    state = open_sqlite(folder / ".baton" / "state.db")
    draft = Draft(state)
    paired = {
        "rows": 4000, "days": 7, "champion_brier": 0.21, "challenger_brier": 0.2, "champion_auc": 0.7, "challenger_auc": 0.71,
        "difference": -0.0123, "low": -0.0234, "high": -0.0011, "margin": 0.01, "answer": "superior",
    }  # fmt: skip
    given = Handoff(
        "handoff-00000000000e", "accepted", "candidate", "turn-2", "validated model", "evaluate", "register", "ann", "ben", "ben", "person",
        DAY, NOON, NOON, NOON + DAY, {"comparison": paired},
    )  # fmt: skip
    draft.record(Act(SYSTEM, "", NOON), given, "offered", "a candidate")
    draft.commit({}, expect={})
    state.close()


def test_what_was_compared_on_the_same_rows_comes_first_and_other_numbers_judge_nothing(console: Open, own_scene: Path) -> None:
    judged(own_scene)
    desk = console(own_scene, "ann")
    page = desk.get("/models").text
    assert page.index("Against champion") < page.index("own rows")
    assert all(each in page for each in ("-0.0123", "-0.0234 to -0.0011", "superior"))
    both = desk.get("/models/compare?a=1&b=2").text
    assert both.index("-0.0234 to -0.0011") < both.index("each on its own hold-out") and "4,000 rows" in both
    pages = [page, both, desk.get("/models/2").text]
    assert not any(
        f"{word} <" in each or f">{word}" in each or f"{word} by" in each for each in pages for word in ("better", "worse")
    )
    assert "version 1: 0.9600, on other rows" in pages[2]


def test_two_that_never_met_on_the_same_rows_are_said_so(console: Open, own_scene: Path) -> None:
    judged(own_scene)
    desk, words = console(own_scene, "ann"), "The gate never compared"
    assert words in desk.get("/models/compare?a=1&b=3").text and words not in desk.get("/models/compare?a=2&b=1").text


def test_bars_of_trials_say_what_they_measure(console: Open, own_scene: Path) -> None:
    artifacts = open_artifacts(existing(own_scene / ".baton"))
    trials = [{"number": 0, "learner": "linear", "loss": 0.4}, {"number": 1, "learner": "lightgbm", "loss": 0.41}]
    digest = artifacts.put(msgspec.json.encode({"chosen": trials[0], "trials": trials}))
    state = open_sqlite(own_scene / ".baton" / "state.db")
    draft = Draft(state)
    found = draft.get(ModelVersion, "version-2")
    assert found is not None
    draft.record(Act(SYSTEM, "", NOON), replace(found, lineage={"candidate": digest}), "registered", "again")
    draft.commit({}, expect={})
    state.close()
    page = console(own_scene, "ann").get("/models/2?tab=evaluation").text
    assert "Log loss above the best trial&#39;s, on the validation part: the best one stands at 0." in page
