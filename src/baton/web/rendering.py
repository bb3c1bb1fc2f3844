"""Templates: one environment in which everything is escaped, with the filters by which pages speak of numbers and instants."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from baton import __version__
from baton.web import wording
from baton.web.icons import icon
from baton.web.navigation import NAVIGATION
from baton.web.statics import asset

if TYPE_CHECKING:
    from baton.web.page import Look

HERE = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates of the package; a name that is not there is an error, not an empty text."""
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= wording.FILTERS
    made.globals |= {
        "asset": asset,
        "icon": icon,
        "navigation": NAVIGATION,
        "baton_version": __version__,
        "tone_of": wording.tone,
    }
    return made


def rendered(template: str, look: "Look | None" = None, /, **values: Any) -> str:
    """A template with its values; `look` brings who looks, at which instant, and addresses that keep it."""
    of_look = ("url", "live", "at", "csrf", "moment")
    known = {"look": look, **{name: getattr(look, name) for name in of_look}} if look is not None else {}
    return environment().get_template(template).render({**known, **values})
