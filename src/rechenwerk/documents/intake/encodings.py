"""Bytes to text: byte order marks, UTF-8, UTF-16 without a mark, then the one-byte tables of Western Europe.

Own code, because detectors made for all languages take a short German text in Windows-1252 for Polish or
Turkish; here only tables that German and English text is written in compete, by the letters that come out.
"""

from __future__ import annotations

import codecs

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
TABLES = ("cp1252", "cp850", "mac_roman")
"""The first wins where two score the same."""
LETTERS = frozenset("äöüÄÖÜßéèêëàâáíóúçñÉÈÀÇ€§°£½²³µ©®–—„“”‚‘’«»…·•™\xa0\xad")  # noqa: RUF001
SAMPLE = 200_000
TOLERATED = 0.02
"""Share of broken sequences up to which text is still UTF-8."""


def decode(data: bytes) -> tuple[str, str] | None:
    """The text and the name of its encoding; None where it is no text. Line ends become line feeds."""
    found = _encoding(data)
    if found is None:
        return None
    text = data.decode(found, errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n"), found


def _encoding(data: bytes) -> str | None:
    for mark, name in MARKS:
        if data.startswith(mark):
            return name
    sample = data[:SAMPLE]
    if b"\0" in sample:
        return _wide(sample)
    controls = sum(sample.count(code) for code in range(32) if code not in {9, 10, 12, 13, 27})
    if controls > len(sample) * 0.01:
        return None
    if _is_utf8(sample):
        return "utf-8"
    return max(TABLES, key=lambda table: _score(sample, table))


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: nearly every second byte is zero, always on the same side."""
    half = max(1, len(sample) // 2)
    odd, even = sample[1::2].count(0) / half, sample[::2].count(0) / half
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    if even > 0.7 and odd < 0.05:
        return "utf-16-be"
    return None


def _is_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    if not broken:
        return True
    high = sum(1 for letter in text if letter > "\x7f") - broken
    # The sample may end in the middle of a letter, and a rare broken byte is no reason to misread the rest.
    return broken <= 1 + high * TOLERATED and high > broken


def _score(sample: bytes, table: str) -> int:
    text = sample.decode(table, errors="replace")
    return sum((1 if letter in LETTERS else -2) for letter in text if letter > "\x7f")
