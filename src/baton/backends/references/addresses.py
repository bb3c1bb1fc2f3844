"""Files at https addresses: read once, in pieces, and compared with the digest that the reference states."""

import hashlib
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from baton.kernel.clock import stopwatch
from baton.kernel.errors import Corrupt, NotFound, Unavailable
from baton.team.reference import Pinned, Reference

PIECE = 1 << 20
SILENCE = 30.0
PATIENCE = 900.0


class Addresses:
    """Implements `team.ports.References` for `url:https://…#sha256=…`."""

    def __init__(self, https: HTTPSHandler | None = None) -> None:
        self._opener: OpenerDirector = build_opener(_OnlyHttps(), https or HTTPSHandler())

    def pin(self, reference: Reference) -> Pinned:
        """The stated digest, when the bytes have it. Raises Corrupt when they do not."""
        where, elapsed, size, seen = reference.name, stopwatch(), 0, hashlib.sha256()
        try:
            with self._opener.open(where, timeout=SILENCE) as answer:
                while piece := answer.read(PIECE):
                    seen.update(piece)
                    size += len(piece)
                    if elapsed() > PATIENCE:
                        raise Unavailable(
                            f"it took more than {PATIENCE:.0f} seconds", where=where, fix="fetch it, and name the file"
                        )
        except HTTPError as error:
            error.close()
            kind = NotFound if error.code in (404, 410) else Unavailable
            raise kind(f"the address answers {error.code}", where=where, fix="open it in a browser") from error
        except (URLError, HTTPException, OSError) as error:
            raise Unavailable(
                f"the address does not answer: {getattr(error, 'reason', error)}", where=where, fix="try again"
            ) from error
        if (digest := f"sha256:{seen.hexdigest()}") != reference.digest:
            raise Corrupt(
                "what stands at the address is not what the reference names",
                where=where,
                why=f"its digest is {digest}, not {reference.digest}",
                fix="find out who changed it; only then name the new digest",
            )
        return Pinned(reference, digest, {"bytes": size})


class _OnlyHttps(HTTPRedirectHandler):
    """Follows a redirect from https to https only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise URLError("it leads away from https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
