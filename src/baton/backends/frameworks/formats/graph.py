"""Graphs made to measure: one float32 matrix in, one float32 score a row out, whatever a converter or somebody else wrote.

Only what has to change is changed; a graph that fits already keeps its bytes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from baton.kernel.errors import InvalidInput, Refused

INPUT, SCORE = "baton_input", "baton_score"
_NUMERIC = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT16, TensorProto.BOOL}
_DEFAULT_DOMAINS = ("", "ai.onnx")


def converted(convert: Callable[[], onnx.ModelProto], width: int, place: int, *, whole: bool = False) -> bytes:
    """What a converter makes, made to measure; the same model gives the same bytes. Raises Refused when it cannot."""
    try:
        model = convert()
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].split(" and attributes=")[0][:160]
        raise Refused("the converter cannot turn this model into ONNX", why=why) from error
    model.graph.name = "model"
    # The converter collects operator sets in a set, whose order differs from process to process.
    used = sorted((each.domain, each.version) for each in model.opset_import)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in used)
    return written(fitted(model, width, place, whole=whole)[0])


def written(model: onnx.ModelProto) -> bytes:
    """The graph's bytes."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def parsed(data: bytes) -> onnx.ModelProto:
    """A graph somebody sent. Raises Refused when it reaches outside its own bytes, InvalidInput when it is no graph."""
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise InvalidInput("the file is no ONNX model", why=why, fix="export it again") from error
    outside = [tensor.name for tensor in _tensors(model.graph) if tensor.data_location == TensorProto.EXTERNAL]
    if outside:
        raise Refused(
            "the model keeps its numbers in other files",
            why=f"{outside[0]} names a path, and a model file may name none",
            fix="save it in one piece: onnx.save_model(model, 'model.onnx', save_as_external_data=False)",
        )
    return model


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    found = list(graph.initializer)
    found += [each for sparse in graph.sparse_initializer for each in (sparse.values, sparse.indices)]
    for node in graph.node:
        for attribute in node.attribute:
            found += [attribute.t, *attribute.tensors]
            for inner in (attribute.g, *attribute.graphs):
                found += _tensors(inner) if inner.node or inner.initializer else []
    return found


def inputs_of(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that have to be given."""
    constants = {each.name for each in model.graph.initializer}
    found = [each for each in model.graph.input if each.name not in constants]
    strange = [each.name for each in found if each.type.tensor_type.elem_type not in _NUMERIC]
    if strange:
        raise InvalidInput(
            f"the model takes something else than numbers: {', '.join(strange[:5])}",
            why="a served row is one line of float32 numbers, categories as codes",
            fix="encode texts before the model, and name their values in --schema (kind: category)",
        )
    return found


def width_of(model: onnx.ModelProto) -> int:
    """How many numbers a row has; 0 when the graph leaves it open."""
    given = inputs_of(model)
    if len(given) > 1:
        return len(given)
    dims = given[0].type.tensor_type.shape.dim
    return dims[1].dim_value if len(dims) == 2 else 0


def classes_of(model: onnx.ModelProto) -> tuple[str, ...]:
    """The labels that a classifier names."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "cats_strings") and attribute.strings:
                return tuple(text.decode() for text in attribute.strings)
            if attribute.name in ("classlabels_ints", "classlabels_int64s") and attribute.ints:
                return tuple(str(number) for number in attribute.ints)
    return ()


def fitted(model: onnx.ModelProto, width: int, place: int, *, whole: bool = False) -> tuple[onnx.ModelProto, bool]:
    """The graph with one float32 matrix in and one score out, and whether anything had to change.

    `place` is the column that is the score, -1 the last one. `whole` makes rows with a missing value score NaN.
    """
    work = onnx.ModelProto()
    work.CopyFrom(model)
    zipped = _without_zipmap(work)
    rewired = _one_matrix(work, width)
    output = _score_output(work)
    if not (zipped or rewired or whole or place != -1 or _fits(output)):
        zipped = True
    if not (zipped or rewired or whole or place != -1):
        return model, False
    _one_score(work, output, place, width if whole else 0)
    return work, True


def _without_zipmap(model: onnx.ModelProto) -> bool:
    maps = [node for node in model.graph.node if node.op_type == "ZipMap"]
    for node in maps:
        model.graph.node.remove(node)
        old = next((each for each in model.graph.output if each.name == node.output[0]), None)
        if old is not None:
            model.graph.output.remove(old)
            model.graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, [None, None]))
    return bool(maps)


def _one_matrix(model: onnx.ModelProto, width: int) -> bool:
    given = inputs_of(model)
    kinds = [each.type.tensor_type.elem_type for each in given]
    dims: Any = given[0].type.tensor_type.shape.dim if len(given) == 1 else ()
    if len(given) == 1 and kinds[0] == TensorProto.FLOAT and len(dims) == 2 and not dims[0].dim_value:
        return False
    nodes = []
    for position, each in enumerate(given):
        cut = INPUT
        if len(given) > 1:
            cut = f"{INPUT}_{position}"
            index = numpy_helper.from_array(np.array([position], dtype=np.int64), f"{cut}_at")
            model.graph.initializer.append(index)
            nodes.append(helper.make_node("Gather", [INPUT, index.name], [cut], axis=1))
        nodes.append(helper.make_node("Cast", [cut], [each.name], to=kinds[position]))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    for each in given:
        model.graph.input.remove(each)
    model.graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width]))
    return True


def _score_output(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    found = [each for each in model.graph.output if each.type.tensor_type.elem_type in (TensorProto.FLOAT, TensorProto.DOUBLE)]
    if not found:
        raise InvalidInput(
            "the model gives no number",
            why=f"its outputs are {', '.join(each.name for each in model.graph.output)}",
            fix="export it with its probabilities: for skl2onnx options={'zipmap': False}",
        )
    last: onnx.ValueInfoProto = found[-1]
    return last


def _fits(output: onnx.ValueInfoProto) -> bool:
    tensor = output.type.tensor_type
    rank = len(tensor.shape.dim)
    return tensor.elem_type == TensorProto.FLOAT and (rank == 1 or (rank == 2 and tensor.shape.dim[1].dim_value in (0, 1, 2)))


def _one_score(model: onnx.ModelProto, output: onnx.ValueInfoProto, place: int, missing: int) -> None:
    """Put the chosen column behind the graph as its only output, NaN where one of `missing` inputs is."""
    name, nodes, constants = output.name, [], []

    def constant(values: Any, kind: Any, called: str) -> str:
        constants.append(numpy_helper.from_array(np.array(values, dtype=kind), f"{SCORE}_{called}"))
        return f"{SCORE}_{called}"

    if len(output.type.tensor_type.shape.dim) == 1:
        nodes.append(helper.make_node("Reshape", [name, constant([-1, 1], np.int64, "shape")], [f"{SCORE}_column"]))
    else:
        nodes.append(helper.make_node("Gather", [name, constant([place], np.int64, "place")], [f"{SCORE}_column"], axis=1))
    nodes.append(helper.make_node("Cast", [f"{SCORE}_column"], [f"{SCORE}_any" if missing else SCORE], to=TensorProto.FLOAT))
    if missing:
        matrix = inputs_of(model)[0].name
        ones, half = constant(np.ones((missing, 1)), np.float32, "ones"), constant([0.5], np.float32, "half")
        nodes += [
            helper.make_node("IsNaN", [matrix], [f"{SCORE}_isnan"]),
            helper.make_node("Cast", [f"{SCORE}_isnan"], [f"{SCORE}_holes"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", [f"{SCORE}_holes", ones], [f"{SCORE}_count"]),
            helper.make_node("Greater", [f"{SCORE}_count", half], [f"{SCORE}_lacks"]),
            helper.make_node("Where", [f"{SCORE}_lacks", constant([np.nan], np.float32, "nan"), f"{SCORE}_any"], [SCORE]),
        ]
    if not any(each.domain in _DEFAULT_DOMAINS for each in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", 15))
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, [None, 1]))
