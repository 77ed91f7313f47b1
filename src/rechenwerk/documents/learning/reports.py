"""How well a trained model does on examples that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Score(msgspec.Struct, frozen=True):
    """A label or a field: how many there are, how many were found, right and in all; shares from 0 to 1."""

    name: str
    examples: int
    precision: float
    recall: float
    f1: float


class Report(msgspec.Struct, frozen=True):
    """An evaluation by cross-validation.

    Args:
        kind: 'classifier' or 'extractor'.
        folds: parts that were held out, one after the other.
        accuracy: share of right answers; for spans the share of values found exactly (micro F1).
        scores: per label or field.
        confusion: rows of true labels, columns of given ones, in the order of the scores; empty for spans.
        seconds: that training took, evaluation included.
        knobs: what was chosen.
    """

    kind: str
    examples: int
    folds: int
    accuracy: float
    macro_f1: float
    scores: tuple[Score, ...]
    confusion: tuple[tuple[int, ...], ...] = ()
    seconds: float = 0.0
    knobs: dict[str, float] = msgspec.field(default_factory=dict)
    skipped: int = 0


def score(name: str, examples: int, given: int, right: int) -> Score:
    """From counts."""
    precision = right / given if given else 0.0
    recall = right / examples if examples else 0.0
    f1 = 2 * right / (given + examples) if given + examples else 0.0
    return Score(name, examples, precision, recall, f1)


def of_labels(
    labels: Sequence[str], truth: Sequence[int], given: Sequence[int]
) -> tuple[tuple[Score, ...], tuple[tuple[int, ...], ...]]:
    """Scores and the confusion table of a classifier."""
    table = [[0] * len(labels) for _ in labels]
    for row, column in zip(truth, given, strict=True):
        table[row][column] += 1
    scores = tuple(
        score(label, sum(table[at]), sum(row[at] for row in table), table[at][at])
        for at, label in enumerate(labels)
    )
    return scores, tuple(tuple(row) for row in table)
