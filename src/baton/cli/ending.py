"""When something ends, as a person types it: an instant, or a time from now."""

from datetime import datetime

from baton.cli.status import instant
from baton.kernel.errors import InvalidInput


def ending(text: str | None, now: datetime) -> datetime | None:
    """The instant meant by `2026-12-24` or by `2d`, counted from `now`, to the second. Raises InvalidInput with examples."""
    from baton.kernel.clock import parse_duration

    if text is None:
        return None
    try:
        return (now + parse_duration(text)).replace(microsecond=0)
    except (ValueError, OverflowError):
        return _instant(text)


def _instant(text: str) -> datetime | None:
    try:
        return instant(text)
    except InvalidInput as error:
        error.fix = "write e.g. 2027-01-04, or a time from now such as 2d"
        raise
