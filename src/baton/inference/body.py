"""Request bodies as they were before they were packed for the way."""

import zlib

from baton.inference.http import BULK, Request
from baton.inference.reply import TooLarge, WrongType
from baton.kernel.errors import InvalidInput
from baton.serving.codec import BODY_LIMIT

_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON."""
    kind = request.headers.get(b"content-type", b"")
    return kind == b"application/json" or kind.partition(b";")[0].strip().lower() == b"application/json"


def is_arrow(request: Request) -> bool:
    """Whether the body says that it is an Arrow stream."""
    return request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == BULK


def is_tensors(request: Request) -> bool:
    """Whether the body may be one of the Open Inference Protocol, whose clients name no type of mixed bodies. A web page
    elsewhere can leave the type out as well, but then its browser names where it comes from."""
    kind = request.headers.get(b"content-type")
    if kind is None:
        return b"origin" not in request.headers
    return is_json(request) or kind == b"application/octet-stream"


def plain_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The body, unpacked by its Content-Encoding (gzip, deflate), up to a limit.

    Raises WrongType for another encoding, TooLarge, or InvalidInput when it cannot be unpacked.
    """
    encoding = request.headers.get(b"content-encoding")
    if encoding is None or encoding == b"identity":
        return request.body
    window = _WINDOWS.get(encoding.lower())
    if window is None:
        raise WrongType(
            "this content encoding is not known here", where="content-encoding", fix="send the body plain, as gzip or as deflate"
        )
    unpacking = zlib.decompressobj(window)
    try:
        plain = unpacking.decompress(request.body, limit + 1)
    except zlib.error as error:
        raise InvalidInput("the body cannot be unpacked", where="body", why=str(error)) from error
    if len(plain) > limit:
        raise TooLarge(f"the body is larger than {limit >> 20} MiB when unpacked", where="body", fix="send fewer rows")
    if not unpacking.eof:
        raise InvalidInput("the body is cut off", where="body", why="its compressed form ends too early")
    return plain
