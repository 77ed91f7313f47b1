"""Train an extractor. Only the training process imports this: it needs CRFsuite."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import pycrfsuite

from rechenwerk.documents.learning.examples import ExamplesError
from rechenwerk.documents.learning.fitting_values import Marked
from rechenwerk.documents.learning.reports import Report, Score, score
from rechenwerk.documents.learning.spans import LABELS, Extractor, FieldModel, labels_of, runs
from rechenwerk.documents.learning.tokens import FindFigures, Token, features, tokens_of

LEAST = 5
"""Documents with a value of a field: with fewer it is left out."""
FOLDS = 4
SETTINGS = MappingProxyType(
    {"c1": 0.05, "c2": 0.02, "max_iterations": 80, "feature.possible_transitions": True}
)


class _Read(msgspec.Struct):
    tokens: list[Token]
    rows: list[list[str]]
    truth: list[int]


def fit_extractor(
    schema: str, documents: Sequence[Marked], find: FindFigures | None = None, seed: int = 0
) -> tuple[Extractor, Report]:
    """Train and evaluate.

    Args:
        schema: name of what the fields belong to.
        documents: marked ones.
        find: finds figures in a text, whose kinds help.
        seed: of the folds.

    Raises:
        ExamplesError: a span outside its text, an empty text, or no field with enough values.
    """
    began = time.monotonic()
    _check(documents)
    read = [tokens_of(one.text, one.words) for one in documents]
    rows = [features(tokens, one.text, find) for tokens, one in zip(read, documents, strict=True)]
    counts = {
        field: sum(any(span.field == field for span in one.spans) for one in documents)
        for field in sorted({span.field for one in documents for span in one.spans})
    }
    fields = [field for field, count in counts.items() if count >= LEAST]
    if not fields:
        raise ExamplesError(
            f"no field has values in {LEAST} documents yet ({counts or 'none is marked'}); correct more"
        )
    order = list(range(len(documents)))
    random.Random(seed).shuffle(order)  # noqa: S311 - not a secret
    folds = min(FOLDS, len(documents))
    models, scores = [], []
    for field in fields:
        data = [
            _Read(tokens, row, labels_of(tokens, [span for span in one.spans if span.field == field]))
            for tokens, row, one in zip(read, rows, documents, strict=True)
        ]
        scores.append(_evaluate(field, data, [order[at::folds] for at in range(folds)]))
        models.append(_train(field, data))
    right = sum(one.recall * one.examples for one in scores)
    given = sum(one.recall * one.examples / one.precision for one in scores if one.precision)
    micro = 2 * right / (given + sum(one.examples for one in scores))
    report = Report(
        "extractor",
        len(documents),
        folds,
        micro,
        float(np.mean([one.f1 for one in scores])),
        tuple(scores),
        seconds=time.monotonic() - began,
        knobs={name: float(value) for name, value in SETTINGS.items()},
        skipped=len(counts) - len(fields),
    )
    return Extractor(schema, tuple(models)), report


def _check(documents: Sequence[Marked]) -> None:
    for at, one in enumerate(documents, 1):
        where = one.source or f"document {at}"
        if not one.text.strip():
            raise ExamplesError(f"{where}: the text is empty; take the document out")
        for span in one.spans:
            if not 0 <= span.start < span.end <= len(one.text):
                raise ExamplesError(
                    f"{where}: {span.field} is marked at {span.start} to {span.end}, the text has"
                    f" {len(one.text)} characters; mark it again"
                )


def _evaluate(field: str, data: Sequence[_Read], folds: Sequence[Sequence[int]]) -> Score:
    """Values found exactly in documents that were held out."""
    examples = given = right = 0
    for fold in folds:
        held = set(fold)
        known = [one for at, one in enumerate(data) if at not in held]
        if not any(any(one.truth) for one in known):
            examples += sum(len(runs(data[at].truth)) for at in fold)
            continue
        model = _train(field, known)
        for at in fold:
            one = data[at]
            truth = {(one.tokens[first].start, one.tokens[last].end) for first, last in runs(one.truth)}
            found = {(value.start, value.end) for value in model.find(one.tokens, one.rows)}
            examples, given, right = examples + len(truth), given + len(found), right + len(truth & found)
    return score(field, examples, given, right)


def _train(field: str, data: Sequence[_Read]) -> FieldModel:
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=dict(SETTINGS), verbose=False)
    for one in data:
        trainer.append(one.rows, [LABELS[label] for label in one.truth])
    with tempfile.TemporaryDirectory(prefix="rw-crf-") as folder:
        path = Path(folder) / "model"
        trainer.train(str(path))
        tagger = pycrfsuite.Tagger()
        with tagger.open(str(path)):
            info = tagger.info()
    names = sorted({name for name, _ in info.state_features})
    rows = {name: at for at, name in enumerate(names)}
    weights = np.zeros((len(names), len(LABELS)), dtype=np.float32)
    for (name, label), weight in info.state_features.items():
        weights[rows[name], LABELS.index(label)] = weight
    moves = np.zeros((len(LABELS), len(LABELS)), dtype=np.float32)
    for (one, two), weight in info.transitions.items():
        moves[LABELS.index(one), LABELS.index(two)] = weight
    return FieldModel(field, rows, weights, moves)
