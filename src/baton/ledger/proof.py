"""Proofs over the log: that a fact is in it (RFC 6962 §2.1.1), and that a later log extends an earlier one (§2.1.2)."""

from collections.abc import Sequence

from baton.ledger.merkle import EMPTY_ROOT, _split, node_hash, root_of


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index` (from 0), from the leaf upwards."""
    if len(leaves) <= 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*inclusion_proof(leaves[:half], index), root_of(leaves[half:])]
    return [*inclusion_proof(leaves[half:], index - half), root_of(leaves[:half])]


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path proves that `leaf` stands at `index` in the log of that size and root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """The proof that the log of these leaves extends its own first `earlier` ones."""
    if not 0 < earlier < len(leaves):
        return []
    return _subproof(leaves, earlier, whole=True)


def _subproof(leaves: Sequence[bytes], earlier: int, *, whole: bool) -> list[bytes]:
    if earlier == len(leaves):
        return [] if whole else [root_of(leaves)]
    half = _split(len(leaves))
    if earlier <= half:
        return [*_subproof(leaves[:half], earlier, whole=whole), root_of(leaves[half:])]
    return [*_subproof(leaves[half:], earlier - half, whole=False), root_of(leaves[:half])]


def is_consistent(earlier: int, earlier_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path proves that the log (size, root) extends (earlier, earlier_root) (RFC 9162 §2.1.4.2)."""
    if earlier == size:
        return not path and earlier_root == root
    if earlier == 0:
        return not path and earlier_root == EMPTY_ROOT
    if earlier > size or not path:
        return False
    nodes = [earlier_root, *path] if earlier & (earlier - 1) == 0 else list(path)
    place, last = earlier - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, node)
        place, last = place >> 1, last >> 1
    return last == 0 and old == earlier_root and new == root
