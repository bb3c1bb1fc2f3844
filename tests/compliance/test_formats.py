"""Every form of model file: read, proved and turned into what the server scores with; what lies or could do harm is refused.

In the test's own process, where the libraries are loaded once; the real way, in a cell, is walked by the journeys.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journeys.brought import NAMES, booster, lightgbm_text, rows, skops_file

from baton.app.importing import Declared, Wanted, signature_of
from baton.app.proving import Asked, _described, prove
from baton.backends.frameworks.formats import loaded
from baton.kernel.errors import BatonError, InvalidInput, Refused
from baton.registry.bundle import Calibration, Manifest, Parity, Running, pack
from baton.registry.native import form_of
from baton.serving.model import ServedModel, load_model

MATRIX, TRUTH = rows()
FEW = MATRIX[:50]


def columns() -> dict[str, Any]:
    """Some rows as a request brings them."""
    return {name: values.tolist() for name, values in zip(NAMES, FEW.T, strict=True)}


def imported(file: Path, features: tuple[str, ...] = (), label: str = "") -> tuple[dict[str, Any], ServedModel]:
    """What the proof tells, and the model in service."""
    data = file.read_bytes()
    form = form_of(file.name, data[:64])
    native = loaded(form, data, label)
    signature = signature_of(dict(_described(native)), Declared(), Wanted(file, features=features))
    told, model = prove(native, Asked(form, label, codes=(0,) * native.width), MATRIX[:, : native.width], None)
    running = Running(told["form"], told["kind"])
    head = Manifest(1, "m", 1, signature, Calibration(), Parity(**told["parity"]), {"label": label} if label else {}, {}, running)
    return told, load_model(pack(head, model, ""), b"", lambda *_: True)


def test_a_pipeline_that_refuses_missing_values_refuses_them_as_onnx_too(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    file = skops_file(tmp_path, make_pipeline(StandardScaler(), LogisticRegression()))
    told, model = imported(file, tuple(NAMES))
    assert told["form"] == "onnx"
    found = model.run(np.array([[0, 0, 0, 0], [0, np.nan, 0, 0]], dtype=np.float32))
    assert np.isnan(found).tolist() == [False, True]


@pytest.mark.parametrize("zipmap", [True, False])
def test_onnx_with_and_without_zipmap(tmp_path: Path, zipmap: bool) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(MATRIX, TRUTH)
    (tmp_path / "m.onnx").write_bytes(to_onnx(fitted, MATRIX[:1], options={"zipmap": zipmap}).SerializeToString())
    told, model = imported(tmp_path / "m.onnx", tuple(NAMES))
    assert (told["form"], told["kind"]) == ("onnx", "probability")
    assert model.score(columns()) == pytest.approx(fitted.predict_proba(FEW)[:, 1].tolist(), abs=1e-5)


def test_a_graph_of_several_inputs_and_doubles_is_rewired(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    taken = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in ("amount", "age")]
    given = helper.make_tensor_value_info("p", TensorProto.DOUBLE, [None, 1])
    nodes = [helper.make_node("Sub", ["amount", "age"], ["d"]), helper.make_node("Sigmoid", ["d"], ["p"])]
    graph = helper.make_graph(nodes, "g", taken, [given])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    _, served = imported(tmp_path / "m.onnx")
    assert served.names == ("amount", "age")
    assert served.score({"amount": [2.0], "age": [1.0]}) == [pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)]


def test_a_regressor_gives_a_score(tmp_path: Path) -> None:
    told, model = imported(lightgbm_text(tmp_path, objective="regression", times=100))
    assert (told["kind"], told["form"], told["threshold"]) == ("score", "onnx", 0.0)
    found = model.score(columns())
    assert max(found) > 1.5
    assert found == pytest.approx(booster(objective="regression", times=100).predict(FEW), rel=1e-5)
    assert model.score_rows(FEW.tolist()) == pytest.approx(found)
    assert model.score_rows(FEW[:1].tolist()) == pytest.approx(found[:1])


def test_xgboost_comes_in_by_json_and_ubjson(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "nthread": 1}
    trained = xgboost.train(settings, xgboost.DMatrix(MATRIX, TRUTH + (MATRIX[:, 3] > 1), feature_names=NAMES), 4)
    wanted = trained.predict(xgboost.DMatrix(FEW, feature_names=NAMES))[:, 2]
    for name in ("x.json", "x.ubj"):
        trained.save_model(tmp_path / name)
        with pytest.raises(InvalidInput, match="3 classes") as caught:
            imported(tmp_path / name)
        assert "--label 2" in caught.value.fix
        assert imported(tmp_path / name, label="2")[1].score(columns()) == pytest.approx(wanted.tolist(), abs=1e-5)


def test_what_xgboost_and_lightgbm_keep_is_loaded_again(tmp_path: Path) -> None:
    """The forms that a process of its own loads."""
    xgboost = pytest.importorskip("xgboost")
    trained = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(MATRIX, TRUTH), 3)
    brought = {"xgboost": bytes(trained.save_raw("json")), "lightgbm": lightgbm_text(tmp_path).read_bytes()}
    for form, data in brought.items():
        native = loaded(form, data)
        again = loaded(form, native.native())
        assert np.array_equal(again.score(FEW), native.score(FEW)) and again.edges() == native.edges() != []


def test_pandas_categories_are_known_by_their_values(tmp_path: Path) -> None:
    text = lightgbm_text(tmp_path).read_text()
    infos = next(line for line in text.split("\n") if line.startswith("feature_infos="))
    changed = " ".join([*infos.split(" ")[:3], "0:1:2"])
    text = text.replace(infos, changed).replace("pandas_categorical:[]", 'pandas_categorical:[["de", "fr", "it"]]')
    text = text.replace("pandas_categorical:null", 'pandas_categorical:[["de", "fr", "it"]]')
    assert loaded("lightgbm", text.encode()).categories == {"country": ("de", "fr", "it")}


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


SYSTEM = {
    "__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", "__id__": 1,
    "content": {"module_path": "posix", "function": "system"}, "protocol": 2, "_skops_version": "0.16",
}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (zipped({"schema.json": b"{}", "../../evil.npy": b""}), "no skops file"),
        (zipped({"schema.json": b"{}", "data.pkl": b""}), "no skops file"),
        (zipped({"archive/data.pkl": b"x"}), "no skops file"),
        (zipped({"schema.json": b"{}", "a.npy": bytes(600 << 20)}, zipfile.ZIP_DEFLATED), "too large"),
        (zipped({"schema.json": json.dumps(SYSTEM).encode()}), "not on the list"),
        (zipped({"schema.json": b"{}"}), "cannot read"),
        (b"PK\x03\x04 but no zip", "no skops file"),
    ],
    ids=["path", "pickle inside", "torch", "bomb", "function", "empty", "torn"],
)
def test_a_skops_file_of_another_kind_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(BatonError, match=word) as caught:
        loaded("skops", data)
    assert caught.value.fix


def test_a_torn_tree_is_refused(tmp_path: Path) -> None:
    """A child beyond the tree's end would be read from somebody else's memory."""
    from sklearn.tree import DecisionTreeClassifier

    path = skops_file(tmp_path, DecisionTreeClassifier(max_depth=2))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, data in members.items():
        array = np.load(io.BytesIO(data)) if name.endswith(".npy") else None
        if array is not None and array.dtype.names and "left_child" in array.dtype.names:
            array["left_child"][0] = 10_000_000
            out = io.BytesIO()
            np.save(out, array)
            members[name] = out.getvalue()
            break
    else:
        pytest.fail("the file holds no tree")
    path.write_bytes(zipped(members))
    with pytest.raises(Refused, match="torn"):
        imported(path, tuple(NAMES))


def test_a_graph_that_names_other_files_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    secret = helper.make_tensor("w", TensorProto.FLOAT, [4, 1], [1.0] * 4)
    secret.ClearField("float_data")
    secret.data_location = TensorProto.EXTERNAL
    secret.external_data.add(key="location", value="../../../../etc/passwd")
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    given = helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["p"])], "g", [taken], [given], [secret])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BatonError) as caught:
        imported(tmp_path / "m.onnx")
    assert caught.value.fix and "root:" not in str(caught.value)
