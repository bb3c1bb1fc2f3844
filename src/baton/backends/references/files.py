"""Files by path: whole, ordinary, and the same from the first byte to the last."""

import os
import stat
from hashlib import file_digest
from pathlib import Path

from baton.kernel.errors import InvalidInput, NotFound, Unavailable
from baton.team.reference import Pinned, Reference


class Files:
    """Implements `team.ports.References` for `file:PATH`, relative paths from `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pin(self, reference: Reference) -> Pinned:
        """SHA-256 and size. A folder, a device or a pipe has none; a file that is being written is not ready."""
        path = self._folder / reference.name
        try:
            # Opening a pipe for reading would wait for its writer for ever.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
                before = os.fstat(stream.fileno())
                if not stat.S_ISREG(before.st_mode):
                    raise _not_a_file(reference, path)
                digest = file_digest(stream, "sha256").hexdigest()
                after = os.fstat(stream.fileno())
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise NotFound(
                f"there is no file '{reference.name}'", where=str(path), fix="paths are read from the project's folder: see where"
            ) from error
        except IsADirectoryError as error:
            raise _not_a_file(reference, path) from error
        except OSError as error:
            raise Unavailable(
                f"'{reference.name}' cannot be read: {error.strerror}", where=str(path), fix="make it a file you may read"
            ) from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Unavailable(f"'{reference.name}' is being written", where=str(path), fix="offer it once it is whole")
        return Pinned(reference, f"sha256:{digest}", {"bytes": after.st_size})


def _not_a_file(reference: Reference, path: Path) -> InvalidInput:
    return InvalidInput(
        f"'{reference.name}' is no ordinary file",
        where=str(path),
        why="a folder has no digest of its own",
        fix="pack it: tar --sort=name --mtime=@0 --owner=0 --group=0 -cf model.tar FOLDER; or name its files one by one",
    )
