"""What every declared value is made of: frozen models, durations with units, instants with zones, names.

Durations are written `90s`, `15m`, `3h`, `7d`; sizes `512MiB`, `2GiB`; latencies `50ms`, `2s`; instants are RFC 3339 or a bare date (midnight UTC).
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticKnownError

from baton.kernel.clock import duration_text, iso, parse_duration, parse_instant
from baton.project.phase import PHASES


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if type(value) is int:
        raise ValueError(f"'{value}' has no unit: write a number and one of s, m, h, d, w, e.g. {value}h")
    text = value if isinstance(value, str) else ""
    if not text:
        raise ValueError("not a duration: write a whole number and a unit, one of s, m, h, d, w, e.g. 3h")
    return parse_duration(text)


def _instant(value: object) -> datetime:
    try:
        return value if isinstance(value, datetime) and value.tzinfo else parse_instant(str(value))
    except (ValueError, OverflowError) as error:
        zone = "time zone" in str(error)
        reason = "has no time zone" if zone else "is not a date or an instant"
        raise ValueError(f"'{value}' {reason}: write e.g. 2023-01-31 or 2023-01-31T06:00:00Z") from None


_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def _size(value: object) -> int:
    if type(value) is int and value > 0:
        return value
    match = re.fullmatch(r"([1-9][0-9]*) ?(B|KiB|MiB|GiB|TiB)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a size: write a whole number and a unit, one of B, KiB, MiB, GiB, TiB, e.g. 2GiB")
    return int(match[1]) * _UNITS[match[2]]


def size_text(size: int) -> str:
    """A size in the largest unit that keeps it whole."""
    unit = next(unit for unit in reversed(_UNITS) if size % _UNITS[unit] == 0)
    return f"{size // _UNITS[unit]}{unit}"


def _latency(value: object) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,6}) ?(ms|s)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a latency: write a whole number and ms or s, e.g. 50ms")
    return int(match[1]) * (1_000 if match[2] == "ms" else 1_000_000)


def latency_text(micros: int) -> str:
    """A latency in milliseconds."""
    return f"{micros // 1000}ms"


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(duration_text)]
Size = Annotated[int, BeforeValidator(_size), PlainSerializer(size_text)]
Latency = Annotated[int, BeforeValidator(_latency), PlainSerializer(latency_text)]
Instant = Annotated[datetime, BeforeValidator(_instant), PlainSerializer(iso)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Letter = Literal["R", "A", "C", "I", "RA"]


def _one_of(choices: tuple[str, ...]) -> AfterValidator:
    """Texts out of `choices`, typed as plain texts so that matrices of any origin have one type."""

    def check(value: str) -> str:
        if value not in choices:
            raise PydanticKnownError("literal_error", {"expected": ", ".join(f"'{choice}'" for choice in choices)})
        return value

    return AfterValidator(check)


PhaseName = Annotated[str, _one_of(PHASES)]
LetterName = Annotated[str, _one_of(get_args(Letter))]


class Declared(BaseModel):
    """Base of every declared value: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
