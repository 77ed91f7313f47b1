"""A trained extractor: per field a conditional random field over the tokens of a document. Numpy alone.

A linear-chain CRF (Lafferty, McCallum, Pereira 2001) with the labels begin, inside, outside. Its weights were
fitted by CRFsuite; reading them as arrays, finding the best row of labels (Viterbi) and how sure it is
(forward-backward) is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents.learning.examples import Span
from rechenwerk.documents.learning.packing import pack, unpack
from rechenwerk.documents.learning.tokens import FindFigures, Token, features, tokens_of, within
from rechenwerk.documents.values import Word

LABELS = ("O", "B", "I")
OUTSIDE, BEGIN, INSIDE = 0, 1, 2

Floats = NDArray[np.float64]


class Found(msgspec.Struct, frozen=True):
    """A value that was found: `text[start:end]`, and how sure the model is, 0 to 1."""

    field: str
    start: int
    end: int
    confidence: float


class FieldModel(msgspec.Struct, frozen=True):
    """The CRF of a field.

    Args:
        rows: feature -> its place.
        weights: (features, labels).
        moves: from one label to the next.
    """

    field: str
    rows: dict[str, int]
    weights: NDArray[np.float32]
    moves: NDArray[np.float32]

    def scores(self, row_features: Sequence[Sequence[str]]) -> Floats:
        """A row per token, a column per label."""
        found = np.zeros((len(row_features), len(LABELS)))
        for at, row in enumerate(row_features):
            places = [place for one in row if (place := self.rows.get(one)) is not None]
            if places:
                found[at] = self.weights[places].sum(axis=0, dtype=np.float64)
        return found

    def find(self, tokens: Sequence[Token], row_features: Sequence[Sequence[str]]) -> list[Found]:
        """The values of the field in a document."""
        if not tokens:
            return []
        scores = self.scores(row_features)
        path = best_path(scores, self.moves.astype(np.float64))
        sure = marginals(scores, self.moves.astype(np.float64))
        found = []
        for first, last in runs(path):
            confidence = float(min(sure[at, path[at]] for at in range(first, last + 1)))
            found.append(Found(self.field, tokens[first].start, tokens[last].end, confidence))
        return found


class Extractor(msgspec.Struct, frozen=True):
    """The models of all fields of a schema."""

    schema: str
    fields: tuple[FieldModel, ...]

    def find(self, text: str, words: Sequence[Word] = (), figures: FindFigures | None = None) -> list[Found]:
        """All values, field after field."""
        tokens = tokens_of(text, words)
        rows = features(tokens, text, figures)
        return [one for model in self.fields for one in model.find(tokens, rows)]

    def to_bytes(self) -> bytes:
        """For storage."""
        arrays: dict[str, NDArray[Any]] = {}
        for at, one in enumerate(self.fields):
            arrays[f"{at}_weights"], arrays[f"{at}_moves"] = one.weights, one.moves
            arrays[f"{at}_features"] = np.frombuffer("\n".join(one.rows).encode(), dtype=np.uint8)
        return pack(_Header(self.schema, tuple(one.field for one in self.fields)), arrays)


class _Header(msgspec.Struct, frozen=True):
    schema: str
    fields: tuple[str, ...]
    form: str = "extractor/1"


def read_extractor(data: bytes) -> Extractor:
    """From storage.

    Raises:
        DocumentError: it is damaged.
    """
    head, arrays = unpack(data)
    try:
        header = msgspec.json.decode(head, type=_Header)
        models = []
        for at, field in enumerate(header.fields):
            names = arrays[f"{at}_features"].tobytes().decode().split("\n")
            weights, moves = arrays[f"{at}_weights"], arrays[f"{at}_moves"]
            if weights.shape != (len(names), len(LABELS)) or moves.shape != (len(LABELS), len(LABELS)):
                raise ValueError("its parts do not fit together")
            models.append(FieldModel(field, {name: row for row, name in enumerate(names)}, weights, moves))
    except (KeyError, ValueError, msgspec.DecodeError) as error:
        raise DocumentError(f"the trained model is damaged: {error}; roll back or train again") from error
    return Extractor(header.schema, tuple(models))


def runs(path: Sequence[int]) -> list[tuple[int, int]]:
    """First and last token of every value in a row of labels."""
    found: list[tuple[int, int]] = []
    for at, label in enumerate(path):
        if label == BEGIN or (label == INSIDE and (at == 0 or path[at - 1] == OUTSIDE)):
            found.append((at, at))
        elif label == INSIDE:
            found[-1] = (found[-1][0], at)
    return found


def labels_of(tokens: Sequence[Token], spans: Sequence[Span]) -> list[int]:
    """The labels that tokens have by spans of one field."""
    path = [OUTSIDE] * len(tokens)
    for span in spans:
        for number, at in enumerate(within(tokens, span.start, span.end)):
            path[at] = INSIDE if number else BEGIN
    return path


def best_path(scores: Floats, moves: Floats) -> list[int]:
    """The row of labels with the highest sum (Viterbi)."""
    total = scores[0]
    back = []
    for row in scores[1:]:
        ways = total[:, None] + moves
        back.append(ways.argmax(axis=0))
        total = ways.max(axis=0) + row
    path = [int(total.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return path[::-1]


def marginals(scores: Floats, moves: Floats) -> Floats:
    """The probability of every label at every token (forward-backward in logarithms)."""
    forward, backward = np.zeros_like(scores), np.zeros_like(scores)
    forward[0] = scores[0]
    for at in range(1, len(scores)):
        forward[at] = scores[at] + _log_sum(forward[at - 1][:, None] + moves, 0)
    for at in range(len(scores) - 2, -1, -1):
        backward[at] = _log_sum(moves + (scores[at + 1] + backward[at + 1])[None, :], 1)
    both = forward + backward
    shares: Floats = np.exp(both - _log_sum(both, 1)[:, None])
    return shares


def _log_sum(values: Floats, axis: int) -> Floats:
    most = values.max(axis=axis)
    sums: Floats = most + np.log(np.exp(values - np.expand_dims(most, axis)).sum(axis=axis))
    return sums
