"""The pages of the console, one module a noun."""

from importlib import import_module
from itertools import chain
from pkgutil import iter_modules

from baton.web.page import Page


def pages() -> list[Page]:
    """Every page, fragment and act of every room; an address that is a whole word stands before the patterns that it would fit."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found = chain.from_iterable(getattr(module, "PAGES", ()) for module in modules)
    return sorted(found, key=lambda page: "{" in page.path)
