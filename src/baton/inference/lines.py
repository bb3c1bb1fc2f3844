"""The server's log lines, as text or as one JSON object a line; no feature value and no secret gets into them.

What an exception says may hold a value of the request that it stumbled over, so of what is not ours only the kind and the
place are told. The same line comes at most once in a while: a full disk must not be filled by telling so.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any

from baton.kernel.clock import stopwatch
from baton.kernel.errors import BatonError

FORMATS = ("text", "json")
PAUSE, KNOWN = 1.0, 256
_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_PARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def about(headers: Mapping[bytes, bytes], error: Exception | None = None) -> dict[str, dict[str, str]]:
    """What a line tells of the request it is about: the caller's x-request-id, its W3C trace id, the code of the error."""
    told: dict[str, str] = {}
    if (name := headers.get(b"x-request-id")) is not None and _ID.fullmatch(name):
        told["request_id"] = name.decode()
    if (trace := trace_id(headers)) is not None:
        told["trace_id"] = trace
    if error is not None:
        told["code"] = error.code if isinstance(error, BatonError) else "error"
    return {"about": told}


def trace_id(headers: Mapping[bytes, bytes]) -> str | None:
    """The trace id of a request's traceparent; None when it has none that is valid."""
    match = _PARENT.fullmatch(headers.get(b"traceparent", b""))
    return match[1].decode() if match and match[1].strip(b"0") else None


class Text(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        told = " ".join(f"{name}={value}" for name, value in _about(record).items())
        line = f"{record.levelname} {record.name}: {record.getMessage()}" + (f" [{told}]" if told else "")
        return "\n".join([line, *(f"  {place}" for place in _stack(record))])


class Json(logging.Formatter):
    """Lines for machines: time, level, logger, message, and code, request_id, trace_id, stack where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        stack = _stack(record)
        return json.dumps(line | _about(record) | ({"stack": stack} if stack else {}), ensure_ascii=False)


class Calm(logging.Filter):
    """Lets the same line through once a second; the next one tells how many were held back."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = stopwatch()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging."""
        text, now = record.getMessage(), self._timer()
        last, held = self._seen.get(text, (-PAUSE, 0))
        if now - last < PAUSE:
            self._seen[text] = last, held + 1
            return False
        if len(self._seen) >= KNOWN:
            self._seen.clear()
        self._seen[text] = now, 0
        if held:
            record.msg, record.args = f"{text} ({held} times more since)", ()
        return True


def set_up(form: str, level: int = logging.WARNING) -> None:
    """Have all that is logged go to the standard error in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if form == "json" else Text())
    handler.addFilter(Calm())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _about(record: logging.LogRecord) -> dict[str, str]:
    told: dict[str, str] = getattr(record, "about", {})
    return told


def _stack(record: logging.LogRecord) -> list[str]:
    """The kind of an exception and where it came from, innermost last; never what it says."""
    if not record.exc_info or record.exc_info[0] is None:
        return []
    kind, _, trace = record.exc_info
    places = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in extract_tb(trace)]
    return [*places, kind.__name__]
