"""Merkle trees as RFC 9162 has them, and the stand-alone verifier beside them."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.merkle import EMPTY, climbed, leaf_hash, node_hash, path, root
from rechenwerk.identity.signing import SigningKey, is_signed

SCRIPT = MappingProxyType(runpy.run_path(str(Path(__file__).parents[2] / "docs/examples/verify_proof.py")))

# Leaves and the roots of the first n of them, as implementations of Certificate Transparency test themselves.
LEAVES = (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)  # fmt: skip
ROOTS = MappingProxyType(
    {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
)


def by_the_rfc(leaves: Sequence[bytes]) -> bytes:
    """Section 2.1.1, word by word."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(by_the_rfc(leaves[:half]), by_the_rfc(leaves[half:]))


def test_known_roots() -> None:
    leaves = [leaf_hash(bytes.fromhex(one)) for one in LEAVES]
    assert {count: root(leaves[:count]).hex() for count in ROOTS} == dict(ROOTS)
    assert root([]) == EMPTY


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_every_leaf_has_its_way_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(one) for one in leaves]
    top = root(hashes)
    assert top == by_the_rfc(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    beside = path(hashes, index)
    assert climbed(hashes[index], index, len(leaves), beside) == top
    assert SCRIPT["climbed"](leaves[index], index, len(leaves), beside) == top
    other = data.draw(st.integers(0, len(leaves) - 1))
    if other != index:
        assert climbed(hashes[index], other, len(leaves), beside) != top or hashes[other] == hashes[index]
    assert climbed(hashes[index], index, len(leaves), [*beside, top]) is None
    assert climbed(hashes[index], len(leaves), len(leaves), beside) is None


@given(st.integers(1, 5000), st.data())
def test_blocks_are_subtrees(count: int, data: st.DataObject) -> None:
    block = 64
    hashes = [leaf_hash(str(number).encode()) for number in range(count)]
    blocks = [hashes[at : at + block] for at in range(0, count, block)]
    roots = [root(one) for one in blocks]
    assert root(roots) == root(hashes)
    index = data.draw(st.integers(0, count - 1))
    beside = path(blocks[index // block], index % block) + path(roots, index // block)
    assert beside == path(hashes, index)


# -- signatures: RFC 8032, section 7.1 ---------------------------------------------------------------------

VECTORS = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
)


@pytest.mark.parametrize(("seed", "public", "text", "signature"), VECTORS)
def test_known_signatures(seed: str, public: str, text: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(text)).hex() == signature
    assert _by_script(public, text, signature)


def _by_script(public: str, text: str, signature: str) -> Any:
    return SCRIPT["is_signed"](bytes.fromhex(public), bytes.fromhex(text), bytes.fromhex(signature))


@given(st.binary(max_size=40), st.integers(0, 64 * 8 - 1))
def test_the_script_says_what_the_library_says(text: bytes, bit: int) -> None:
    key = SigningKey(bytes(range(32)))
    good = key.sign(text)
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    for signature in (good, bytes(bad), good[:63]):
        assert SCRIPT["is_signed"](key.public, text, signature) is is_signed(key.public, text, signature)
    assert is_signed(key.public, text, good)
    assert not is_signed(key.public, text + b"x", good)
