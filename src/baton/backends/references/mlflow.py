"""Model versions of an MLflow registry, over its REST API with plain HTTP: no MLflow is imported.

A version's number cannot be used again, but its files can be replaced where they lie. The digest is taken over what the
registry says of it (name, version, source, run) and over its `MLmodel` file, which holds the model's own id and signature;
the weights are not read. Name them with `file:` or `url:` too where they must be pinned byte for byte.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from baton.kernel.digest import digest
from baton.kernel.errors import InvalidInput, NotFound, Refused, Unavailable
from baton.team.reference import Pinned, Reference

SETTING = "MLFLOW_TRACKING_URI"
SILENCE = 30.0
LARGEST = 4 << 20


class Mlflow:
    """Implements `team.ports.References` for `mlflow:models:/NAME/VERSION`.

    `settings` are MLflow's own: MLFLOW_TRACKING_URI, and MLFLOW_TRACKING_TOKEN or MLFLOW_TRACKING_USERNAME and …_PASSWORD.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._opener = build_opener(_NoRedirect())

    def pin(self, reference: Reference) -> Pinned:
        """Source, run and digest of the version. Raises NotFound when the registry has none, Refused without the right to see it."""
        _, name, version = reference.name.rsplit("/", 2)
        told = self._version(name, version)
        if told.get("status", "READY") != "READY":
            raise Unavailable(f"{reference} is not ready", why=f"status {told['status']}", fix="offer it once it is")
        identity = {key: str(told.get(key, "")) for key in ("name", "version", "source", "run_id", "creation_timestamp")}
        described = self._described(name, version)
        facts = {"source": identity["source"], "run_id": identity["run_id"], **({"mlmodel": described} if described else {})}
        return Pinned(reference, f"sha256:{digest({**identity, 'mlmodel': described})}", facts)

    def _version(self, name: str, version: str) -> dict[str, Any]:
        found = self._ask("/api/2.0/mlflow/model-versions/get", name, version)
        try:
            told = json.loads(found or b"")["model_version"]
            return dict(told)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                "the tracking server's answer is not understood", where=self._server(), why="no model_version in it", fix=SETTING
            ) from error

    def _described(self, name: str, version: str) -> str:
        """The digest of the version's MLmodel file; empty when the server does not hand out artefacts."""
        found = self._ask("/model-versions/get-artifact", name, version, path="MLmodel", absent=True)
        return "" if found is None else f"sha256:{hashlib.sha256(found).hexdigest()}"

    def _ask(self, route: str, name: str, version: str, *, absent: bool = False, **more: str) -> bytes | None:
        server = self._server()
        address = f"{server}{route}?{urlencode({'name': name, 'version': version, **more})}"
        asked = Request(address, headers=self._credentials())  # noqa: S310  _server lets http and https through only
        try:
            with self._opener.open(asked, timeout=SILENCE) as answer:
                body = bytes(answer.read(LARGEST + 1))
        except HTTPError as error:
            error.close()
            if error.code in (401, 403):
                raise Refused(
                    f"the tracking server refuses: {error.code}", where=server, fix="set MLFLOW_TRACKING_TOKEN, or …_USERNAME"
                ) from error
            if absent and error.code in (400, 404, 405, 501):
                return None
            if error.code == 404:
                raise NotFound(
                    f"there is no version {version} of '{name}'", where=server, fix="look into the registry"
                ) from error
            raise Unavailable(f"the tracking server answers {error.code}", where=server, fix="look into its log") from error
        except (URLError, HTTPException, OSError) as error:
            why = str(getattr(error, "reason", error))
            raise Unavailable("the tracking server does not answer", where=server, why=why, fix=f"look at {SETTING}") from error
        if len(body) > LARGEST:
            raise Unavailable("the tracking server's answer is too large", where=server, why=f"more than {LARGEST} bytes")
        return body

    def _server(self) -> str:
        address = self._settings.get(SETTING, "").rstrip("/")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"{SETTING} names no tracking server",
                where=SETTING,
                why="it is not set" if not address else "it is no http or https address",
                fix=f"{SETTING}=https://mlflow.example",
            )
        if parts.password is not None:
            raise InvalidInput(
                f"{SETTING} holds a password",
                where=SETTING,
                fix="move it to MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
            )
        return address

    def _credentials(self) -> dict[str, str]:
        if token := self._settings.get("MLFLOW_TRACKING_TOKEN"):
            return {"Authorization": f"Bearer {token}"}
        if name := self._settings.get("MLFLOW_TRACKING_USERNAME"):
            both = f"{name}:{self._settings.get('MLFLOW_TRACKING_PASSWORD', '')}".encode()
            return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}
        return {}


class _NoRedirect(HTTPRedirectHandler):
    """Credentials go to the server that was named, and to no other."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None
