"""Whether a page's text layer can be read, or its page must be recognised."""

from __future__ import annotations

import re

READABLE = 0.75
"""Share of letters, digits and usual signs below which a layer is garbage."""
VOWELS = 0.6
"""Share of longer words with a vowel below which a layer is garbage (letters in a table of their own)."""
STRANGE = re.compile(
    r"[^\w\s.,;:!?'\"()\[\]{}<>/\\|@#%&*+=~^`$\-"
    "€£§°–—„“”‚‘’«»…•·²³µ©®™×±¼½¾¹ªº¿¡\xad\ufffe\x02]|[\u2e80-\uf8ff]"  # noqa: RUF001
)
LONGER = re.compile(r"[^\W\d_]{4,}")
VOWEL = re.compile(r"[aeiouyäöüàáâèéêëíîòóôúû]", re.IGNORECASE)
SAMPLE = 5000


def is_garbage(text: str) -> bool:
    """Whether nobody could read it: no text at all, private signs, letters that form no words."""
    sample = text[:SAMPLE]
    solid = len("".join(sample.split()))
    if not solid or len(STRANGE.findall(sample)) > (1 - READABLE) * solid:
        return True
    words = LONGER.findall(sample)
    latin = [word for word in words if word.isascii() or max(word) < "\u0250"]
    return len(latin) >= 8 and sum(1 for word in latin if VOWEL.search(word)) < VOWELS * len(latin)
