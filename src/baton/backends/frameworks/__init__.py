"""Model families behind the learner interface, and their way to ONNX."""

from baton.training.ports import Learner

_WHERE = {
    "lightgbm": ("baton.backends.frameworks.lightgbm", "LightGbm"),
    "linear": ("baton.backends.frameworks.linear", "Linear"),
}


def learner(name: str) -> Learner:
    """The learner of that name, loaded on first use."""
    from importlib import import_module

    module, attribute = _WHERE[name]
    made: Learner = getattr(import_module(module), attribute)()
    return made
