"""A trained classifier: a linear model over a sentence's vector and its grams. Numpy alone."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents.learning.grams import KINDS, Vocabulary
from rechenwerk.documents.learning.packing import pack, unpack


class Header(msgspec.Struct, frozen=True):
    """What is no array.

    Args:
        embedder: the model whose vectors it was trained on; '' for none.
        dimensions: of these vectors.
        mix: what letters and words count beside the vector.
        temperature: scores are divided by it before they become confidences.
    """

    labels: tuple[str, ...]
    embedder: str
    dimensions: int
    mix: tuple[float, float]
    temperature: float
    form: str = "classifier/1"


class Guess(msgspec.Struct, frozen=True):
    """A label and how sure the model is, 0 to 1."""

    label: str
    confidence: float


class Classifier(msgspec.Struct, frozen=True):
    """A classifier.

    Args:
        vocabularies: of letters and of words.
        weights: (vector and grams, labels).
        bias: per label.
    """

    header: Header
    vocabularies: tuple[Vocabulary, Vocabulary]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def guesses(self, text: str, vector: NDArray[np.float32] | None) -> list[Guess]:
        """All labels, the surest first.

        Raises:
            DocumentError: the vector is of another model than in training.
        """
        head = self.header
        if head.dimensions != (0 if vector is None else len(vector)):
            raise DocumentError(
                f"this classifier was trained on vectors of {head.embedder or 'no model'}"
                f" ({head.dimensions} numbers); serve that model, or train again"
            )
        scores = self.bias.astype(np.float64)
        if vector is not None:
            scores += vector @ self.weights[: head.dimensions]
        start = head.dimensions
        for vocabulary, share in zip(self.vocabularies, head.mix, strict=True):
            places, values = vocabulary.vector(text)
            if places and share:
                scores += share * (values @ self.weights[[start + place for place in places]])
            start += len(vocabulary.rows)
        sure = confidences(scores[None, :], head.temperature)[0]
        order = sorted(range(len(head.labels)), key=lambda at: (-sure[at], head.labels[at]))
        return [Guess(head.labels[at], float(sure[at])) for at in order]

    def to_bytes(self) -> bytes:
        """For storage."""
        arrays: dict[str, NDArray[Any]] = {"weights": self.weights.astype(np.float16), "bias": self.bias}
        for one in self.vocabularies:
            arrays[f"{one.kind}_idf"] = one.weights
            text = "\n".join(one.rows).encode()
            arrays[f"{one.kind}_grams"] = np.frombuffer(text, dtype=np.uint8)
        return pack(self.header, arrays)


def confidences(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Scores of labels as probabilities, a row each."""
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    powers = np.exp(shifted)
    sums: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return sums


def read_classifier(data: bytes) -> Classifier:
    """From storage.

    Raises:
        DocumentError: it is damaged.
    """
    head, arrays = unpack(data)
    try:
        header = msgspec.json.decode(head, type=Header)
        vocabularies = []
        for kind in KINDS:
            text = arrays[f"{kind}_grams"].tobytes().decode()
            rows = {gram: place for place, gram in enumerate(text.split("\n"))} if text else {}
            vocabularies.append(Vocabulary(kind, rows, arrays[f"{kind}_idf"].astype(np.float32)))
        weights, bias = arrays["weights"].astype(np.float32), arrays["bias"].astype(np.float32)
        size = header.dimensions + sum(len(one.rows) for one in vocabularies)
        if weights.shape != (size, len(header.labels)) or bias.shape != (len(header.labels),):
            raise ValueError("its parts do not fit together")
    except (KeyError, ValueError, msgspec.DecodeError) as error:
        raise DocumentError(f"the trained model is damaged: {error}; roll back or train again") from error
    return Classifier(header, (vocabularies[0], vocabularies[1]), weights, bias)
