"""A model in the form its own library wrote: what it is before it is a bundle, and in service when it cannot be ONNX.

Also what such a file must look like before anything is loaded: the first bytes have to be those of the form its name
claims, and a pickle is refused whatever it is called.
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

from baton.kernel.errors import InvalidInput, Refused
from baton.registry.bundle import Form

if TYPE_CHECKING:
    import numpy as np

_BY_NAME: dict[str, Form] = {".onnx": "onnx", ".txt": "lightgbm", ".json": "xgboost", ".ubj": "xgboost", ".skops": "skops"}
_UNSAFE = {
    ".pkl": "",
    ".pickle": "",
    ".joblib": "",
    ".dill": "",
    ".sav": "",
    ".pt": "torch.onnx.export(model, example, 'model.onnx')",
    ".pth": "torch.onnx.export(model, example, 'model.onnx')",
    ".h5": "tf2onnx: python -m tf2onnx.convert --keras model.h5 --output model.onnx",
    ".keras": "model.export('model.onnx', format='onnx')",
    ".cbm": "model.save_model('model.onnx', format='onnx')",
}
_INSTEAD = (
    "where it was trained, save it as LightGBM text (booster.save_model('model.txt')), XGBoost (booster.save_model('model.ubj')), "
    "ONNX, or for scikit-learn: skops.io.dump(model, 'model.skops')"
)


class Native(Protocol):
    """A loaded model. `names` are the inputs it knows by name, `classes` its labels; empty when it knows none.

    `categories` are, by input, the known values of those that it takes as codes. `whole` tells that it scores no row with a
    missing value. `edges` are values, by the input's place, where its answer may jump.
    """

    width: int
    names: tuple[str, ...]
    classes: tuple[str, ...]
    kind: str
    categories: dict[str, tuple[str, ...]]
    whole: bool

    def score(self, matrix: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """One float64 a row of a float32 matrix; NaN where the model has no score."""
        ...

    def edges(self) -> Sequence[tuple[int, float]]:
        """Input and value of the places where the answer may jump."""
        ...

    def onnx(self) -> bytes:
        """The model as a graph from one float32 matrix to one float32 column. Raises Refused when there is no way."""
        ...

    def native(self) -> bytes:
        """The model in the form that a process of its own loads."""
        ...


def form_of(name: str, head: bytes) -> Form:
    """The form of a model file by its name, held against its first bytes.

    Raises Refused for what runs code when it is loaded, InvalidInput for what is not taken or not what its name says.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in _UNSAFE or _pickled(head):
        raise Refused(
            f"{name} is not taken",
            where=name,
            why="it is a pickle, or may hold one: loading it can run any code that somebody put into it",
            fix=_UNSAFE.get(suffix) or _INSTEAD,
        )
    form = _BY_NAME.get(suffix)
    if form is None:
        raise InvalidInput(
            f"{name} is no model file that can be imported",
            where=name,
            why=f"by its name it is none of {', '.join(_BY_NAME)}",
            fix=_INSTEAD,
        )
    if not _looks_like(form, suffix, head):
        raise InvalidInput(f"{name} is not what its name says", where=name, why=_WANTED[form], fix="save the model again")
    return form


_WANTED = {
    "onnx": "an ONNX file is a protocol buffer that begins with its IR version",
    "lightgbm": "LightGBM's text begins with the lines 'tree' and 'version=v4'",
    "skops": "a skops file is a zip with a schema.json",
    "xgboost": "XGBoost's JSON or UBJSON begins with a 'learner'",
}


def _looks_like(form: Form, suffix: str, head: bytes) -> bool:
    if form == "onnx":
        return len(head) > 2 and head[0] == 0x08 and head[1] < 32
    if form == "lightgbm":
        return head.replace(b"\r\n", b"\n").startswith(b"tree\nversion=v")
    if form == "skops":
        return head.startswith(b"PK\x03\x04")
    text = head[:64].replace(b" ", b"").replace(b"\n", b"")
    return text.startswith(b'{"') if suffix == ".json" else head.startswith(b"{L\x00\x00\x00\x00\x00\x00\x00")


def _pickled(head: bytes) -> bool:
    """Protocols 2 to 5, zlib and gzip that joblib writes, HDF5; a zip is looked into by who opens it."""
    return (head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or head.startswith(
        (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x89HDF", b"ccopy_reg", b"(dp", b"(lp", b"cos\n")
    )
