"""A bundle as a file: `NAME.bundle`, and beside it `NAME.bundle.sig`, its seal in hex.

The seal stays outside, so that a bundle keeps its bytes and its name, its SHA-256, whoever seals it. Read by what serves or
looks at bundle files; written by the import and the export of bundles.
"""

import os
from pathlib import Path

from baton.kernel.errors import Corrupt, InvalidInput, NotFound, Unavailable
from baton.registry.bundle import LIMIT

SUFFIX, SEAL = ".bundle", ".sig"
_SEAL_SIZE, _OVERHEAD = 1024, 16 * 1024 * 1024


def seal_path(path: Path) -> Path:
    """Where the seal of a bundle file stands."""
    return path.with_name(path.name + SEAL)


def read_file(path: Path, most: int = LIMIT + _OVERHEAD) -> bytes:
    """The bytes of a regular file. Raises NotFound, InvalidInput when it is none or too large, Unavailable."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InvalidInput(f"{path.name} is no file", where=str(path), fix="name a file")
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise InvalidInput(
                    f"{path.name} is too large",
                    where=str(path),
                    why=f"{size >> 20} MiB; {most >> 20} are the most",
                    fix="make the model smaller",
                )
            return stream.read(most + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path.name}", where=str(path), fix="check the path") from error
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read", where=str(path), why=str(error), fix="mend the path") from error


def read_seal(path: Path) -> bytes | None:
    """The seal beside a bundle file, None when there is none. Raises Corrupt when it is no seal."""
    beside = seal_path(path)
    if not beside.exists():
        return None
    try:
        return bytes.fromhex(read_file(beside, _SEAL_SIZE).decode("ascii").strip())
    except (ValueError, InvalidInput) as error:
        raise Corrupt("the bundle's seal cannot be read", where=str(beside), fix="export or seal the bundle again") from error


def write_bundle(path: Path, data: bytes, seal: bytes | None) -> None:
    """Put a bundle in place with its seal, or without one; each is whole or absent. Raises InvalidInput or Unavailable."""
    if path.suffix != SUFFIX:
        raise InvalidInput(f"{path.name} does not end in {SUFFIX}", where=str(path), fix=f"name it {path.name}{SUFFIX}")
    if not path.parent.is_dir():
        raise NotFound("the folder does not exist", where=str(path.parent), fix=f"mkdir -p {path.parent}")
    try:
        if seal is None:
            seal_path(path).unlink(missing_ok=True)
        else:
            _place(seal_path(path), seal.hex().encode() + b"\n")
        _place(path, data)
    except OSError as error:
        raise Unavailable(
            "the bundle cannot be written", where=str(path), why=str(error), fix="make room, or mend the path"
        ) from error


def _place(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
