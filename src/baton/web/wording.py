"""How pages say numbers, shares, money, instants and statuses."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from baton.kernel.clock import iso

MISSING: Final = "–"
DAY: Final = timedelta(days=1)
_UNITS: Final = ((365 * DAY, "y"), (30 * DAY, "mo"), (DAY, "d"), (DAY / 24, "h"), (DAY / 1440, "min"), (DAY / 86400, "s"))
_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_TONES: Final[Mapping[str, tuple[str, ...]]] = {
    "good": (
        "live",
        "accepted",
        "resolved",
        "done",
        "granted",
        "kept",
        "judged",
        "delivered",
        "active",
        "settled",
        "passed",
        "ended",
    ),
    "warn": (
        "offered",
        "requested",
        "waiting",
        "mitigating",
        "canary",
        "shadow",
        "late",
        "held",
        "provisional",
        "escalated",
        "open task",
    ),
    "bad": ("open", "failed", "broken", "unreadable", "rolled-back", "lapsed", "declined", "rejected", "refused", "undelivered"),
    "info": (
        "running",
        "preparing",
        "training",
        "evaluated",
        "registered",
        "packaged",
        "releasing",
        "released",
        "arm",
        "approved",
    ),
}


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands set apart; a dash for none."""
    return MISSING if value is None or value != value else f"{value:,.{digits}f}"


def short(value: float | None) -> str:
    """A large number in few signs: 1,234 stays, 35,931 is 35.9k, 4,100,000 is 4.1M."""
    if value is None or value != value:
        return MISSING
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if sign == 'k' else size):,.1f}{sign}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return MISSING if value is None or value != value else f"{value * 100:.{digits}f} %"


def money(value: float | None, currency: str = "") -> str:
    """An amount in a currency, without its fractions."""
    if value is None or value != value:
        return MISSING
    sign = _SIGNS.get(currency)
    return f"{'−' if value < 0 else ''}{sign}{abs(value):,.0f}" if sign else f"{value:,.0f} {currency}".strip()


def sign(currency: str) -> str:
    """The sign of a currency, or its code where it has none of its own."""
    return _SIGNS.get(currency, currency)


def span(value: timedelta | float | None) -> str:
    """A length of time in its largest unit, or two where one alone would say little; a number is in hours."""
    if value is None:
        return MISSING
    length = abs(value if isinstance(value, timedelta) else timedelta(hours=value))
    for size, name in _UNITS:
        if length >= size:
            whole = int(length / size)
            rest = int((length - whole * size) / (DAY / 24 if size == DAY else DAY / 1440)) if size in (DAY, DAY / 24) else 0
            return f"{whole} {name}" + (f" {rest} {'h' if size == DAY else 'min'}" if rest and whole < 4 else "")
    return "under a second"


def ago(value: datetime | str | None, at: datetime) -> str:
    """An instant as seen from another one: "3 d ago", "in 5 h"."""
    moment = instant(value)
    if moment is None:
        return MISSING
    if abs(moment - at) < timedelta(seconds=45):
        return "now"
    return f"in {span(moment - at)}" if moment > at else f"{span(at - moment)} ago"


def exact(value: datetime | str | None) -> str:
    """An instant to the minute, UTC; a day alone when it is midnight."""
    moment = instant(value)
    if moment is None:
        return MISSING
    return f"{moment:%Y-%m-%d}" if not (moment.hour or moment.minute or moment.second) else f"{moment:%Y-%m-%d %H:%M} UTC"


def day(value: date | str | None) -> str:
    """The day of an instant, or a day, as people say it: 14 Jun 2023."""
    moment = value if isinstance(value, date) else instant(value)
    return MISSING if moment is None else f"{moment.day} {moment:%b %Y}"


def instant(value: datetime | str | None) -> datetime | None:
    """An instant, out of itself or of its text."""
    if value is None or value == "":
        return None
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def machine(value: datetime | str | None) -> str:
    """An instant as machines read it."""
    moment = instant(value)
    return "" if moment is None else iso(moment)


def tone(status: str) -> str:
    """What colour a status has: good, warn, bad, info or idle."""
    return next((tone for tone, known in _TONES.items() if status in known), "idle")


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def digest(value: str) -> str:
    """The first signs of a digest."""
    return value.removeprefix("sha256:")[:10]


def words(value: Any) -> str:
    """A value out of the record as text: numbers rounded, lists with commas."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {words(each)}" for name, each in value.items())
    return ", ".join(words(each) for each in value) if isinstance(value, list | tuple) else str(value)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "number": number,
    "short": short,
    "percent": percent,
    "money": money,
    "span": span,
    "ago": ago,
    "exact": exact,
    "day": day,
    "machine": machine,
    "tone": tone,
    "plural": plural,
    "digest": digest,
    "words": words,
}
"""Every filter that templates know."""
