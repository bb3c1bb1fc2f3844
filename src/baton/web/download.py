"""Files that a page gives away, under names that every machine takes."""

from fastapi import Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from baton.app.archive.archive import Download

MARKDOWN = "text/markdown; charset=utf-8"


def sent(made: Download, name: str) -> Response:
    """A file that the archive made; it is read while it is sent."""
    heads = {**attached(name), "content-length": str(made.size)}
    return StreamingResponse(iter(made), media_type=made.media, headers=heads)


def written(text: str, name: str, media: str = "text/plain; charset=utf-8") -> Response:
    """A text as a file."""
    return PlainTextResponse(text, media_type=media, headers=attached(name))


def attached(name: str) -> dict[str, str]:
    """The header of a file to be kept, not shown."""
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in name)[:120]
    return {"content-disposition": f'attachment; filename="{safe}"'}
