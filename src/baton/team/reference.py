"""References: what names, without doubt, an artefact that Baton did not make. Pure: texts to values, nothing is looked at.

    file:PATH   git:COMMIT[@REPO]   mlflow:models:/NAME/VERSION   oci:NAME@sha256:DIGEST   url:https://…#sha256=DIGEST
    attested:REFERENCE   one whose digest somebody stated, and which is never looked at

What can move is refused with how to name it so that it cannot: an image's tag, a model's alias, an address without a digest.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean

LONGEST = 1000
ATTESTED = "attested"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|git:[0-9a-f]{40}|git:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+~^-]*")
_MODEL = re.compile(r"models:/([^/:@]+)/(\d{1,18})")
_IMAGE = re.compile(r"([a-z0-9][a-z0-9._/:-]*)@(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Reference:
    """An artefact by name. `digest` is the one that the text itself states (empty when it must be looked at), `place` the
    repository of a commit."""

    kind: str
    name: str
    digest: str = ""
    place: str = ""

    def __str__(self) -> str:
        if self.kind == "url":
            return f"url:{self.name}#{self.digest.replace(':', '=')}"
        if self.kind == "oci":
            return f"oci:{self.name}@{self.digest}"
        return f"{self.kind}:{self.name}" + (f"@{self.place}" if self.place else "")

    @property
    def fixed(self) -> bool:
        """Whether the text alone tells what the bytes must be, so that looking again cannot tell anything else."""
        return self.kind in ("oci", ATTESTED)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A reference and the digest of what it names: `sha256:` or `git:` and hex. `facts` are for people to read."""

    reference: Reference
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def parse(text: str) -> Reference:
    """Read a reference. Raises InvalidInput with what to write instead."""
    if len(text) > LONGEST or not text.isprintable():
        raise _wrong(text, f"it is longer than {LONGEST} characters, or holds some that cannot be shown", "shorten its name")
    kind, colon, rest = text.partition(":")
    if kind not in _READERS or not colon or not rest:
        near = did_you_mean(kind, _READERS) if colon else f"a reference begins with one of {', '.join(_READERS)}"
        raise _wrong(text, near, f"--artefact file:{text}, or git:HEAD; baton handoff offer --help lists all")
    return _READERS[kind](text, rest)


def stated(text: str, digest: str) -> Pinned:
    """A reference whose digest its offerer states, because whoever records it cannot, or must not, look at it.

    A file is named without a folder, a commit in full and without a repository. Raises InvalidInput when the digest is
    missing, malformed, or not the one that the text itself states.
    """
    told = parse(text)
    own = f"git:{told.name}" if told.kind == "git" and _COMMIT.fullmatch(told.name) else told.digest
    if told.kind == ATTESTED:
        raise _wrong(text, "it is stated already", "name the artefact itself, e.g. file:model.onnx")
    if told.kind == "git" and (not own or told.place):
        raise _wrong(text, "here nobody can look into a repository", "write the whole commit, and no repository: git:3f2a…")
    if told.kind == "file" and ("/" in told.name or "\\" in told.name or told.name in (".", "..")):
        raise _wrong(text, "a file is named here, not found: no folder in its name", "file:model.onnx with its digest")
    if digest and DIGEST.fullmatch(digest) is None:
        raise _wrong(digest, "it is no digest", "write sha256: and 64 hex digits in lower case")
    if not (digest or own):
        raise _wrong(text, "its digest is missing", "state it: sha256: and 64 hex digits (sha256sum FILE)")
    if own and digest and own != digest:
        raise _wrong(text, f"it names {own}, and the digest beside it is {digest}", "leave the digest out, or mend one of them")
    if told.kind == "oci":
        return Pinned(told, own)
    return Pinned(Reference(ATTESTED, str(told)), digest or own, {"stated": True})


def _file(_: str, rest: str) -> Reference:
    return Reference("file", rest)


def _git(text: str, rest: str) -> Reference:
    commit, at, place = rest.partition("@")
    if _REVISION.fullmatch(commit) is None or (at and not place):
        raise _wrong(text, "it names no commit", "write git:COMMIT, git:BRANCH or git:TAG, and @FOLDER for another repository")
    if place.startswith("{") or "://" in place:
        raise _wrong(text, f"'{place}' is no folder of this machine", "clone it, and write git:COMMIT@FOLDER")
    return Reference("git", commit, place=place)


def _mlflow(text: str, rest: str) -> Reference:
    found = _MODEL.fullmatch(rest)
    if found is None:
        raise _wrong(text, "an alias or a stage moves, a version does not", "write mlflow:models:/NAME/VERSION, e.g. …/shop/7")
    return Reference("mlflow", rest)


def _oci(text: str, rest: str) -> Reference:
    found = _IMAGE.fullmatch(rest)
    if found is None:
        name = rest.partition("@")[0]
        raise _wrong(
            text,
            "a tag can be moved to another image, a digest cannot",
            f"docker buildx imagetools inspect {name} --format '{{{{.Manifest.Digest}}}}' tells it; then write oci:NAME@sha256:…",
        )
    return Reference("oci", found[1], found[2])


def _url(text: str, rest: str) -> Reference:
    address, _, fragment = rest.partition("#")
    digest = fragment.replace("=", ":", 1)
    try:
        parts = urlsplit(address)
        host, secret = parts.hostname, parts.password or parts.username
    except ValueError as error:
        raise _wrong(text, str(error), "write url:https://HOST/FILE#sha256=…") from error
    if parts.scheme != "https" or not host:
        raise _wrong(text, "only https addresses are read", "write url:https://HOST/FILE#sha256=…")
    if secret:
        raise _wrong(text.replace(parts.netloc, host), "a password would stay on the record", "leave the name and password out")
    if DIGEST.fullmatch(digest) is None or not digest.startswith("sha256:"):
        raise _wrong(
            text, "what stands at an address can change", "add its digest: #sha256=… (curl -sL ADDRESS | sha256sum tells it)"
        )
    return Reference("url", address, digest)


def _attested(text: str, rest: str) -> Reference:
    if parse(rest).kind == ATTESTED:
        raise _wrong(text, "it says so twice", "write attested: once")
    return Reference(ATTESTED, rest)


def _wrong(text: str, why: str, fix: str) -> InvalidInput:
    shown = text if text.isprintable() else ascii(text)
    return InvalidInput(f"'{shown[:200]}' names no artefact", where="artefact", why=why, fix=fix)


_READERS: Mapping[str, Callable[[str, str], Reference]] = {
    "file": _file,
    "git": _git,
    "mlflow": _mlflow,
    "oci": _oci,
    "url": _url,
    ATTESTED: _attested,
}
