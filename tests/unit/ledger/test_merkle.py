"""The log's tree and its proofs, against the vectors of Certificate Transparency and the recursive definition."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of
from baton.ledger.proof import consistency_proof, inclusion_proof, is_consistent, is_included

FAST = settings(deadline=None, max_examples=80)
LEAVES = [
    leaf_hash(bytes.fromhex(text))
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(1, 70)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_the_known_roots(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert root_of(LEAVES[:size]).hex() == frontier.root().hex() == ROOTS[size]
    assert frontier.size == size


def test_the_known_proofs() -> None:
    assert [node.hex()[:8] for node in inclusion_proof(LEAVES, 0)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [node.hex()[:8] for node in inclusion_proof(LEAVES, 5)] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert [node.hex()[:8] for node in inclusion_proof(LEAVES[:3], 2)] == ["fac54203"]
    assert [node.hex()[:8] for node in consistency_proof(LEAVES, 6)] == ["0ebc5d34", "ca854ea1", "d37ee418"]
    assert [node.hex()[:8] for node in consistency_proof(LEAVES[:5], 2)] == ["5f083f0a", "bc1a0643"]
    assert consistency_proof(LEAVES, 8) == consistency_proof(LEAVES, 0) == []


def test_leaves_and_nodes_cannot_pass_for_each_other() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert sha256(b"").digest() == EMPTY_ROOT != leaf_hash(b"")


@FAST
@given(st.lists(st.binary(max_size=4), max_size=70), st.data())
def test_the_frontier_grows_as_the_definition_says_also_when_put_down_in_between(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(value) for value in data]
    stop = draw.draw(st.integers(0, len(leaves)))
    frontier = Frontier()
    for number, leaf in enumerate(leaves):
        if number == stop:
            frontier = Frontier(frontier.size, tuple(frontier.peaks))
        frontier.append(leaf)
        assert frontier.root() == root_of(leaves[: number + 1])
        assert len(frontier.peaks) == frontier.size.bit_count()


@FAST
@given(SIZES)
def test_every_fact_is_proven_to_be_in_the_log(size: int) -> None:
    leaves = leaves_of(size)
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_proof(leaves, index)
        assert len(path) <= (size - 1).bit_length()
        assert is_included(leaf, index, size, path, root)


@FAST
@given(SIZES)
def test_every_log_is_proven_to_extend_each_of_its_beginnings(size: int) -> None:
    leaves = leaves_of(size)
    root = root_of(leaves)
    for earlier in range(size + 1):
        assert is_consistent(earlier, root_of(leaves[:earlier]), size, root, consistency_proof(leaves, earlier))


def mutations(path: list[bytes], data: st.DataObject) -> list[bytes]:
    """Another path: a bit turned, one left out, one put in, two swapped."""
    kinds = ["extend", *(["turn", "drop"] if path else []), *(["swap"] if len(path) > 1 else [])]
    kind, other = data.draw(st.sampled_from(kinds)), list(path)
    at = data.draw(st.integers(0, max(0, len(path) - 1)))
    if kind == "turn":
        byte, bit = data.draw(st.integers(0, 31)), data.draw(st.integers(0, 7))
        other[at] = bytes(value ^ (1 << bit) if place == byte else value for place, value in enumerate(path[at]))
    elif kind == "drop":
        del other[at]
    elif kind == "swap":
        to = data.draw(st.integers(0, len(path) - 1).filter(lambda place: place != at))
        other[at], other[to] = other[to], other[at]
    else:
        other.insert(at, data.draw(st.sampled_from([leaf_hash(b"stranger"), *path])))
    return other


@settings(FAST, max_examples=200)
@given(SIZES, st.data())
def test_a_changed_inclusion_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    root, index = root_of(leaves), data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves, index)
    assert not is_included(leaves[index], index, size, mutations(path, data), root)
    assert not is_included(leaf_hash(b"stranger"), index, size, path, root)
    assert not is_included(leaves[index], index, size, path, leaf_hash(b"stranger"))
    assert not is_included(leaves[index], -1, size, path, root)
    assert not is_included(leaves[index], size, size, path, root)
    other = data.draw(st.integers(0, size - 1))
    assert is_included(leaves[index], other, size, path, root) is (other == index)


@settings(FAST, max_examples=200)
@given(SIZES, st.data())
def test_a_changed_consistency_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    earlier = data.draw(st.integers(1, size))
    old, new, path = root_of(leaves[:earlier]), root_of(leaves), consistency_proof(leaves, earlier)
    stranger = leaf_hash(b"stranger")
    assert not is_consistent(earlier, old, size, new, mutations(path, data))
    assert not is_consistent(earlier, stranger, size, new, path)
    assert not is_consistent(earlier, old, size, stranger, path)
    assert not is_consistent(size + 1, old, size, new, path or [stranger])
    assert not is_consistent(0, stranger, size, new, [])


@FAST
@given(st.integers(2, 70), st.data())
def test_a_log_with_another_past_is_no_extension(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    earlier = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, earlier - 1))
    forged = [leaf_hash(b"forged") if place == changed else leaf for place, leaf in enumerate(leaves)]
    assert not is_consistent(earlier, root_of(leaves[:earlier]), size, root_of(forged), consistency_proof(forged, earlier))
