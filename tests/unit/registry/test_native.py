"""Model files before they are opened: what may come in, and what is refused by name and by its first bytes."""

import pytest

from baton.kernel.errors import InvalidInput, Refused
from baton.registry.native import form_of

GOOD = {
    "churn.onnx": b"\x08\x08\x12\x07skl2onnx",
    "churn.txt": b"tree\nversion=v4\nnum_class=1",
    "windows.txt": b"tree\r\nversion=v4\r\n",
    "churn.json": b'{"learner":{"attributes":{}',
    "churn.ubj": b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner",
    "churn.skops": b"PK\x03\x04\x14",
}


@pytest.mark.parametrize("name", GOOD)
def test_each_form_is_known_by_name_and_bytes(name: str) -> None:
    wanted = {"onnx": "onnx", "txt": "lightgbm", "json": "xgboost", "ubj": "xgboost", "skops": "skops"}
    assert form_of(name, GOOD[name]) == wanted[name.rsplit(".", maxsplit=1)[1]]


@pytest.mark.parametrize(
    "name", ["m.pkl", "m.pickle", "m.joblib", "m.PKL", "m.pt", "m.pth", "m.h5", "m.keras", "m.cbm", "m.dill"]
)
def test_what_runs_code_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(Refused, match="not taken") as caught:
        form_of(name, b"anything")
    assert "run any code" in caught.value.why and "model." in caught.value.fix


@pytest.mark.parametrize(
    "head", [b"\x80\x04\x95", b"\x80\x02c", b"\x78\x9cabc", b"\x1f\x8b\x08", b"\x89HDF\r\n", b"ccopy_reg\n", b"cos\nsystem\n"]
)
@pytest.mark.parametrize("name", GOOD)
def test_a_pickle_by_another_name_is_refused(name: str, head: bytes) -> None:
    with pytest.raises(Refused, match="not taken"):
        form_of(name, head)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("head", [b"", b"hello", b"\x00" * 8, b"<html>"])
def test_a_name_that_lies_is_found(name: str, head: bytes) -> None:
    with pytest.raises(InvalidInput, match="not what its name says"):
        form_of(name, head)


@pytest.mark.parametrize("name", ["model", "model.zip", "model.bin", "onnx", "model.onnx.exe", "../../etc/passwd"])
def test_other_names_are_told_what_is_taken(name: str) -> None:
    with pytest.raises(InvalidInput, match="can be imported") as caught:
        form_of(name, b"\x08\x08")
    assert ".onnx, .txt" in caught.value.why
