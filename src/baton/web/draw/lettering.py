"""How broad a text will be, without a font at hand: enough to keep labels from touching."""

from __future__ import annotations

_NARROW, _WIDE = frozenset("iljtfrI.,:;'’|!() ·-"), frozenset("mwMW%@&—→")


def breadth(text: str, size: float = 12) -> float:
    """About how many pixels a text takes, rather too many than too few."""
    return size * sum(_part(sign) for sign in text)


def _part(sign: str) -> float:
    if sign in _NARROW:
        return 0.38
    if sign in _WIDE or ord(sign) > 0x2E7F:
        return 0.98
    return 0.71 if sign.isupper() else 0.62


def clipped(text: str, room: float, size: float = 12) -> str:
    """The text, cut with an ellipsis to what fits into the room."""
    if breadth(text, size) <= room:
        return text
    kept = text
    while kept and breadth(kept + "…", size) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…" if kept.strip() else ""


def abridged(name: str, room: float, size: float = 12) -> str:
    """A name, cut in its middle to what fits into the room: names of a family differ at their ends."""
    if breadth(name, size) <= room:
        return name
    for kept in range(len(name) - 1, 1, -1):
        head = (kept * 2) // 5
        short = f"{name[:head].rstrip()}…{name[head - kept :].lstrip()}"
        if breadth(short, size) <= room:
            return short
    return clipped(name, room, size)


def wrapped(text: str, room: float, size: float = 12, most: int = 3) -> list[str]:
    """The text in at most so many lines of a room, the last one cut when it does not fit."""
    lines: list[str] = []
    for word in text.split():
        if lines and (breadth(f"{lines[-1]} {word}", size) <= room or len(lines) == most):
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return [clipped(line, room, size) for line in lines]


def spread(places: list[float], apart: float, low: float, high: float) -> list[float]:
    """Places moved as little as a sweep each way needs to be so far apart, in their order, and between low and high where they fit."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    floor = low
    for index in order:
        moved[index] = max(moved[index], floor)
        floor = moved[index] + apart
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - apart
    return moved
