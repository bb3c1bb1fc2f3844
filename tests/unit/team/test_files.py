"""Files and CODEOWNERS: every file resolves to the owner the rules name, read by readers of both dialects written here."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.app.views.files import owners, write
from baton.kernel.errors import Conflict, InvalidInput, Refused
from baton.project.ownership import TeamFile
from baton.team.codeowners import addresses, codeowners
from baton.team.files import Rule, claims, clashes, counted, fits, literal, rules
from baton.team.raci import DEFAULT

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights"
NAMED = {role: (f"@{role}",) for row in DEFAULT.values() for role in row}


def segments_match(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether path segments match pattern segments, `**` being any number of them."""
    if not pattern or not path:
        return not path and all(each == "**" for each in pattern)
    if pattern[0] == "**":
        return segments_match(pattern[1:], path) or segments_match(pattern, path[1:])
    return name_matches(pattern[0], path[0]) and segments_match(pattern[1:], path[1:])


def name_matches(pattern: str, name: str) -> bool:
    """Whether one name matches: `*` any signs, `?` one, a backslash takes the next as it is."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return name_matches(pattern[1:], name) or (bool(name) and name_matches(pattern, name[1:]))
    if not name:
        return False
    if pattern[0] == "\\":
        return pattern[1] == name[0] and name_matches(pattern[2:], name[1:])
    return pattern[0] in ("?", name[0]) and name_matches(pattern[1:], name[1:])


def words(line: str) -> list[str]:
    """A line's words; a backslash keeps a space inside one."""
    return re.findall(r"(?:\\.|[^\s\\])+", line)


def split(pattern: str) -> list[str]:
    """The names of a pattern between its slashes."""
    return [each for each in pattern.split("/") if each]


def github_owner(text: str, path: str) -> list[str]:
    """The owners of a file as GitHub documents it: the last line that fits decides; a line without owners means none."""
    found: list[str] = []
    for line in text.splitlines():
        told = words(line)
        if not told or told[0].startswith("#"):
            continue
        assert not re.search(r"^!|[\[\]]", told[0]), "GitHub reads no brackets and no negation"
        pattern, parts = told[0], path.split("/")
        bound = "/" in pattern.rstrip("/")
        start = split(pattern) if bound else ["**", *split(pattern)]
        start += ["*"] if start[-1] == "**" else []
        if pattern.endswith("/"):
            hit = any(segments_match(start, parts[:depth]) for depth in range(1, len(parts)))
        elif pattern.endswith("/*"):
            hit = segments_match(start, parts)
        else:
            hit = any(segments_match(start, parts[:depth]) for depth in range(1, len(parts) + 1))
        found = told[1:] if hit else found
    return found


def gitlab_owners(text: str, path: str) -> dict[str, list[str]]:
    """The owners of a file by section as GitLab documents it: per section the last line that fits, unless it is excluded."""
    found: dict[str, list[str]] = {}
    excluded, section = set[str](), ""
    for line in text.splitlines():
        told = words(line)
        if not told or told[0].startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        pattern = told[0].removeprefix("!")
        bound = pattern if pattern.startswith("/") else f"/**/{pattern}"
        parts = [*split(bound), *(["**", "*"] if bound.endswith("/") else [])]
        # Ruby's fnmatch: a `**` that ends a pattern is a mere `*`
        parts[-1] = "*" if parts[-1] == "**" else parts[-1]
        if segments_match(parts, path.split("/")):
            if told[0].startswith("!"):
                excluded.add(section)
            else:
                found[section] = told[1:]
    return {name: told for name, told in found.items() if name not in excluded}


NAMES = st.sampled_from(["a", "b", "a b", "#c", "d.py", "e.py", ".h", "f{1}", "!g"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.one_of(
    PATHS.map(lambda path: f"/{literal(path)}"),
    PATHS,
    PATHS.map(lambda path: f"{path}/"),
    PATHS.map(lambda path: f"/{path}/*"),
    PATHS.map(lambda path: f"/{path}/**"),
    NAMES.map(lambda name: f"**/{name}"),
    st.sampled_from(["*", "*.py", "/a/**/d.py", "?", "/*", "a/*.py"]),
)
RULES = st.builds(
    lambda pattern, phase, owner: Rule(pattern, phase, owner, "declared"),
    PATTERNS,
    st.sampled_from(["ingest", "train", "deploy"]),
    st.sampled_from(["data-engineer", "data-scientist", "sre"]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PATHS, min_size=1, max_size=8, unique=True), st.lists(RULES, max_size=6))
def test_both_dialects_resolve_every_file_to_the_owner_of_its_rule(paths: list[str], order: list[Rule]) -> None:
    paths = [path for path in paths if not any(other.startswith(f"{path}/") for other in paths)]
    found = claims(paths, order)
    github, gitlab = (codeowners(found, order, NAMED, dialect) for dialect in ("github", "gitlab"))
    for claim in found:
        expected = [f"@{claim.rule.owner}"] if claim.rule else []
        assert github_owner(github, claim.path) == expected, github
        by_section = {claim.rule.phase.capitalize(): expected} if claim.rule else {}
        assert gitlab_owners(gitlab, claim.path) == by_section, gitlab


@pytest.mark.parametrize("dialect", ["github", "gitlab"])
def test_odd_names_are_escaped(dialect: str) -> None:
    path = "my data/[x] #1*.csv"
    order = [Rule("*", "train", "sre", "declared"), Rule(f"/{literal(path)}", "ingest", "data-engineer", "source")]
    found = claims([path, "my data/other.csv"], order)
    text = codeowners(found, order, NAMED, dialect)
    if dialect == "github":
        assert r"/my\ data/?x?\ \#1\*.csv @data-engineer" in text.splitlines()
        assert github_owner(text, path) == ["@data-engineer"] and github_owner(text, "my data/other.csv") == ["@sre"]
    else:
        assert r"/my\ data/\[x\]\ \#1\*.csv @data-engineer" in text.splitlines()
        assert gitlab_owners(text, path) == {"Ingest": ["@data-engineer"]}
        assert gitlab_owners(text, "my data/other.csv") == {"Train": ["@sre"]}


def test_a_folder_of_the_repository_goes_before_every_pattern() -> None:
    order = [Rule("/a.py", "train", "sre", "declared"), Rule("*.md", "define", "sre", "declared")]
    text = codeowners(claims(["a.py"], order), order, NAMED, "github", "my team/churn/")
    assert r"/my\ team/churn/a.py @sre" in text and r"/my\ team/churn/**/*.md @sre" in text


@pytest.mark.parametrize("dialect", ["github", "gitlab"])
def test_the_example_resolves_every_file_to_whoever_owns_it(dialect: str) -> None:
    told = owners(FLIGHTS, dialect, target="CODEOWNERS")
    assert told["unowned"] == told["clashes"] == told["idle_rules"] == told["without_address"] == []
    assert {each["path"]: each["people"] for each in told["files"]}["data/flights.parquet"] == ["dana"]
    assert sum(told["counts"].values()) == len(told["files"]) >= 10
    for each in told["files"]:
        expected = [f"{name}@flights.example" for name in each["people"]]
        if dialect == "github":
            assert github_owner(told["codeowners"], each["path"]) == expected
        else:
            assert gitlab_owners(told["codeowners"], each["path"]) == {each["phase"].capitalize(): expected}


def owned(**changed: Any) -> TeamFile:
    people = [{"name": "ann", "roles": ["ml-engineer", "sre"], "contact": "mailto:ann@shop.example?subject=x"}]
    return TeamFile.model_validate({"project": "shop", "people": people, **changed})


def test_owners_are_named_by_group_handle_or_address() -> None:
    people = [
        {"name": "ann", "roles": ["ml-engineer"], "handles": {"github": "ann-b", "gitlab": "@ann.b"}},
        {"name": "ben", "roles": ["ml-engineer"], "contacts": ["slack://x", "mailto:ben@shop.example"]},
        {"name": "cat", "roles": ["data-engineer"], "contact": "mailto://cat:secret@shop.example"},
    ]
    teams = {"platform": {"members": ["ben", "cat"], "roles": ["sre"], "handles": {"github": "@shop/platform"}}}
    told = addresses(owned(people=people, teams=teams), "github")
    assert told == {"ml-engineer": ("@ann-b", "ben@shop.example"), "sre": ("@shop/platform",)}
    assert addresses(owned(people=people, teams=teams), "gitlab") == {
        "ml-engineer": ("@ann.b", "ben@shop.example"),
        "sre": ("ben@shop.example",),
    }
    assert addresses(owned(), "github")["sre"] == ("ann@shop.example",)


@pytest.mark.parametrize("handle", ["ann b", "", "@", "a#b", "@ann @eve", "a\nb"])
def test_a_handle_that_no_host_reads_is_refused(handle: str) -> None:
    people = [{"name": "ann", "roles": ["sre"], "handles": {"github": handle}}]
    if not handle:
        assert addresses(owned(people=people), "github") == {}
        return
    with pytest.raises(InvalidInput, match="no github handle"):
        addresses(owned(people=people), "github")


def test_a_role_without_an_address_owns_nothing_for_the_host() -> None:
    order = [Rule("*", "train", "sre", "declared"), Rule("/a.py", "train", "ml-engineer", "declared")]
    text = codeowners(claims(["a.py", "b.py"], order), order, {"sre": ("@s",)}, "github")
    assert github_owner(text, "a.py") == [] and github_owner(text, "b.py") == ["@s"] and "without any address" in text


def test_the_last_rule_wins_and_clashes_and_counts_are_told() -> None:
    told = owned(
        files=[
            {"path": ".", "phase": "train"},
            {"path": "./ops/", "phase": "deploy"},
            {"path": "ops/x.py", "phase": "train", "owner": "sre"},
        ]
    )
    order = rules(told, DEFAULT)
    found = claims(["a.py", "ops/b.py", "ops/x.py", "team.yaml"], order)
    assert [claim.rule.owner for claim in found if claim.rule] == ["data-scientist", "mlops-engineer", "sre", "data-scientist"]
    assert counted(found) == {"data-scientist": 2, "mlops-engineer": 1, "sre": 1}
    assert [rule.pattern for rule in clashes(order, DEFAULT)] == ["ops/x.py"]
    assert counted(claims(["z"], rules(owned(), DEFAULT))) == {"": 1}


@pytest.mark.parametrize(
    ("pattern", "path", "hit"),
    [
        ("data/", "a/data/x", True),
        ("/data/", "a/data/x", False),
        ("/data/", "data", False),
        ("docs/*", "docs/a/b", False),
        ("Dockerfile", "x/Dockerfile", True),
        ("a/b.py", "c/a/b.py", False),
        ("a/**/b", "a/c/d/b", True),
        ("a/**", "a/c/d", True),
        ("a?c", "a/c", False),
        ("data", "data/x", True),
        ("[ab].py", "a.py", False),
        ("a\\", "a\\", True),
    ],
)
def test_what_a_pattern_fits(pattern: str, path: str, hit: bool) -> None:
    assert fits(pattern, path) is hit


TEAM_YAML = "project: shop\npeople:\n  - {name: ann, roles: [product-manager, data-engineer, data-scientist, ml-engineer, mlops-engineer]}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a shop"
    folder.mkdir()
    (folder / "team.yaml").write_text(TEAM_YAML)
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    for name in ("run.log", "build/x.py", "src/x.py", ".baton/state.db", ".venv/bin/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def test_a_folder_with_a_team_alone_is_walked_without_what_is_ignored(project: Path) -> None:
    told = owners(project, "github")
    assert [each["path"] for each in told["files"]] == [".gitignore", "src/x.py", "team.yaml"]
    assert told["unowned"] == ["src/x.py"] and told["without_address"] == ["product-manager"]


def test_it_is_written_whole_and_the_same_twice_and_never_over_somebodys_own(project: Path) -> None:
    for _ in range(2):
        told = owners(project, "gitlab", target=".gitlab/CODEOWNERS")
        write(project, told["written"], told["codeowners"])
    assert (project / ".gitlab/CODEOWNERS").read_text() == owners(project, "gitlab")["codeowners"]
    (project / "CODEOWNERS").write_text("* @me\n")
    with pytest.raises(Conflict, match="holds something else"):
        write(project, "CODEOWNERS", told["codeowners"])
    assert (project / "CODEOWNERS").read_text() == "* @me\n"


def test_it_is_written_inside_the_project_only(project: Path) -> None:
    (project / "out").symlink_to(project.parent)
    for place in ("../CODEOWNERS", "/CODEOWNERS", "out/CODEOWNERS"):
        with pytest.raises(Refused, match="outside the project"):
            owners(project, "github", target=place)
    with pytest.raises(InvalidInput, match="no CODEOWNERS file"):
        owners(project, "github", target="team.yaml")
