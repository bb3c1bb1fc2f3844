"""When something ends, as a person types it: an instant, or a time from now."""

from datetime import datetime

from baton.cli.status import instant


def ending(text: str | None, now: datetime) -> datetime | None:
    """The instant meant by `2026-12-24` or by `2d`, counted from `now`. Raises InvalidInput with examples."""
    from baton.kernel.clock import parse_duration

    if text is None or not text.strip()[:-1].isdigit() or text.strip()[-1:].isdigit():
        return instant(text)
    try:
        return now + parse_duration(text)
    except (ValueError, OverflowError):
        return instant(text)
