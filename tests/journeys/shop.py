"""A team with a pipeline of its own: a folder with a team.yaml and an artefact, and nothing of Baton but hand-offs."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TEAM = """project: shop
people:
  - {name: ann, roles: [data-scientist, ml-engineer], deputy: eve}
  - {name: ben, roles: [mlops-engineer, sre], deputy: ann}
  - {name: eve, roles: [product-manager, data-engineer, devops-engineer]}
handoffs:
  bundle: {accept: person, within: 4h}
"""
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Shop:
    """The folder, and a home for the sessions of whoever logs in."""

    folder: Path
    home: Path

    @property
    def workspace(self) -> Path:
        return self.folder / ".baton"

    def run(self, *words: str, text: str = "", env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        """A command as a person types it, or a job."""
        return subprocess.run(
            [sys.executable, "-m", "baton.cli", "--project", str(self.folder), *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env=self.environment(env),
        )

    def environment(self, more: Mapping[str, str] = {}) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "MLFLOW_", "GIT_"))}
        return {**kept, "XDG_CONFIG_HOME": str(self.home), **more}

    def ok(self, *words: str, text: str = "", env: Mapping[str, str] = {}) -> str:
        done = self.run(*words, text=text, env=env)
        assert done.returncode == 0, f"baton {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def offer(self, *more: str, subject: str = "shop model 7") -> str:
        """The id of an offer of the model."""
        return self.ok("handoff", "offer", "--subject", subject, "--artefact", "file:model.onnx", *more).strip()


def open_shop(folder: Path, home: Path, team: str = TEAM) -> Shop:
    folder.mkdir(parents=True)
    (folder / "team.yaml").write_text(team)
    (folder / "model.onnx").write_bytes(b"a model")
    return Shop(folder, home)


def admit(shop: Shop, name: str, actions: str) -> str:
    """Invite somebody, let them log in, and return a token of theirs."""
    told = shop.ok("team", "invite", name)
    first = next(line.strip() for line in told.splitlines() if line.startswith("  ") and line.strip())
    shop.ok("login", name, "--password-stdin", text=f"{first}\n{PASSWORD}\n")
    return token_in(shop.ok("token", "new", "--actions", actions))


def token_in(told: str) -> str:
    return next(word for word in told.split() if word.startswith("token-") and "." in word)
