"""An issuer's public keys (RFC 7517), kept for an hour in a file, so that commands one after another ask once.

An unknown key is asked for again, at most once a minute: an issuer turns its keys over, and a stranger's guess must not
make us ask at every attempt. The file is a copy of what is public; one that is damaged, of another issuer, or from the
future is as good as none.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from baton.backends.credentials.enquiry import Enquiry
from baton.kernel.clock import iso, parse_instant
from baton.kernel.errors import Unavailable

KEPT = timedelta(hours=1)
AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of an issuer as published at an instant, and the JSON they came from."""

    keys: tuple[jwt.PyJWK, ...]
    fetched: datetime
    told: Mapping[str, Any]

    def find(self, wanted: str | None) -> jwt.PyJWK | None:
        """The key of that name; without a name the only one there is."""
        if wanted is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return next((key for key in self.keys if key.key_id == wanted), None)


class Keyring:
    """Keeps the keys of one issuer; `path` is the file, None keeps them in this process only."""

    def __init__(self, issuer: str, enquiry: Enquiry, path: Path | None = None) -> None:
        self._issuer, self._enquiry, self._path = issuer, enquiry, path
        self._ring: Ring | None = None

    def find(self, wanted: str | None, at: datetime) -> jwt.PyJWK | None:
        """The key of that name as the issuer publishes it, None when it has none. Raises Unavailable without any keys."""
        ring = self._ring or self._read(at)
        stale = ring is None or not timedelta() <= at - ring.fetched < KEPT
        if ring is None or stale or (ring.find(wanted) is None and at - ring.fetched >= AGAIN):
            ring = self._fetch(at)
        self._ring = ring
        return ring.find(wanted)

    def _fetch(self, at: datetime) -> Ring:
        told = self._enquiry.get(str(self._enquiry.document().get("jwks_uri")))
        try:
            ring = _ring(told, at)
        except (jwt.PyJWTError, TypeError, AttributeError) as error:
            raise Unavailable(
                "the provider's keys cannot be used", where=self._issuer, why=str(error), fix="ask whoever runs it"
            ) from error
        self._keep(ring)
        return ring

    def _read(self, at: datetime) -> Ring | None:
        if self._path is None:
            return None
        try:
            told = json.loads(self._path.read_bytes())
            ring = _ring(told["keys"], parse_instant(told["fetched"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, jwt.PyJWTError):
            return None
        return ring if told.get("issuer") == self._issuer else None

    def _keep(self, ring: Ring) -> None:
        """Whole or not at all; where nothing can be written the keys are asked for again."""
        if self._path is None:
            return
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        text = json.dumps({"issuer": self._issuer, "fetched": iso(ring.fetched), "keys": ring.told})
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside.unlink(missing_ok=True)
            # Whoever can write this file can be anybody: nobody but its owner.
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(text)
            beside.replace(self._path)


def _ring(told: Mapping[str, Any], fetched: datetime) -> Ring:
    keys = jwt.PyJWKSet.from_dict(dict(told)).keys
    return Ring(tuple(key for key in keys if key.public_key_use in (None, "sig")), fetched, told)
