"""Model files that others made, one module per form: read, scored as they are, and turned into ONNX.

Loaded inside a cell only (`kernel/cell.py`): the libraries here parse files that nobody has checked. A form is found by
name; `loaded` is called by the import of a bundle and by the process of a model in service.
"""

from importlib import import_module

from baton.registry.native import Native

_WHERE = {
    "lightgbm": ("baton.backends.frameworks.formats.lightgbm_text", "LightGbmText"),
    "onnx": ("baton.backends.frameworks.formats.onnx_graph", "OnnxGraph"),
    "skops": ("baton.backends.frameworks.formats.skops_file", "SkopsFile"),
    "xgboost": ("baton.backends.frameworks.formats.xgboost_file", "XgboostFile"),
}


def loaded(form: str, data: bytes, label: str = "") -> Native:
    """The model of that form. `label` is the class whose probability is the score, for models that know several.

    Raises InvalidInput when the file cannot be used, MissingExtra when its library is not installed.
    """
    module, name = _WHERE[form]
    made: Native = getattr(import_module(module), name)(data, label)
    return made
