"""The session of a login: a token in a file of the user's own, one per workspace. BATON_TOKEN in the environment wins."""

import os
from pathlib import Path

from baton.kernel.digest import digest_bytes

TOKEN = "BATON_TOKEN"


def token_shown(folder: Path) -> str:
    """The token that this process shows for a workspace, empty when it has none."""
    if os.environ.get(TOKEN):
        return os.environ[TOKEN]
    try:
        return session_file(folder).read_text().strip()
    except OSError:
        return ""


def session_file(folder: Path) -> Path:
    """Where the session for a workspace is kept."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "baton" / f"session-{digest_bytes(str(folder.resolve()).encode())[:16]}"


def keep_session(folder: Path, token: str) -> Path:
    """Keep a session, readable by its user only; returns the file."""
    path = session_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(token + "\n")
    beside.replace(path)
    return path


def forget_session(folder: Path) -> bool:
    """Forget the session; tells whether there was one."""
    path = session_file(folder)
    known = path.exists()
    path.unlink(missing_ok=True)
    return known
