"""Train a classifier. Only the training process imports this: it needs scikit-learn and SciPy.

A regularised logistic regression (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 4.4 and
18.3.5) over a sentence's vector beside its grams. With fewer examples than numbers per example the same
model is fitted in the space that the examples span, which is exact and some fifty times faster.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from rechenwerk.documents.learning.classifier import Classifier, Header, confidences
from rechenwerk.documents.learning.examples import Example, by_label, checked
from rechenwerk.documents.learning.grams import KINDS, Vocabulary, learn
from rechenwerk.documents.learning.reports import Report, of_labels

MIXES = ((0.0, 0.0), (0.3, 0.3), (0.3, 0.5), (0.5, 0.5))
"""What letters and words count beside the vector."""
ALONE = ((1.0, 1.0), (1.0, 0.5), (0.5, 1.0))
"""The same where there is no vector."""
STRENGTHS = (5.0, 20.0)
"""Inverse regularisation."""
TEMPERATURES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5)
FOLDS = 4
SPANNED = 1500
"""Examples up to which all knobs are tried; above, the usual ones are taken."""
USUAL = ((0.3, 0.5), 20.0)
ROUNDS = 300

Floats = NDArray[np.float64]


class Table:
    """Examples as numbers: vectors, and per kind of grams a sparse matrix."""

    def __init__(
        self, texts: Sequence[str], vectors: NDArray[np.float32], vocabularies: Sequence[Vocabulary]
    ) -> None:
        self.vectors = vectors.astype(np.float64)
        self.grams = [_matrix(texts, one) for one in vocabularies]

    def mixed(self, mix: tuple[float, float]) -> sparse.csr_matrix:
        """All columns side by side, the grams by their share."""
        blocks = [share * block for share, block in zip(mix, self.grams, strict=True)]
        return sparse.hstack([sparse.csr_matrix(self.vectors), *blocks]).tocsr()


def _matrix(texts: Sequence[str], vocabulary: Vocabulary) -> sparse.csr_matrix:
    places: list[int] = []
    values: list[float] = []
    ends = [0]
    for text in texts:
        found, numbers = vocabulary.vector(text)
        places += found
        values += numbers.tolist()
        ends.append(len(places))
    return sparse.csr_matrix((values, places, ends), shape=(len(texts), len(vocabulary.rows)))


class _Linear:
    """A fitted model: weights per column and label, and a bias."""

    def __init__(self, data: sparse.csr_matrix, truth: NDArray[np.int64], strength: float) -> None:
        model = LogisticRegression(C=strength, max_iter=ROUNDS, tol=1e-4)
        if data.shape[0] <= SPANNED:
            kernel = (data @ data.T).toarray()
            values, axes = np.linalg.eigh(kernel)
            keep = values > 1e-8 * values[-1]
            roots = np.sqrt(values[keep])
            axes = axes[:, keep]
            model.fit(axes * roots, truth)
            self.weights: Floats = data.T @ (axes / roots @ model.coef_.T)
        else:
            model.fit(data, truth)
            self.weights = model.coef_.T
        self.bias: Floats = model.intercept_
        if self.weights.shape[1] == 1:  # of two labels only the second has weights
            self.weights = np.hstack([np.zeros_like(self.weights), self.weights])
            self.bias = np.array([0.0, float(model.intercept_[0])])

    def scores(self, data: sparse.csr_matrix) -> Floats:
        found: Floats = data @ self.weights + self.bias
        return found


def fit_classifier(
    examples: Sequence[Example], vectors: NDArray[np.float32], embedder: str, seed: int = 0
) -> tuple[Classifier, Report]:
    """Train and evaluate.

    Args:
        examples: checked and in the order of the vectors.
        vectors: a row per example; none (0 columns) without an embedder.
        embedder: the model that made them.
        seed: of the folds; the same examples and seed give the same bytes.

    Raises:
        ExamplesError: see `examples.checked`.
    """
    began = time.monotonic()
    kept = checked(examples)
    if len(kept) < len(examples):
        place = {id(one): at for at, one in enumerate(examples)}
        vectors = vectors[[place[id(one)] for one in kept]]
    labels = tuple(by_label(kept))
    truth = np.array([labels.index(one.label) for one in kept])
    texts = [one.text for one in kept]
    folds = _folds(truth, seed)
    mix, strength, held_out = _choose(texts, vectors, truth, folds)
    temperature = _temperature(held_out, truth)
    vocabularies = [learn(texts, kind) for kind in KINDS]
    data = Table(texts, vectors, vocabularies).mixed(mix)
    final = _Linear(data, truth, strength)
    header = Header(labels, embedder, vectors.shape[1], mix, temperature)
    model = Classifier(
        header,
        (vocabularies[0], vocabularies[1]),
        final.weights.astype(np.float32),
        final.bias.astype(np.float32),
    )
    seen = [at for _, part in folds for at in part]
    given = held_out.argmax(axis=1)
    scores, confusion = of_labels(labels, truth[seen].tolist(), given[seen].tolist())
    knobs = {"letters": mix[0], "words": mix[1], "strength": strength, "temperature": temperature}
    report = Report(
        "classifier",
        len(kept),
        len(folds),
        float((given[seen] == truth[seen]).mean()),
        float(np.mean([one.f1 for one in scores])),
        scores,
        confusion,
        time.monotonic() - began,
        knobs,
        len(examples) - len(kept),
    )
    return model, report


Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def _folds(truth: NDArray[np.int64], seed: int) -> list[Fold]:
    """Every label in every fold; of very many examples one fifth is held out once."""
    fewest = int(np.bincount(truth).min())
    many = len(truth) > SPANNED
    parts = StratifiedKFold(min(5 if many else FOLDS, fewest), shuffle=True, random_state=seed)
    folds = [(train, test) for train, test in parts.split(np.zeros(len(truth)), truth)]
    return folds[:1] if many else folds


def _choose(
    texts: list[str], vectors: NDArray[np.float32], truth: NDArray[np.int64], folds: list[Fold]
) -> tuple[tuple[float, float], float, Floats]:
    """The knobs that do best on examples held out, and what they gave there."""
    tried: dict[tuple[tuple[float, float], float], Floats] = {}
    mixes = MIXES if vectors.shape[1] else ALONE
    ways = [(mix, strength) for mix in mixes for strength in STRENGTHS]
    if len(truth) > SPANNED:
        ways = [USUAL if vectors.shape[1] else (ALONE[0], USUAL[1])]
    count = int(truth.max()) + 1
    for train, test in folds:
        # The vocabulary is learnt without the examples held out: they must be as new as later texts.
        known = [learn([texts[at] for at in train], kind) for kind in KINDS]
        table = Table([texts[at] for at in train], vectors[train], known)
        unseen = Table([texts[at] for at in test], vectors[test], known)
        for mix, strength in ways:
            model = _Linear(table.mixed(mix), truth[train], strength)
            rows = tried.setdefault((mix, strength), np.zeros((len(truth), count)))
            rows[test] = model.scores(unseen.mixed(mix))
    held = np.concatenate([test for _, test in folds])

    def worth(way: tuple[tuple[float, float], float]) -> tuple[float, float]:
        rows = tried[way][held]
        right = float((rows.argmax(axis=1) == truth[held]).mean())
        return right, -_loss(rows, truth[held], _temperature(rows, truth[held]))

    best = max(ways, key=worth)
    return best[0], best[1], tried[best]


def _loss(scores: Floats, truth: NDArray[np.int64], temperature: float) -> float:
    sure = confidences(scores, temperature)[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(sure, 1e-12, None)).mean())


def _temperature(scores: Floats, truth: NDArray[np.int64]) -> float:
    """The one with which confidences fit what was right on examples held out."""
    seen = scores.any(axis=1)
    return min(TEMPERATURES, key=lambda one: _loss(scores[seen], truth[seen], one))
