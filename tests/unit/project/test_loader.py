"""Mistakes in baton.yaml are told all at once, each with its line and what to write instead."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from baton.kernel.errors import InvalidProject, Mistake
from baton.project.document import MAX_BYTES, read_document
from baton.project.loader import load

Write = Callable[[str], Path]


def mistakes(folder: Path) -> tuple[Mistake, ...]:
    with pytest.raises(InvalidProject) as caught:
        load(folder)
    return caught.value.mistakes


def test_a_valid_project_loads_with_lines_and_digest(write: Write, base: str) -> None:
    loaded = load(write(base))
    assert loaded.definition.project == "sample"
    assert loaded.lines.at(("sources", "weather", "path")) == 15
    assert loaded.lines.at(("people", 1, "name")) == 8
    assert loaded.lines.at(("people", 1, "contact")) == 8
    assert loaded.lines.at(("recipe", "trials")) == 1
    assert len(loaded.digest) == 64


@pytest.mark.parametrize("name", ["baton.yaml", "features.py", "contracts/weather.yaml", "model.py"])
def test_the_digest_covers_each_file(write: Write, base: str, name: str) -> None:
    folder = write(base)
    before = load(folder).digest
    assert load(folder).digest == before
    with (folder / name).open("a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    assert load(folder).digest != before


def test_data_is_no_part_of_the_digest(write: Write, base: str) -> None:
    folder = write(base)
    before = load(folder).digest
    (folder / "data/flights.parquet").write_text("more", encoding="utf-8")
    assert load(folder).digest == before


ONE = [
    ("question:", "qestion:", [(3, "unknown key 'qestion' in problem", "did you mean 'question'?")]),
    (
        "    known_at: landed_at",
        "    knwon_at: landed_at",
        [(13, "unknown key 'knwon_at' in sources.flights", "did you mean 'known_at'?")],
    ),
    (
        "label: {source: flights, column",
        "label: {source: flights, colum",
        [(19, "unknown key 'colum' in label", "did you mean 'column'?")],
    ),
    (
        "entity: {source: flights, key: flight_id}\n",
        "",
        [(1, "'entity' is missing", "add 'entity: {source: customers, key: customer_id}'")],
    ),
    ("    key: [origin]\n", "", [(14, "'key' is missing in sources.weather", "add 'key: [customer_id]'")]),
    ("[flight_id]", "flight_id", [(12, "sources.flights.key must be a list, not 'flight_id'", "write 'key: [flight_id]'")]),
    ("above: 15", "above: late", [(19, "label.above must be a number, not 'late'", "write a number")]),
    ("metric: auc", "metric: acu", [(5, "problem.success.metric is 'acu'", "did you mean 'auc'? choose auc, brier or logloss")]),
    ("project: sample", "project: My Sample", [(1, "project 'My Sample' cannot be a name", None)]),
    ("{name: ben,", "{name: 7,", [(8, "people.name must be a text, not 7", "put it into quotes: '7'")]),
    ("  weather:\n", "  9weather:\n", [(14, "'9weather' cannot be a name in sources", None)]),
]


@pytest.mark.parametrize(("old", "new", "expected"), ONE, ids=[new or old for old, new, _ in ONE])
def test_one_mistake(write: Write, base: str, old: str, new: str, expected: list[tuple[int, str, str | None]]) -> None:
    assert old in base
    found = mistakes(write(base.replace(old, new, 1)))
    for line, what, fix in expected:
        match = [mistake for mistake in found if mistake.what == what]
        assert [mistake.line for mistake in match] == [line], found
        assert fix is None or match[0].fix == fix


ADDED = [
    ("recipe: {window: 5}", "recipe.window: '5' has no unit", "write a number and one of s, m, h, d, w, e.g. 5h"),
    ("recipe: {abort_after: soon}", "recipe.abort_after: 'soon' is not a duration", None),
    ("recipe: {holdout: 7}", "recipe.holdout is 7: neither a duration nor a share of the labels", None),
    ("recipe: {trials: 0}", "recipe.trials is 0", "write a number of at least 1"),
    ("recipe: {trials: 1.5}", "recipe.trials must be a whole number, not 1.5", "write a whole number"),
    ("recipe: {learners: [lightgmb]}", "recipe.learners is 'lightgmb'", "did you mean 'lightgbm'? choose lightgbm or linear"),
    ("raci: {trane: {ml-engineer: RA}}", "unknown phase 'trane' in raci", "did you mean 'train'?"),
    ("raci: {train: {ml-engineer: X}}", "raci.train.ml-engineer is 'X'", "choose R, A, C, I or RA"),
    (
        "replay: {start: 2023-02-30, live: 2023-03-01, until: 2023-04-01}",
        "replay.start: '2023-02-30' is not a date or an instant",
        None,
    ),
    (
        "replay: {start: 2023-01-01, live: 2023-03-01T00:00:00, until: 2023-04-01}",
        "replay.live: '2023-03-01T00:00:00' has no time zone",
        None,
    ),
    ("decision: {at: x, lead: [1h]}", "decision.lead has too few items", "write e.g. 'lead: [1h, 2h]'"),
    ("decision: {at: x, lead: [1h, 2h, 3h]}", "decision.lead has 3 items", "write 2"),
    ("rollout:", "rollout must be a mapping, not nothing", "write a mapping"),
    ("monitr: {}", "unknown key 'monitr'", "did you mean 'monitor'?"),
    ("rollout: {baseline: maybe}", "rollout.baseline must be true or false, not 'maybe'", "write true or false"),
    ("features: [a]", "features must be a file's path as text, not a list", "write a file's path as text"),
    ("gates: {margin: nan}", "gates.margin is nan", "write a finite number"),
]


@pytest.mark.parametrize(("line", "what", "fix"), ADDED, ids=[line for line, _, _ in ADDED])
def test_a_mistaken_line_is_the_only_mistake(write: Write, base: str, line: str, what: str, fix: str | None) -> None:
    (mistake,) = mistakes(write(base + line + "\n"))
    assert (mistake.file, mistake.line, mistake.what) == ("baton.yaml", 20, what)
    assert mistake.fix
    assert fix is None or mistake.fix == fix


UNREADABLE = [
    ("a:\n\tb: 1\n", 2, "a tab stands where YAML wants spaces"),
    ("a: [1\nb: 2\n", 2, "a '[' or '{' is not closed in time: expected ',' or ']', but got ':'"),
    ("a: 'x\n", 2, "a quote is opened and not closed"),
    ("a: b: c\n", 1, "a ':' stands where no key can be"),
    ("a: @x\n", 1, "found character '@', which cannot begin a value"),
    ("a: 1\n\x01", 2, "a control character is not allowed here"),
    ("--- \na: 1\n---\nb: 2\n", 3, "a second document begins here"),
    ("? [a]\n: b\n", 1, "a list or mapping stands where a key should be"),
    ("a: !!python/object:os.system x\n", 1, "the tag 'tag:yaml.org,2002:python/object:os.system' is not allowed"),
    ("a: &x [1]\nb: *x\n", 1, "'&x': anchors and aliases are not read"),
    ("a:\n  <<: *x\n", 2, "'*x': anchors and aliases are not read"),
    ("a: " + "[" * 25, 1, "nested deeper than 20 levels"),
    ("a: [" + "1, " * 20_000, 1, "more than 20,000 values"),
    ("", 1, "the file is empty"),
    ("# only a comment\n", 1, "the file is empty"),
    ("- a\n", 1, "the file is no mapping of keys to values"),
]


@pytest.mark.parametrize(("text", "line", "what"), UNREADABLE, ids=[what for _, _, what in UNREADABLE])
def test_a_file_that_cannot_be_read_is_one_mistake(write: Write, text: str, line: int, what: str) -> None:
    (mistake,) = mistakes(write(text))
    assert (mistake.line, mistake.what) == (line, what)
    assert mistake.fix


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "baton.yaml").write_bytes(b"project: x\nproblem: \xff\n")
    (mistake,) = mistakes(tmp_path)
    assert (mistake.line, mistake.what) == (2, "byte 0xff is not UTF-8 text")


def test_a_file_too_large_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "baton.yaml").write_bytes(b"a" * (MAX_BYTES + 1))
    (mistake,) = mistakes(tmp_path)
    assert "at most 1,048,576 are read" in mistake.what


def test_no_project_says_where_it_looked(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path / "nowhere")
    assert mistake.what == f"no baton.yaml in {tmp_path / 'nowhere'}"
    assert "baton new" in mistake.fix


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "baton.yaml").mkdir()
    (mistake,) = mistakes(tmp_path)
    assert "cannot be read" in mistake.what


def test_a_key_written_twice_does_not_hide_the_rest(write: Write, base: str) -> None:
    found = mistakes(write(base + "project: again\nrecipe: {window: 5}\n"))
    assert [(mistake.line, mistake.what) for mistake in found] == [
        (20, "'project' is written twice; the first is on line 1"),
        (21, "recipe.window: '5' has no unit"),
    ]


def test_dates_and_numbers_stay_what_they_are() -> None:
    text = b"a: 2023-01-01\nb: 010\nc: yes\nd: '5'\ne: 1e3\nf: true\ng: ~\nh: 1_000\n"
    assert read_document(text, "x").value == {
        "a": "2023-01-01", "b": 10, "c": "yes", "d": "5", "e": 1000.0, "f": True, "g": None, "h": "1_000"
    }  # fmt: skip


def test_everything_wrong_is_told_at_once(write: Write, base: str) -> None:
    changes = {"data-scientist": "data-scientst", "flights.parquet": "flight.parquet", "column:": "colum:"}
    for old, new in changes.items():
        base = base.replace(old, new, 1)
    folder = write(base.replace("  question:", "  stakeholders: [x]\n  question:", 1) + "recipe: {window: 5}\n")
    with pytest.raises(InvalidProject) as caught:
        load(folder)
    assert (
        str(caught.value).replace(str(folder), "FOLDER")
        == """\
baton.yaml:8: ann wears an unknown role 'data-scientst'
    fix: did you mean 'data-scientist'?
baton.yaml:12: the file of source 'flights' is not there: data/flight.parquet
    fix: did you mean 'flights.parquet'? (looked in FOLDER/data)
baton.yaml:20: 'column' is missing in label
    fix: add 'column: churned'
baton.yaml:20: unknown key 'colum' in label
    fix: did you mean 'column'?
baton.yaml:21: recipe.window: '5' has no unit
    fix: write a number and one of s, m, h, d, w, e.g. 5h
5 mistakes in the project
  fix: mend them and run 'baton check'"""
    )


def test_a_broken_section_silences_only_what_depends_on_it(write: Write, base: str) -> None:
    text = base.replace("known_at: landed_at", "known: landed_at").replace("deputy: ben", "deputy: bob")
    found = [mistake.what for mistake in mistakes(write(text))]
    assert found == ["the deputy of ann, 'bob', is not among the people", "unknown key 'known' in sources.flights"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
@example(data=b"\xef\xbb\xbf")
@example(data=b'a: "\\ud800"\n')
@example(data=b"%YAML 9.9\n---\na")
@example(data=b"!<tag:x>")
@example(data=b"[" * 5000)
def test_random_bytes_never_get_past_the_door(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, data)


YAMLISH = st.text(alphabet=st.sampled_from(list("abz019 :-{}[],#&*!|>'\"%@`~?\\\n\t.\x00\ud7ff\U0001f600")), max_size=120)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=YAMLISH)
def test_random_yaml_never_gets_past_the_door(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text.encode())


def refused(folder: Path, data: bytes) -> None:
    (folder / "baton.yaml").write_bytes(data)
    with pytest.raises(InvalidProject) as caught:
        load(folder)
    str(caught.value).encode()
    assert all(mistake.line >= 1 and mistake.what for mistake in caught.value.mistakes)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1h", "2023-01-01", "R", "auc", "\x00", "a" * 300]),
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6
)
SECTIONS = (
    "project",
    "problem",
    "people",
    "raci",
    "handoffs",
    "sources",
    "entity",
    "label",
    "decision",
    "features",
    "recipe",
    "gates",
    "rollout",
    "monitor",
    "retraining",
    "replay",
)
INNER = (
    "question",
    "success",
    "value",
    "name",
    "roles",
    "deputy",
    "path",
    "key",
    "known_at",
    "source",
    "column",
    "lead",
    "at",
    "holdout",
    "steps",
    "minimum",
    "kind",
    "share",
    "start",
    "live",
    "until",
    "answers",
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(SECTIONS), TREES | st.dictionaries(st.sampled_from(INNER), TREES, max_size=4), min_size=1, max_size=4
    )
)
def test_any_value_anywhere_is_told_and_not_thrown(write: Write, base: str, sections: dict[str, object]) -> None:
    import json

    kept = base.split("\n")
    changed = "\n".join(f"{name}: {json.dumps(value)}" for name, value in sections.items())
    text = "\n".join([*kept[:1], changed, *kept[1:]])
    try:
        load(write(text))
    except InvalidProject as error:
        str(error).encode()
