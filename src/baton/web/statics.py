"""Style sheets and the script: read once, answered under an address that holds their digest, so that they may be kept for good."""

from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Request, Response

from baton.kernel.digest import digest_bytes
from baton.kernel.errors import NotFound

HERE: Final = Path(__file__).parent / "static"
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Every file of the folder by its name, with the first signs of its digest."""
    found = {path.name: path.read_bytes() for path in sorted(HERE.iterdir()) if path.suffix in KINDS}
    return {name: (digest_bytes(data)[:12], data) for name, data in found.items()}


@cache
def picture_style() -> str:
    """The style sheets that pictures are shown with, for whoever sets them on paper."""
    return "\n".join(_files()[name][1].decode() for name in ("tokens.css", "draw.css"))


@cache
def asset(name: str) -> str:
    """The address of a file. Raises KeyError for one that is not there."""
    return f"/static/{name}?v={_files()[name][0]}"


async def static(request: Request) -> Response:
    """One of the files, whatever digest is asked for: an earlier page must not lose its looks."""
    name = request.path_params["name"]
    if name not in _files():
        raise NotFound(f"there is no file '{name[:60]}'", where="/static", fix="load the page again")
    digest, data = _files()[name]
    # What is asked for by its digest can be kept for good; under an earlier digest it is another text, and is not.
    lasts = "public, max-age=31536000, immutable" if request.query_params.get("v") == digest else "no-cache"
    return Response(data, media_type=KINDS[Path(name).suffix], headers={"cache-control": lasts})
