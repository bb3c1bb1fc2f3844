"""Storage errors of the operating system and of delta-rs, said in Baton's own."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from baton.kernel.errors import Corrupt, Unavailable


@contextmanager
def disk_trouble(where: Path) -> Iterator[None]:
    """Turn errors of storage into Unavailable (may heal: full, read-only, busy) or Corrupt (will not)."""
    try:
        yield
    except TableNotFoundError as error:
        raise Corrupt(
            "a table's log cannot be read", where=str(where), why=str(error), fix="restore the folder from a backup"
        ) from None
    except CommitFailedError as error:
        raise Unavailable("another program is writing the table", where=str(where), why=str(error), fix="try again") from None
    except (DeltaError, OSError) as error:
        raise _said(error, where) from None


def _said(error: Exception, where: Path) -> Unavailable | Corrupt:
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOSPC or "No space left" in text or "os error 28" in text or "os error 122" in text:
        return Unavailable("the disk is full", where=str(where), why=text, fix="free space; nothing was half written")
    if number in (errno.EACCES, errno.EROFS) or "ermission denied" in text or "Read-only file system" in text:
        return Unavailable("the folder cannot be written", where=str(where), why=text, fix="give Baton the right to write there")
    if isinstance(error, OSError):
        return Unavailable("storage does not answer", where=str(where), why=text, fix="try again")
    return Corrupt("the table cannot be read or written", where=str(where), why=text, fix="restore the folder from a backup")
