"""Locks: every requirement pinned and hashed, and no address of a package index in them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def pinned(lock: Path) -> dict[str, str]:
    """Name and block of every requirement in a lock."""
    blocks = re.split(r"^(?=[a-z0-9])", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {block.split("==")[0].split("[")[0]: block for block in blocks if "==" in block}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_versions_and_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links|--trusted-host| @ ", text)
    assert [
        name
        for name, block in pinned(lock).items()
        if not re.search(r"^[a-z0-9._-]+==\S+.*\\\n +--hash=sha256:[0-9a-f]{64}", block)
    ] == []


def test_what_is_declared_is_locked() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    base, dev = pinned(ROOT / "requirements" / "base.lock"), pinned(ROOT / "requirements" / "dev.lock")
    wanted = {
        "base": [*told["project"]["dependencies"], *told["dependency-groups"]["build"]],
        "dev": told["dependency-groups"]["dev"],
    }
    names = {lock: {re.split(r"[ <>=;\[]", requirement)[0] for requirement in found} for lock, found in wanted.items()}
    assert names["base"] - base.keys() == set()
    assert names["dev"] - dev.keys() == set()


def test_both_locks_agree() -> None:
    version = re.compile(r"==(\S+)")
    base, dev = pinned(ROOT / "requirements" / "base.lock"), pinned(ROOT / "requirements" / "dev.lock")
    assert {
        name for name, block in base.items() if name not in dev or version.findall(block) != version.findall(dev[name])
    } == set()
