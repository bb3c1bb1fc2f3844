"""The loop: its phases around a ring, who holds each, and where the baton is; for phones the same as a track."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.web.draw.canvas import NARROW, WIDE, hover, linked, nothing, picture, place, tag
from baton.web.draw.canvas import words as text
from baton.web.draw.lettering import breadth, clipped, wrapped

_RADIUS, _NODE = 176.0, 14.0
_HEIGHT, _MIDDLE = 488.0, 254.0
_SIGNS = {
    "good": "M-4.6,.4L-1.4,3.6L4.8,-3.4",
    "warn": "M0,-5V1M0,4.6V4.8",
    "bad": "M-3.8,-3.8L3.8,3.8M3.8,-3.8L-3.8,3.8",
    "info": "M-4.5,0H4.5M1,-3.6L4.6,0L1,3.6",
    "accent": "M-4.5,0H4.5M1,-3.6L4.6,0L1,3.6",
}


@dataclass(frozen=True, slots=True)
class Station:
    """One phase of the loop: tone of its state (good, warn, bad, info, idle), owner's name, since when in words, its page, its state in a word."""

    phase: str
    tone: str = "idle"
    owner: str = ""
    since: str = ""
    href: str | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class _Circle:
    """The stations around the circle, and the one in front of it."""

    stations: Sequence[Station]
    outside: Station | None
    center: tuple[float, float]
    running: str | None

    def angle(self, place_of: float) -> float:
        return -math.pi / 2 + 2 * math.pi * place_of / len(self.stations)

    def spot(self, place_of: float, radius: float = _RADIUS) -> tuple[float, float]:
        turned = self.angle(place_of)
        return self.center[0] + radius * math.cos(turned), self.center[1] + radius * math.sin(turned)


def ring(
    stations: Sequence[Station], *, title: str, headline: str = "", words: str = "", running: str | None = None, width: int = WIDE
) -> Markup:
    """Stations clockwise from the top; `running` names the phase that has the baton; headline and words stand in the centre.

    `define` stands in front of the circle, for a turn does not come back to it. Below 600 wide the track is drawn instead, so that
    `fits(lambda width: ring(…, width=width))` serves phones as well.
    """
    if width < 600:
        return track(stations, title=title, headline=headline, words=words, running=running, width=width)
    around, outside = _parted(stations)
    if not around:
        return nothing(title, width)
    circle = _Circle(around, outside, (width / 2, _MIDDLE), running)
    body = [
        tag("circle", cx=width / 2, cy=_MIDDLE, r=_RADIUS, class_="rail"),
        *(_chevron(circle, index) for index in range(len(around)) if len(around) > 1),
        _entry(circle),
        _carried(circle),
        _center(circle, headline, words),
        *(_station(circle, index, station) for index, station in enumerate(around)),
    ]
    return picture("ring", (width, _HEIGHT), title, _gist(stations, headline, words, running), body)


def _parted(stations: Sequence[Station]) -> tuple[list[Station], Station | None]:
    around = [station for station in stations if station.phase != "define"]
    return around, next((station for station in stations if station.phase == "define"), None)


def _gist(stations: Sequence[Station], headline: str, words: str, running: str | None) -> str:
    holder = next((station for station in stations if station.phase == running), None)
    carried = (
        f"The baton is at {holder.phase}{f', with {holder.owner}' if holder.owner else ''}." if holder else "The baton rests."
    )
    troubled = [f"{station.phase} ({station.state or station.tone})" for station in stations if station.tone in {"warn", "bad"}]
    trouble = f"To look at: {', '.join(troubled)}." if troubled else ""
    return " ".join(part for part in (f"{headline.rstrip('.')}." if headline else "", words, carried, trouble) if part)


def _said(station: Station, running: str | None) -> str:
    parts = [station.state or station.tone, station.owner, station.since, "has the baton" if station.phase == running else ""]
    return f"{station.phase}: {', '.join(part for part in parts if part)}"


def _chevron(circle: _Circle, index: int) -> Markup:
    x, y = circle.spot(index + 0.5)
    turned = math.degrees(circle.angle(index + 0.5)) + 90
    moves = circle.stations[index].phase == circle.running
    if moves:
        return Markup("")
    return tag(
        "path", d="M-3,-4.5L2.5,0L-3,4.5", transform=f"translate({place(x)},{place(y)}) rotate({place(turned)})", class_="chevron"
    )


def _carried(circle: _Circle) -> Markup:
    """The baton on its way from the running station to the next: an arc it travels along."""
    at = next((index for index, station in enumerate(circle.stations) if station.phase == circle.running), None)
    if at is None or len(circle.stations) < 2:
        return Markup("")
    gap = (_NODE + 7) / (2 * math.pi * _RADIUS) * len(circle.stations)
    (x0, y0), (x1, y1) = circle.spot(at + gap), circle.spot(at + 1 - gap)
    arc = f"M{place(x0)},{place(y0)}A{place(_RADIUS)},{place(_RADIUS)} 0 0 1 {place(x1)},{place(y1)}"
    tip = circle.spot(at + 1 - gap)
    turned = math.degrees(circle.angle(at + 1 - gap)) + 90
    head = tag(
        "path",
        d="M-6,-5.5L0,0L-6,5.5",
        transform=f"translate({place(tip[0])},{place(tip[1])}) rotate({place(turned)})",
        class_="sign",
    )
    return tag(
        "g",
        tag("path", d=arc, class_="trail"),
        head,
        tag("path", d=arc, pathLength=100, stroke_dasharray="14 200", stroke_dashoffset=-18, class_="baton"),
        class_="accent",
    )


def _entry(circle: _Circle) -> Markup:
    """The station in front of the circle and its way in."""
    station = circle.outside
    if station is None:
        return Markup("")
    x, y = circle.center[0] - 190, circle.center[1] - _RADIUS - 44
    to_x, to_y = circle.spot(0)
    way = f"M{place(x + _NODE + 6)},{place(y)}C{place(x + 90)},{place(y)} {place(to_x - 90)},{place(to_y - 22)} {place(to_x - _NODE - 8)},{place(to_y - 6)}"
    head = tag(
        "path",
        d="M-5,-4.5L0,0L-5,4.5",
        transform=f"translate({place(to_x - _NODE - 7)},{place(to_y - 6)}) rotate(16)",
        class_="chevron",
    )
    label = _label(station, (x - _NODE - 9, y), "end", x - _NODE - 12)
    return tag("path", d=way, class_="rail") + head + _node(station, (x, y), label, circle.running)


def _station(circle: _Circle, index: int, station: Station) -> Markup:
    x, y = circle.spot(index)
    turned = circle.angle(index)
    side, rise = math.cos(turned), math.sin(turned)
    out_x, out_y = circle.spot(index, _RADIUS + _NODE + 10)[0], y + 24 * rise * abs(rise)
    right = side > -0.01
    room = (2 * circle.center[0] - out_x if right else out_x) - 6
    lift = rise * 14 if abs(rise) > 0.5 else 0.0
    if index == 0 and circle.outside:
        out_x, lift = out_x + 6, -18.0
    label = _label(station, (out_x, out_y + lift), "" if right else "end", room)
    return _node(station, (x, y), label, circle.running)


def _label(station: Station, spot: tuple[float, float], anchor: str, room: float) -> Markup:
    """Phase, then owner and since on one line, or on two where one is too short."""
    x, y = spot
    second = " · ".join(part for part in (station.owner, station.since) if part)
    lines = [second] if breadth(second, 11) <= room else [part for part in (station.owner, station.since) if part]
    lines = [line for line in lines if line]
    top = y + 4 - 7.5 * len(lines)
    rest = [text(clipped(line, room, 11), x, top + 15 * (at + 1), "hush small", anchor) for at, line in enumerate(lines)]
    return Markup("").join([_named(station, (x, top), room, anchor), *rest])


def _named(station: Station, spot: tuple[float, float], room: float, anchor: str = "") -> Markup:
    """The phase and, quieter, the word for its state."""
    phase = clipped(station.phase, room, 13.6)
    left = room - breadth(phase, 13.6) - 8
    state = clipped(station.state, left, 11) if station.state and left > 30 else ""
    quiet = tag("tspan", state, dx=6, class_="hush small") if state else ""
    return tag("text", tag("tspan", phase, class_="name label"), quiet, x=spot[0], y=spot[1], text_anchor=anchor)


def _node(station: Station, spot: tuple[float, float], label: str, running: str | None) -> Markup:
    x, y = spot
    now = station.phase == running
    said = _said(station, running)
    sign = _SIGNS["info"] if now else _SIGNS.get(station.tone)
    return linked(
        tag(
            "g",
            hover(said),
            tag("circle", cx=x, cy=y, r=_NODE + 8, class_="glow") if now else "",
            tag("circle", cx=x, cy=y, r=_NODE + 3, class_="gap"),
            tag("circle", cx=x, cy=y, r=_NODE, class_="station now" if now else "station"),
            tag("path", d=sign, transform=f"translate({place(x)},{place(y)})", class_="sign now" if now else "sign")
            if sign
            else tag("circle", cx=x, cy=y, r=2.5, class_="fill"),
            label,
            class_="accent" if now else station.tone,
            data_tip=said,
        ),
        station.href,
        said,
    )


def _center(circle: _Circle, headline: str, words: str) -> Markup:
    x, y = circle.center
    first, second = wrapped(headline, 240, 22, 2), wrapped(words, 230, 12, 3)
    top = y - (26 * len(first) + 17 * len(second)) / 2 + 18
    drawn = [text(line, x, top + 26 * at, "headline", "middle") for at, line in enumerate(first)]
    drawn += [text(line, x, top + 26 * len(first) - 4 + 17 * at, "hush", "middle") for at, line in enumerate(second)]
    return Markup("").join(drawn)


def track(
    stations: Sequence[Station],
    *,
    title: str,
    headline: str = "",
    words: str = "",
    running: str | None = None,
    width: int = NARROW,
) -> Markup:
    """The same as a vertical track: stations down a rail, the way back from the last to the first beside it."""
    if not stations:
        return nothing(title, width)
    first, second = wrapped(headline, width - 4.0, 22, 2), wrapped(words, width - 4.0, 12, 3)
    top = 26.0 * len(first) + 17 * len(second) + (14 if headline or words else 0)
    drawn = [text(line, 0, 20 + 26 * at, "headline") for at, line in enumerate(first)]
    drawn += [text(line, 0, 14 + 26 * len(first) + 17 * at, "hush") for at, line in enumerate(second)]
    step, x = 46.0, 36.0
    spots = [(x, top + 22 + step * index) for index in range(len(stations))]
    back = 1 if stations[0].phase == "define" and len(stations) > 1 else 0
    if len(stations) > back + 1:
        drawn.append(_return(spots[back], spots[-1]))
    for index, (one, following) in enumerate(itertools.pairwise(spots)):
        drawn.append(_stretch(one, following, stations[index].phase == running))
    drawn += [_stop(station, spot, width, running) for station, spot in zip(stations, spots, strict=True)]
    size = (width, spots[-1][1] + 26)
    return picture("track", size, title, _gist(stations, headline, words, running), drawn)


def _return(first: tuple[float, float], last: tuple[float, float]) -> Markup:
    (x, top), (_, foot) = first, last
    side = 8.0
    way = f"M{place(x - 18)},{place(foot)}H{place(side + 10)}Q{place(side)},{place(foot)} {place(side)},{place(foot - 10)}V{place(top + 10)}Q{place(side)},{place(top)} {place(side + 10)},{place(top)}"
    head = tag("path", d="M-3,-4.5L2.5,0L-3,4.5", transform=f"translate({place(side + 9)},{place(top)})", class_="chevron")
    return tag("path", d=way, class_="rail") + head


def _stretch(one: tuple[float, float], following: tuple[float, float], carried: bool) -> Markup:
    (x, top), (_, foot) = (one[0], one[1] + _NODE + 3), (following[0], following[1] - _NODE - 3)
    way = f"M{place(x)},{place(top)}V{place(foot)}"
    if not carried:
        return tag("path", d=way, class_="rail")
    baton = tag("path", d=way, pathLength=100, stroke_dasharray="34 200", stroke_dashoffset=-20, class_="baton")
    return tag("g", tag("path", d=way, class_="trail"), baton, class_="accent")


def _stop(station: Station, spot: tuple[float, float], width: int, running: str | None) -> Markup:
    x, y = spot
    left = x + _NODE + 14
    since = clipped(station.since, (width - left) * 0.4, 11)
    room = width - left - breadth(since, 11) - 10
    label = [
        tag("rect", x=x - _NODE, y=y - 21, width=width - x + _NODE, height=42, class_="hit"),
        _named(station, (left, y - 2 if station.owner else y + 4), room),
        text(clipped(station.owner, width - left - 4.0, 11), left, y + 13, "hush small") if station.owner else "",
        text(since, width - 1.0, y - 2 if station.owner else y + 4, "hush small", "end") if since else "",
    ]
    return _node(station, spot, Markup("").join(label), running)
