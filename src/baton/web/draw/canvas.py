"""The sheet that every picture is drawn on: elements with escaped attributes, the frame with title and description, an empty picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from markupsafe import Markup, escape

WIDE, NARROW = 720, 360


def place(value: float) -> str:
    """A place in a picture, to a tenth of a pixel, without needless zeros."""
    return f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")


def tag(name: str, *inside: str, **attributes: object) -> Markup:
    """An element; `_` in an attribute's name is a hyphen, `class_` is the class; None is left out, numbers become places."""
    # Every piece is escaped here, once: Markup's own format and join would escape each again, at six times the cost.
    told = "".join(
        [
            f' {_attribute(key)}="{place(value) if isinstance(value, float) else escape(value)}"'
            for key, value in attributes.items()
            if value is not None and value != ""
        ]
    )
    content = "".join([escape(each) for each in inside])
    return Markup(f"<{name}{told}/>" if not inside else f"<{name}{told}>{content}</{name}>")  # noqa: S704  see above


@cache
def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def words(said: str, x: float, y: float, class_: str = "", anchor: str = "") -> Markup:
    """A piece of text at its baseline; the anchor is "", "middle" or "end"."""
    return tag("text", said, x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def hover(said: str) -> Markup:
    """What a mark says when pointed at."""
    return tag("title", said)


def linked(drawn: str, href: str | None, said: str) -> Markup:
    """A mark as a link that says where it leads; without an address the mark alone."""
    return tag("a", escape(drawn), href=href, aria_label=said or href) if href else escape(drawn)


def picture(kind: str, size: tuple[float, float], title: str, told: str, drawn: Iterable[str], *, own: bool = False) -> Markup:
    """A whole picture: `kind` is its class, `told` its description in words; with `own` it keeps its size, to be scrolled.

    A picture with links is a group, for an image hides what is inside it from whoever listens to the page.
    """
    body = Markup("").join(drawn)
    role = "group" if Markup("<a ") in body else "img"
    return tag(
        "svg",
        hover(title),
        tag("desc", told),
        body,
        class_=f"pic pic-{kind}{' own' if own else ''}",
        width=place(size[0]) if own else None,
        height=place(size[1]) if own else None,
        role=role,
        aria_label=title,
        viewBox=f"0 0 {place(size[0])} {place(size[1])}",
        xmlns="http://www.w3.org/2000/svg",
    )


def nothing(title: str, width: float = WIDE, height: float = 96) -> Markup:
    """The quiet picture of no data."""
    return picture(
        "nothing",
        (width, height),
        title,
        "Nothing yet.",
        (
            tag("rect", x=0.5, y=0.5, width=float(width - 1), height=float(height - 1), rx=6, class_="hollow"),
            words("nothing yet", width / 2, height / 2 + 4, "hush", "middle"),
        ),
    )


def fits(draw: Callable[[int], Markup], wide: int = WIDE, narrow: int = NARROW) -> Markup:
    """The same picture drawn wide and narrow; the page shows the one that fits its container: `fits(lambda width: series(…, width=width))`."""
    return tag(
        "div",
        tag("div", draw(wide), class_="pic-wide"),
        tag("div", draw(narrow), class_="pic-narrow"),
        class_="pics",
    )
