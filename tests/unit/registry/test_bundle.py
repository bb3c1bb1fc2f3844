"""The bundle: the same contents are the same bytes, and no other bytes are ever used."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton.kernel.digest import digest_bytes
from baton.kernel.errors import Corrupt, Incompatible
from baton.registry.bundle import (
    FEATURES,
    FORMAT,
    MANIFEST,
    MODEL,
    Bundle,
    Calibration,
    Manifest,
    Parity,
    Running,
    pack,
    to_plain,
    unpack,
)
from baton.registry.signature import InputFeature, Signature

SIGNATURE = Signature((InputFeature("carrier", "category", ("AA", "Å")), InputFeature("wind", "number")), "id", "flights", 0.5)
HEAD = Manifest(1, "flights", 3, SIGNATURE, Calibration((0.1, 0.9), (0.2, 0.8)), Parity(5000, 1e-8, 0), {"turn": "turn-1"}, {})
WEIGHTS, SOURCE = b"\x08\x09model" * 9, "from baton.features import entity\nentity(columns=['wind'])\n# é\n"
KEY, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))


def verifier(key: Ed25519PrivateKey) -> Callable[[bytes, bytes], bool]:
    public = key.public_key()

    def verify(signature: bytes, message: bytes) -> bool:
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify


VERIFY = verifier(KEY)
DATA = pack(HEAD, WEIGHTS, SOURCE)
SEAL = KEY.sign(digest_bytes(DATA).encode())


def opened(data: bytes) -> Bundle:
    """A bundle sealed by the trusted key, whatever its bytes: what the seal alone would let pass."""
    return unpack(data, KEY.sign(digest_bytes(data).encode()), VERIFY)


def test_what_was_packed_comes_back() -> None:
    bundle = unpack(DATA, SEAL, VERIFY)
    members = {MODEL: digest_bytes(WEIGHTS), FEATURES: digest_bytes(SOURCE.encode())}
    assert bundle == Bundle(digest_bytes(DATA), replace(HEAD, members=members), WEIGHTS, SOURCE)


def test_the_same_contents_are_the_same_bytes() -> None:
    other = replace(HEAD, lineage={"turn": "turn-1"}, members={"anything": "else"})
    assert pack(other, bytes(WEIGHTS), SOURCE) == DATA
    # a change of these bytes changes the name of every bundle there is
    assert digest_bytes(DATA) == KNOWN
    assert pack(replace(HEAD, version=4), WEIGHTS, SOURCE) != DATA != pack(HEAD, WEIGHTS, SOURCE + "\n")


KNOWN = "6ffc16ef7ea9150184b987dd34ba35e4e2004912a75e284840e91bf8066e77ef"


def test_it_is_a_plain_zip_of_three_stored_members() -> None:
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == [MANIFEST, MODEL, FEATURES]
    assert {(entry.compress_type, entry.date_time, entry.create_system, entry.external_attr) for entry in entries} == {
        (0, (1980, 1, 1, 0, 0, 0), 3, 0o600 << 16)
    }


def test_every_single_changed_byte_is_found() -> None:
    for place in range(len(DATA)):
        changed = bytearray(DATA)
        changed[place] ^= 1 << place % 8
        with pytest.raises(Corrupt, match="signature"):
            unpack(bytes(changed), SEAL, VERIFY)


@pytest.mark.parametrize("size", [0, 1, 22, len(DATA) // 2, len(DATA) - 1])
def test_a_torn_bundle_is_found(size: int) -> None:
    with pytest.raises(Corrupt, match="signature"):
        unpack(DATA[:size], SEAL, VERIFY)
    with pytest.raises(Corrupt):
        opened(DATA[:size])


def test_what_is_put_before_or_behind_is_found() -> None:
    for other in (DATA + b"x", b"x" + DATA, DATA + DATA):
        with pytest.raises(Corrupt, match="signature"):
            unpack(other, SEAL, VERIFY)


@pytest.mark.parametrize(
    "seal", [b"", SEAL[:-1], SEAL + b"x", bytes(64), STRANGER.sign(digest_bytes(DATA).encode()), KEY.sign(DATA), KEY.sign(b"")]
)
def test_a_seal_of_another_kind_does_not_fit(seal: bytes) -> None:
    with pytest.raises(Corrupt, match="signature") as caught:
        unpack(DATA, seal, VERIFY)
    assert "not trusted here" in caught.value.why and "baton rollback" in caught.value.fix


def test_a_strangers_key_is_not_trusted_whatever_it_signed() -> None:
    with pytest.raises(Corrupt, match="signature"):
        unpack(DATA, STRANGER.sign(digest_bytes(DATA).encode()), VERIFY)
    assert unpack(DATA, STRANGER.sign(digest_bytes(DATA).encode()), verifier(STRANGER)).digest == digest_bytes(DATA)


def test_nothing_is_read_before_the_seal_fits() -> None:
    with pytest.raises(Corrupt, match="signature"):
        unpack(b"not even a zip", SEAL, VERIFY)


@pytest.mark.parametrize("format", [FORMAT + 1, FORMAT + 100])
def test_a_newer_format_is_said_to_be_newer(format: int) -> None:
    with pytest.raises(Incompatible, match=f"format {format}") as caught:
        opened(pack(replace(HEAD, format=format), WEIGHTS, SOURCE))
    assert "upgrade" in caught.value.fix


def test_a_newer_manifest_of_another_shape_is_newer_not_broken() -> None:
    with pytest.raises(Incompatible):
        opened(zipped({MANIFEST: b'{"format":3,"surprise":true}', MODEL: b"", FEATURES: b""}))


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, compress_type=compression)
    return out.getvalue()


def manifest(**changes: Any) -> bytes:
    """The manifest's bytes with some keys of its own."""
    plain = to_plain(unpack(DATA, SEAL, VERIFY).manifest)
    return msgspec.json.encode(plain | changes)


WHOLE = {MANIFEST: manifest(), MODEL: WEIGHTS, FEATURES: SOURCE.encode()}


def test_an_equal_zip_by_other_hands_is_read() -> None:
    assert opened(zipped(WHOLE)).model == WEIGHTS


BROKEN: dict[str, bytes] = {
    "no zip": b"hello",
    "empty zip": zipped({}),
    "one more member": zipped({**WHOLE, "run.py": b"evil"}),
    "a path": zipped({**WHOLE, "../../evil": b"x"}),
    "one member less": zipped({MANIFEST: WHOLE[MANIFEST], MODEL: WEIGHTS}),
    "compressed": zipped(WHOLE, zipfile.ZIP_DEFLATED),
    "no manifest": zipped({**WHOLE, MANIFEST: b""}),
    "a manifest that is no object": zipped({**WHOLE, MANIFEST: b"[1]"}),
    "a manifest that lacks keys": zipped({**WHOLE, MANIFEST: b'{"format":1}'}),
    "a manifest of wrong types": zipped({**WHOLE, MANIFEST: manifest(version="three")}),
    "a format that is no number": zipped({**WHOLE, MANIFEST: manifest(format="1")}),
    "another model": zipped({**WHOLE, MODEL: WEIGHTS + b"x"}),
    "other features": zipped({**WHOLE, FEATURES: b"import os"}),
    "members not named": zipped({**WHOLE, MANIFEST: manifest(members={})}),
    "a member not named": zipped({**WHOLE, MANIFEST: manifest(members={MODEL: digest_bytes(WEIGHTS)})}),
    "features that are no text": zipped(
        {**WHOLE, MANIFEST: manifest(members={MODEL: digest_bytes(WEIGHTS), FEATURES: digest_bytes(b"\xff")}), FEATURES: b"\xff"}
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_even_sealed_a_broken_bundle_is_not_used(name: str) -> None:
    with pytest.raises(Corrupt):
        opened(BROKEN[name])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_occurs_twice_is_not_used() -> None:
    out = io.BytesIO(zipped(WHOLE))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(zipfile.ZipInfo(FEATURES, (1980, 1, 1, 0, 0, 0)), SOURCE)
    with pytest.raises(Corrupt, match="not a Baton bundle"):
        opened(out.getvalue())


def test_whatever_is_turned_in_a_sealed_bundle_it_is_corrupt_or_the_same_model() -> None:
    for place in range(len(DATA)):
        changed = bytearray(DATA)
        changed[place] ^= 1 << place % 8
        try:
            bundle = opened(bytes(changed))
        except (Corrupt, Incompatible):
            continue
        assert (bundle.model, bundle.features) == (WEIGHTS, SOURCE)


NATIVE = replace(HEAD, running=Running("lightgbm", "score", 512 << 20, 2))


def test_what_format_1_can_say_is_packed_as_format_1() -> None:
    assert pack(replace(HEAD, running=Running()), WEIGHTS, SOURCE) == DATA
    assert "running" not in to_plain(HEAD)


def test_format_2_says_how_the_model_is_run() -> None:
    bundle = opened(pack(NATIVE, b"tree", ""))
    assert (bundle.manifest.format, bundle.manifest.running, bundle.model) == (2, NATIVE.running, b"tree")


def test_a_format_1_manifest_cannot_smuggle_another_form_in() -> None:
    running = {"form": "skops", "kind": "score", "memory": 0, "cpu": 0}
    assert opened(zipped({**WHOLE, MANIFEST: manifest(running=running)})).manifest.running == Running()


def test_the_model_is_the_member_of_its_form() -> None:
    with zipfile.ZipFile(io.BytesIO(pack(NATIVE, b"tree", ""))) as archive:
        assert archive.namelist() == [MANIFEST, "model.txt", FEATURES]
        whole = {name: archive.read(name) for name in archive.namelist()}
    moved = {**{name: data for name, data in whole.items() if name != "model.txt"}, "model.skops": whole["model.txt"]}
    for broken in (moved, {**whole, "model.skops": b"x"}):
        with pytest.raises(Corrupt):
            opened(zipped(broken))
