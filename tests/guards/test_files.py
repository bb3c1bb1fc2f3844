"""Files: how long they may be, what they may be called, and that every noun of a stage is in the glossary."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "baton"
LONGEST = 500
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
STAGES = (
    "project",
    "team",
    "data",
    "features",
    "training",
    "evaluation",
    "registry",
    "delivery",
    "serving",
    "monitoring",
    "incidents",
)
TEXTS = {".cfg", ".json", ".lock", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yaml", ".yml", ""}


def kept() -> list[Path]:
    """Every file of the checkout that is, or would be, committed."""
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [path for name in told.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_source_file_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in kept() if path.suffix == ".py"}
    assert {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > LONGEST} == {}


def test_every_file_is_named_by_a_noun() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    vague = [path for path in modules if path.stem in VAGUE or path.stem.endswith(("_utils", "_helpers", "_manager", "_base"))]
    folders = [path for path in PACKAGE.rglob("*") if path.is_dir() and path.name in VAGUE]
    assert [str(path.relative_to(ROOT)) for path in (*vague, *folders)] == []


def test_every_noun_of_a_stage_is_in_the_glossary() -> None:
    told = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    nouns = [f"{stage}/{path.name}" for stage in ("ledger", *STAGES) for path in sorted((PACKAGE / stage).glob("*.py"))]
    assert [noun for noun in nouns if not noun.endswith(("/__init__.py", "/ports.py")) and f"`{noun}`" not in told] == []


def test_the_glossary_names_no_file_that_is_gone() -> None:
    told = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    named = [part for part in told.split("`")[1::2] if part.endswith(".py")]
    assert [name for name in named if not (PACKAGE / name).is_file()] == []


def test_no_path_of_somebodys_machine_is_committed() -> None:
    places = {f"{place}/" for place in (ROOT.parent, Path.home()) if len(place.parts) > 1}
    marked = {"/" + "home/", "/" + "Users/"}
    found = {
        str(path.relative_to(ROOT)): place
        for path in kept()
        if path.suffix in TEXTS
        for place in places | marked
        if place in path.read_text(encoding="utf-8", errors="ignore")
    }
    assert found == {}
