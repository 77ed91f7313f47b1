"""The fuzzer's targets over damaged golden bytes, for a moment: a plain mutator from a seed."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import DECODERS

TRIES = 150
SPLICES = (
    *(b"", b"null", b"true", b"{}", b"[]", b'""', b"0", b"-1", b"1.5", b"1e999", b"9" * 30, b'"x"', b"\xff"),
    *(b"\\u0000", b"\\ud800", b"\n\n", b"\r\n", b"data: ", b"[DONE]", b"}", b"]", b",", b'"', b"[" * 3000),
)


def damaged(chance: random.Random, seed: bytes) -> bytes:
    """The seed with stretches replaced, doubled or moved."""
    data = seed
    for _ in range(chance.randint(0, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 4, 20, 200)))
        other = chance.randrange(len(data) + 1)
        stretch = data[other : other + chance.choice((1, 8, 64))]
        data = data[:start] + chance.choice((*SPLICES, stretch)) + data[end:]
    return data[: chance.randint(0, len(data))] if chance.random() < 0.2 else data


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_raise_nothing_but_what_they_promise(name: str) -> None:
    decoder = DECODERS[name]
    chance = random.Random(f"fuzz {name}")
    for seed in decoder.seeds:
        decoder.run(seed)
    for _ in range(TRIES):
        decoder.run(damaged(chance, chance.choice(decoder.seeds)))
