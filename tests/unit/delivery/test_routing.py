"""The routing file: what was written is read, and nothing else is."""

from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton.delivery.routing import Route, Routing, read_routing, write_routing
from baton.kernel.errors import Corrupt

KEY, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
ROUTING = Routing("flights", 7, "flights", (Route("live", 1, "rel-1", "a" * 64), Route("canary", 2, "rel-2", "b" * 64, 0.2)))
DATA = write_routing(ROUTING, KEY.sign)


def verify(signature: bytes, message: bytes) -> bool:
    try:
        KEY.public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_what_was_written_is_read() -> None:
    assert read_routing(DATA, verify) == ROUTING
    assert write_routing(ROUTING, KEY.sign) == DATA and DATA.count(b"\n") == 2
    empty = Routing("flights", 0, "flights", ())
    assert read_routing(write_routing(empty, KEY.sign), verify) == empty


def test_routes_are_found_by_variant() -> None:
    assert ROUTING.find("canary") == ROUTING.routes[1] and ROUTING.find("shadow") is None


def test_a_torn_file_is_corrupt_wherever_it_was_torn() -> None:
    for size in range(len(DATA)):
        with pytest.raises(Corrupt) as caught:
            read_routing(DATA[:size], verify)
        assert "writes a fresh one" in caught.value.fix


def test_every_single_changed_bit_is_found() -> None:
    for place in range(len(DATA)):
        for bit in range(8):
            changed = bytearray(DATA)
            changed[place] ^= 1 << bit
            with pytest.raises(Corrupt):
                read_routing(bytes(changed), verify)


@pytest.mark.parametrize(
    "data",
    [DATA + b"\n", b"\n" + DATA, DATA + DATA, DATA.replace(b"\n", b"\r\n"), DATA[:-1] + b" \n", b"{}\n\n", b"\xff\n\xff\n"],
)
def test_what_is_put_beside_it_is_found(data: bytes) -> None:
    with pytest.raises(Corrupt):
        read_routing(data, verify)


def test_a_stranger_may_not_route() -> None:
    with pytest.raises(Corrupt, match="signature does not fit"):
        read_routing(write_routing(ROUTING, STRANGER.sign), verify)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"project": "x", "serial": "1", "salt": "", "routes": []},
        {"project": "x", "serial": 1, "salt": "", "routes": [{}]},
    ],
)
def test_even_signed_another_shape_is_not_used(value: Any) -> None:
    body = msgspec.json.encode(value)
    with pytest.raises(Corrupt, match="cannot be read"):
        read_routing(body + b"\n" + KEY.sign(body).hex().encode() + b"\n", verify)
