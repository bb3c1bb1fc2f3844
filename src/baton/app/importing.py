"""Bring your own model: a file that some library wrote becomes a bundle.

Here stands what is said of the model (its inputs, its threshold, its name); the file itself is opened in a cell only
(`app/proving.py`), with limits on memory, time and files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from baton.app.bootstrap import open_key_folder, open_sample
from baton.app.proving import FAILED, LOAD, MODULE, PROVE, Asked
from baton.kernel import errors
from baton.kernel.cell import Cell, Ended, Late, Limits
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import BatonError, InvalidInput, Unavailable
from baton.kernel.suggest import did_you_mean
from baton.registry.bundle import LIMIT, Calibration, Form, Manifest, Parity, Running, pack, unpack
from baton.registry.file import SUFFIX, read_file, write_bundle
from baton.registry.native import form_of
from baton.registry.signature import InputFeature, Signature

Array = np.ndarray[Any, Any]
ROWS, SECONDS = 5000, 300.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_KINDS = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BatonError)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says of the model. `expected` is the sample's column with the scores that it should give; `features` the
    inputs in order, for a model that does not name them; `keys` the folder of the key pair that seals the bundle."""

    file: Path
    name: str = ""
    version: int = 1
    sample: Path | None = None
    schema: Path | None = None
    features: tuple[str, ...] = ()
    expected: str = ""
    label: str = ""
    threshold: float | None = None
    running: Running = field(default_factory=Running)
    keys: Path | None = None
    output: Path | None = None
    memory: int = 4 << 30
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of it; `note` tells why it is not ONNX."""

    path: Path
    digest: str
    manifest: Manifest
    sealed: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """Inputs as a schema file or a sample has them; no kinds known means numbers."""

    features: tuple[InputFeature, ...] = ()
    columns: Mapping[str, Array] = field(default_factory=dict)


def import_file(wanted: Wanted) -> Imported:
    """Make a bundle of a model file and put it in place.

    Raises Refused for what may not be loaded or does not score as it should, InvalidInput for what does not fit, MissingExtra.
    """
    data = read_file(wanted.file, LIMIT)
    form = form_of(wanted.file.name, data[:64])
    name = _named(wanted)
    declared = Declared(
        read_schema(wanted.schema) if wanted.schema else (), open_sample()(wanted.sample, ROWS) if wanted.sample else {}
    )
    cell = Cell(MODULE, Limits(wanted.memory, cores=2, seconds=int(wanted.seconds) + 60))
    try:
        known = _ask(cell, wanted, LOAD, Asked(form, wanted.label), data)[0]
        signature = signature_of(known, declared, wanted)
        told, model = _ask(cell, wanted, PROVE, *_rows(signature, declared, wanted))
    finally:
        cell.kill()
    manifest = _manifest((name, form, digest_bytes(data)), told, signature, wanted)
    packed = pack(manifest, model, "")
    seal = open_key_folder(wanted.keys).seal(digest_bytes(packed).encode()) if wanted.keys else None
    path = wanted.output or wanted.file.with_name(f"{name}{SUFFIX}")
    write_bundle(path, packed, seal)
    made = unpack(packed, b"", lambda *_: True)
    return Imported(path, made.digest, made.manifest, seal is not None, told["note"])


def signature_of(known: Mapping[str, Any], declared: Declared, wanted: Wanted) -> Signature:
    """The model's inputs in its order: names and categories from the model where it knows them, else from schema or sample."""
    given = {item.name: item for item in declared.features}
    columns = [name for name in declared.columns if name != wanted.expected]
    if wanted.features and known["names"] and _alike(wanted.features) != _alike(known["names"]):
        raise InvalidInput(
            "the model names its inputs itself",
            where="--features",
            why=f"it takes {', '.join(list(known['names'])[:10])}, in this order",
            fix="leave --features out; --schema and --sample tell what is in them",
        )
    names = list(known["names"]) or list(wanted.features) or list(given) or columns
    width = known["width"] or len(names)
    names = names or [f"f{place}" for place in range(width)]
    _refuse_doubles(names, width)
    features = []
    for name in names:
        column = _matching(name, [*given, *columns]) if given or columns else name
        features.append(given.get(column) or _inferred(column, known["categories"].get(name), declared.columns.get(column)))
    return Signature(tuple(features), "id", "entities", 0.5)


def read_schema(path: Path) -> tuple[InputFeature, ...]:
    """The inputs in a YAML or JSON file: `features:` as a map, or as a list in order. Raises InvalidInput."""
    text = read_file(path, 16 << 20)
    try:
        plain = msgspec.json.decode(text) if path.suffix == ".json" else _yaml(text)
        told = plain["features"]
        items = told.items() if isinstance(told, dict) else [(each["name"], each) for each in told]
        return tuple(_input(str(name), said) for name, said in items)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            "the schema cannot be read",
            where=str(path),
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="write e.g. features: {amount: number, country: [de, fr]}",
        ) from error


def _yaml(text: bytes) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text.decode())
    except YAMLError as error:
        raise ValueError(str(error)) from error


def _input(name: str, said: Any) -> InputFeature:
    listed = said if isinstance(said, list) else () if isinstance(said, str) else said.get("categories", ())
    values = tuple(str(value) for value in listed)
    if len(set(values)) < len(values):
        raise ValueError(f"'{name}' has a value twice, and each stands for one code")
    if isinstance(said, list):
        return InputFeature(name, "category", values)
    kind = said if isinstance(said, str) else said.get("kind", "number")
    if kind == "number" and not values:
        return InputFeature(name, "number")
    if kind == "category" and values:
        return InputFeature(name, "category", values)
    raise ValueError(f"'{name}' is neither a number nor a category with its values")


def _named(wanted: Wanted) -> str:
    name = wanted.name or re.sub(r"[^a-z0-9]+", "-", wanted.file.stem.lower()).strip("-")[:64]
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"'{name[:80]}' is no name for a model", where="--as", fix="write lower-case letters, digits and hyphens: --as churn"
        )
    return name


def _refuse_doubles(names: Sequence[str], width: int) -> None:
    if len(names) == width and len(set(names)) == width:
        return
    raise InvalidInput(
        f"the model takes {width} inputs, and {len(set(names))} are named",
        where="--features",
        why=f"named are {', '.join(names[:20])}",
        fix="name them in the model's order: --features amount,age,… (or only those columns in --sample, or --schema)",
    )


def _alike(names: Sequence[str]) -> list[str]:
    return [re.sub(r"\W", "_", name) for name in names]


def _matching(name: str, known: Sequence[str]) -> str:
    """The column a model means: libraries write an underscore for what they do not like in a name."""
    if name in known:
        return name
    alike = [each for each in known if _alike([each]) == _alike([name])]
    if len(alike) == 1:
        return alike[0]
    raise InvalidInput(
        f"the model takes '{name}', which is neither in the sample nor in the schema", fix=did_you_mean(name, known)
    )


def _inferred(name: str, categories: Sequence[str] | None, column: Array | None) -> InputFeature:
    if categories is not None:
        return InputFeature(name, "category", tuple(categories))
    if column is not None and column.dtype == object:
        values = sorted({str(value) for value in column if value is not None})
        raise InvalidInput(
            f"'{name}' holds texts, and the model takes numbers",
            where=name,
            why="how texts become numbers is known to the code that trained it only",
            fix=f"tell the texts in the order of their codes 0, 1, …: --schema with {name}: [{', '.join(values[:5])}]",
        )
    return InputFeature(name, "number")


def _rows(signature: Signature, declared: Declared, wanted: Wanted) -> tuple[Asked, bytes, bytes]:
    """The sample as the model sees it, and the scores that it should give."""
    columns = declared.columns
    absent = [name for name in signature.names if columns and name not in columns]
    if absent:
        raise InvalidInput(
            f"the sample has no column '{absent[0]}'", where=str(wanted.sample), fix=did_you_mean(absent[0], columns)
        )
    with np.errstate(over="ignore"):
        texts = {name: values.tolist() if values.dtype == object else values for name, values in columns.items()}
        matrix = signature.encode(texts) if columns else np.empty((0, len(signature.names)), dtype=np.float32)
    matrix[np.isinf(matrix)] = np.nan
    codes = tuple(len(item.categories) for item in signature.features)
    expected = b""
    if wanted.expected:
        scores = columns.get(wanted.expected)
        if scores is None or scores.dtype == object:
            raise InvalidInput(
                f"the sample has no column of numbers '{wanted.expected}'",
                where="--expected",
                fix=did_you_mean(wanted.expected, columns),
            )
        expected = np.ascontiguousarray(scores, dtype=np.float64).tobytes()
    asked = Asked(rows=len(matrix), codes=codes, threshold=wanted.threshold, expected=bool(wanted.expected))
    return asked, matrix.tobytes(), expected


def _manifest(origin: tuple[str, Form, str], told: Mapping[str, Any], signature: Signature, wanted: Wanted) -> Manifest:
    name, form, digest = origin
    lineage = {"imported": wanted.file.name, "imported_form": form, "imported_sha256": digest}
    if wanted.label:
        lineage["label"] = wanted.label
    if told["note"]:
        lineage["note"] = told["note"]
    return Manifest(
        format=1,
        project=name,
        version=wanted.version,
        signature=replace(signature, threshold=told["threshold"]),
        calibration=Calibration(),
        parity=Parity(**told["parity"]),
        lineage=lineage,
        members={},
        running=replace(wanted.running, form=told["form"], kind=told["kind"]),
    )


def _ask(cell: Cell, wanted: Wanted, kind: bytes, asked: Asked, *rest: bytes) -> tuple[dict[str, Any], bytes]:
    """One question to the cell. Raises its error, or Unavailable when a limit was hit."""
    head = msgspec.json.encode(asked)
    try:
        told, body = cell.ask(kind, len(head).to_bytes(4, "little"), head, *rest, seconds=wanted.seconds, most=2 * LIMIT)
    except Late as error:
        raise Unavailable(
            "the import takes too long", why=error.what, fix="give it more time, --seconds 900, or a smaller sample"
        ) from error
    except Ended as error:
        raise Unavailable(
            "the import was ended",
            why=error.why,
            fix="give it more memory (--import-memory 8G); a file that does it again is not fit to serve",
        ) from error
    if told == FAILED:
        failure = msgspec.json.decode(bytes(body), type=dict[str, str])
        kind_of = _KINDS.get(failure.pop("code"), InvalidInput)
        raise kind_of(failure.pop("what"), **failure)
    size = int.from_bytes(body[:4], "little")
    return msgspec.json.decode(bytes(body[4 : 4 + size])), bytes(body[4 + size :])
