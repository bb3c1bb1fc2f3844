"""What every declared value is made of: frozen models, durations with units, instants with zones, names.

Durations are written `90s`, `15m`, `3h`, `7d`; instants are RFC 3339 or a bare date (midnight UTC).
"""

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


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(duration_text)]
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
