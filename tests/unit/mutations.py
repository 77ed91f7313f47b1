"""Bytes that are nearly right."""

from __future__ import annotations

from hypothesis import strategies as st

_SPLICES = st.binary(max_size=4) | st.sampled_from(
    [b"null", b"{}", b"[]", b'""', b"0", b"-1", b"1e999", b'"\xff"', b"\n\n", b"data: ", b"[" * 5000]
)


@st.composite
def mutated(draw: st.DrawFn, golden: bytes) -> bytes:
    """`golden` with some stretches replaced."""
    out = golden
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(out)))
        end = draw(st.integers(start, min(len(out), start + draw(st.sampled_from([0, 1, 5, 40])))))
        out = out[:start] + draw(_SPLICES) + out[end:]
    return out
