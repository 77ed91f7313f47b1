"""Keys: made once, kept as a hash, hinted at."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string

import pytest

from rechenwerk.identity.keys import PREFIX, SCOPES, hash_key, hint, new_key


def test_a_key_carries_every_one_of_its_random_bits() -> None:
    asked: list[int] = []

    def source(count: int) -> bytes:
        asked.append(count)
        return bytes(range(count))

    key = new_key(source)
    assert asked == [20]
    assert key.startswith(PREFIX)
    assert base64.b32decode(key.removeprefix(PREFIX).upper()) == bytes(range(20))


def test_a_key_can_be_written_in_a_header_and_selected_with_a_double_click() -> None:
    key = new_key(secrets.token_bytes)
    assert len(key) == len(PREFIX) + 32
    assert set(key.removeprefix(PREFIX)) <= set(string.ascii_lowercase + string.digits)
    assert len({new_key(secrets.token_bytes) for _ in range(1000)}) == 1000


def test_only_the_hash_is_kept() -> None:
    assert hash_key(b"rw-abc") == hashlib.sha256(b"rw-abc").digest()
    assert hash_key(b"rw-abc") != hash_key(b"rw-abd")


def test_a_hint_shows_both_ends_and_hides_most() -> None:
    key = PREFIX + "abcdefghijklmnopqrstuvwxyz234567"
    assert hint(key) == "rw-abc…4567"


@pytest.mark.parametrize("scope", ["inference", "books", "keys", "operator"])
def test_scopes_are_explained(scope: str) -> None:
    assert SCOPES[scope]
