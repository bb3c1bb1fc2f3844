"""Pictures of the console made to stand alone: what its style sheets say is written onto every element.

A setter of documents knows no custom properties and few selectors. So the cascade is done here, for what our sheets use: types,
classes and descendants, inherited custom properties, `var()`, `color-mix(in srgb, …)` and the light one of `light-dark()`. Hovering
and media rules are left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from baton.kernel.errors import InvalidInput

SPACE = "http://www.w3.org/2000/svg"
LONGEST = 2 << 20
_WRITTEN = frozenset(
    {
        *("color", "display", "dominant-baseline", "opacity", "paint-order", "visibility", "fill", "fill-opacity", "fill-rule"),
        *("font-family", "font-size", "font-style", "font-weight", "letter-spacing", "text-anchor", "text-decoration"),
        *(
            "stroke",
            "stroke-dasharray",
            "stroke-dashoffset",
            "stroke-linecap",
            "stroke-linejoin",
            "stroke-opacity",
            "stroke-width",
        ),
    }
)
_PART = re.compile(r"(?P<tag>[a-z][a-zA-Z]*)?(?P<classes>(?:\.[\w-]+)*)")
_VAR = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,((?:[^()]|\([^()]*\))*))?\)")
_MIX = re.compile(r"color-mix\(in srgb,\s*(#[0-9a-fA-F]{3,6})\s+([\d.]+)%,\s*(#[0-9a-fA-F]{3,6})\s*\)")
_LIGHT = re.compile(r"light-dark\(([^(),]+),[^(),]*\)")
_DEEP = 8


@dataclass(frozen=True, slots=True)
class _Rule:
    """A selector's parts from the outermost, its weight, and what it says."""

    parts: tuple[tuple[str, frozenset[str]], ...]
    weight: tuple[int, int, int]
    says: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Place:
    """An element's type and classes."""

    tag: str
    classes: frozenset[str]


def standing_alone(svg: str, style: str, font: str) -> str:
    """The picture with its styles written as attributes, its links and scripts left out, in one font.

    `style` is the text of the style sheets that the page shows it with. Raises InvalidInput when it is no SVG.
    """
    if len(svg) > LONGEST or "<!DOCTYPE" in svg or "<!ENTITY" in svg:
        raise InvalidInput("this is no picture of ours", where="svg", why="it is too long, or declares entities")
    try:
        root = ET.fromstring(svg)  # noqa: S314  no entity can be declared: see above
    except ET.ParseError as error:
        raise InvalidInput("the picture cannot be read", where="svg", why=str(error)) from None
    if _name(root) != "svg":
        raise InvalidInput("the picture cannot be read", where="svg", why=f"it is <{_name(root)}>, not <svg>")
    rules = _rules(style)
    first = {key: value for rule in rules if not rule.parts for key, value in rule.says.items() if key.startswith("--")}
    _write(root, (), first, rules)
    box = root.get("viewBox", "").split()
    if len(box) == 4:
        root.attrib |= {"width": box[2], "height": box[3]}
    root.attrib |= {"font-family": font, "font-size": root.get("font-size", "12")}
    ET.register_namespace("", SPACE)
    return ET.tostring(root, encoding="unicode")


def _write(element: ET.Element, above: Sequence[_Place], given: Mapping[str, str], rules: Sequence[_Rule]) -> None:
    """Style an element and all inside it."""
    here = (*above, _Place(_name(element), frozenset(element.get("class", "").split())))
    said: dict[str, str] = {}
    for rule in sorted((rule for rule in rules if rule.parts and _matches(rule, here)), key=lambda rule: rule.weight):
        said.update(rule.says)
    known = {**given, **{name: value for name, value in said.items() if name.startswith("--")}}
    # What one property says of another is fixed where it is said, not where it is used.
    known = {name: _resolved(value, known) for name, value in known.items()}
    for name, value in said.items():
        found = _resolved(value, known)
        if name in _WRITTEN and name != "font-family" and "(" not in found and found != "inherit":
            element.set(name, found.removesuffix("px"))
    for name in [name for name in element.attrib if name.startswith("on") or name.endswith("href") or name in ("class", "style")]:
        del element.attrib[name]
    for inside in list(element):
        if _name(inside) in ("script", "style", "image", "foreignObject", "title", "desc"):
            element.remove(inside)
            continue
        if _name(inside) == "a":
            inside.tag = f"{{{SPACE}}}g"
        _write(inside, here, known, rules)


def _name(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _matches(rule: _Rule, here: Sequence[_Place]) -> bool:
    """Whether the last part is this element and the others are around it, in their order."""
    left = list(rule.parts)
    if not _is(left.pop(), here[-1]):
        return False
    for place in reversed(here[:-1]):
        if left and _is(left[-1], place):
            left.pop()
    return not left


def _is(part: tuple[str, frozenset[str]], place: _Place) -> bool:
    return part[0] in ("", place.tag) and part[1] <= place.classes


def _resolved(value: str, known: Mapping[str, str]) -> str:
    for _ in range(_DEEP):
        made = _VAR.sub(lambda found: known.get(found[1], (found[2] or "").strip()), value)
        made = _LIGHT.sub(lambda found: found[1].strip(), made)
        made = _MIX.sub(lambda found: _mixed(found[1], float(found[2]) / 100, found[3]), made)
        if made == value:
            break
        value = made
    return value.strip()


def _mixed(first: str, share: float, second: str) -> str:
    pairs = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(one * share + other * (1 - share)):02x}" for one, other in pairs)


def _channels(colour: str) -> list[int]:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:4])
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]


def _rules(style: str) -> list[_Rule]:
    """The rules of a sheet that can matter on paper, in order of weight; `:root` has no parts."""
    found = []
    for order, (heads, body) in enumerate(_blocks(re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL))):
        says = dict(_declaration(line) for line in body.split(";") if ":" in line)
        for head in heads.split(","):
            parts = [] if head.strip() == ":root" else [_PART.fullmatch(part) for part in head.split()]
            if None in parts or (not parts and head.strip() != ":root"):
                continue
            read = tuple((part["tag"] or "", frozenset(part["classes"].split(".")[1:])) for part in parts if part is not None)
            weight = sum(len(classes) for _, classes in read), sum(bool(tag) for tag, _ in read), order
            found.append(_Rule(read, weight, says))
    return found


def _declaration(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.replace("!important", "").strip()


def _blocks(style: str) -> list[tuple[str, str]]:
    """Selectors and bodies of the outermost rules; blocks within blocks (media, containers, key frames) are left out."""
    found, at = [], 0
    while (begin := style.find("{", at)) >= 0:
        head, depth, end = style[at:begin].strip(), 1, begin + 1
        while depth and end < len(style):
            depth += {"{": 1, "}": -1}.get(style[end], 0)
            end += 1
        if not head.startswith("@"):
            found.append((head, style[begin + 1 : end - 1]))
        at = end
    return found
