"""Merkle trees as RFC 9162 (Certificate Transparency 2.0), section 2.1, has them, over SHA-256.

Leaves and inner nodes are hashed apart (0x00 and 0x01 before what is hashed), so that nobody can pass a node
for a leaf. A tree of n leaves has its left half at the largest power of two below n.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

SIZE = 32
"""Bytes of a hash."""
EMPTY = hashlib.sha256().digest()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two halves."""
    return hashlib.sha256(b"\1" + left + right).digest()


def split(hashes: bytes) -> list[bytes]:
    """Hashes that stand one after the other."""
    return [hashes[at : at + SIZE] for at in range(0, len(hashes), SIZE)]


def root(nodes: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves, or over roots of complete subtrees of one size and a smaller last one.

    Level by level: a node without a neighbour goes up as it is, which is the RFC's tree.
    """
    level = list(nodes)
    if not level:
        return EMPTY
    while len(level) > 1:
        pairs = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
    return level[0]


def path(nodes: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from a node up to the root, lowest first."""
    level = list(nodes)
    beside = []
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            beside.append(level[neighbour])
        pairs = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
        index //= 2
    return beside


def climbed(leaf: bytes, index: int, size: int, beside: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to from the hash of leaf `index` of `size` (RFC 9162, 2.1.3.2).

    None when the path is too long or too short for the tree.
    """
    if not 0 <= index < size:
        return None
    here, last, found = index, size - 1, leaf
    for hash_ in beside:
        if last == 0:
            return None
        if here % 2 or here == last:
            found = node_hash(hash_, found)
            while here % 2 == 0 and here:
                here //= 2
                last //= 2
        else:
            found = node_hash(found, hash_)
        here //= 2
        last //= 2
    return found if last == 0 else None
