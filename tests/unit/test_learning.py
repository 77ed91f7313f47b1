"""Classifiers and extractors: what they learn, what they refuse, what they are as bytes."""

from __future__ import annotations

import io
import pickle
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pycrfsuite
import pytest

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents.learning.classifier import read_classifier
from rechenwerk.documents.learning.examples import Example, ExamplesError, Span, checked
from rechenwerk.documents.learning.fitting import fit_classifier
from rechenwerk.documents.learning.fitting_spans import SETTINGS, fit_extractor
from rechenwerk.documents.learning.fitting_values import Marked
from rechenwerk.documents.learning.grams import learn
from rechenwerk.documents.learning.spans import (
    LABELS,
    FieldModel,
    best_path,
    labels_of,
    marginals,
    read_extractor,
    runs,
)
from rechenwerk.documents.learning.tokens import features, shape, tokens_of
from rechenwerk.documents.values import Box, Word

TABLE = """
invoice | please pay this invoice within a week
invoice | the invoice over 20 euro is due
invoice | attached you find our invoice
invoice | invoice number 17, amount due
offer | we offer you three chairs
offer | our offer is valid until May
offer | this offer includes delivery
offer | a better offer for ten tables
"""
NONE = np.zeros((8, 0), dtype=np.float32)


def rows(table: str) -> list[Example]:
    """A table 'label | text' as examples."""
    cells = [line.split("|", 1) for line in table.strip().splitlines()]
    return [Example(text.strip(), label.strip(), f"line {at}") for at, (label, text) in enumerate(cells, 1)]


def test_words_decide_without_vectors() -> None:
    model, report = fit_classifier(rows(TABLE), NONE, "")
    first, second = model.guesses("when is the invoice due?", None)
    assert (first.label, second.label) == ("invoice", "offer")
    assert first.confidence + second.confidence == pytest.approx(1)
    assert sum(map(sum, report.confusion)) == report.examples == 8
    assert [one.name for one in report.scores] == ["invoice", "offer"]


def test_vectors_decide_where_words_do_not() -> None:
    """No text shares a word with another: only the vectors say what belongs together."""
    chance = np.random.default_rng(1)
    examples = [Example(f"w{at} x{at}", "even" if at % 2 == 0 else "odd") for at in range(20)]
    vectors = chance.normal(scale=0.1, size=(20, 4)).astype(np.float32)
    vectors[:, 0] += [1.0 if at % 2 == 0 else -1.0 for at in range(20)]
    model, report = fit_classifier(examples, vectors, "some-model")
    assert report.accuracy == 1
    right = np.array([0.9, 0, 0, 0], dtype=np.float32)
    assert model.guesses("new words", right)[0].label == "even"
    with pytest.raises(DocumentError, match=r"vectors of some-model \(4 numbers\)"):
        model.guesses("new words", right[:3])


def test_the_same_seed_gives_the_same_bytes_and_they_answer_the_same() -> None:
    first, _ = fit_classifier(rows(TABLE), NONE, "", seed=3)
    second, _ = fit_classifier(rows(TABLE), NONE, "", seed=3)
    assert first.to_bytes() == second.to_bytes()
    again = read_classifier(first.to_bytes())
    text = "an offer of chairs"
    assert again.guesses(text, None)[0].label == first.guesses(text, None)[0].label == "offer"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("a | one\na | two", "all examples have the label 'a'; a classifier needs at least two labels"),
        ("a | one\na | two\nb | ", "line 3: the text is empty; take the example out or give it a text"),
        ("a | One\nb | one\nb | two", "line 2: the text 'one' is 'b' here and 'a' in line 1; decide for one"),
        ("a | one\na | two\nb | three", "label 'b' has 1 example only; give at least 2, better ten"),
    ],
)
def test_bad_examples_get_one_line(table: str, said: str) -> None:
    with pytest.raises(ExamplesError) as caught:
        fit_classifier(rows(table), np.zeros((len(table.splitlines()), 0), dtype=np.float32), "")
    assert str(caught.value) == said


def test_repetitions_count_once() -> None:
    kept = checked([*rows(TABLE), Example("Please pay  this invoice within a week", "invoice")])
    assert len(kept) == 8


def test_a_model_is_never_unpickled() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("it ran",))

    out = io.BytesIO()
    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    np.savez(out, header=trap)
    for bad in (out.getvalue(), pickle.dumps(Trap()), b"PK\x03\x04 no zip", b""):
        with pytest.raises(DocumentError, match="the trained model is damaged"):
            read_classifier(bad)


def test_parts_that_do_not_fit_are_refused() -> None:
    extractor, _ = fit_extractor("bill", bills(8))
    with pytest.raises(DocumentError, match="damaged"):
        read_classifier(extractor.to_bytes())


def test_grams_of_a_text_have_length_one() -> None:
    vocabulary = learn(["pay the bill", "pay the rent"], "words")
    places, values = vocabulary.vector("pay the bill pay")
    names = list(vocabulary.rows)
    assert {names[place] for place in places} == {"pay", "the", "bill", "pay the", "the bill"}
    assert float(np.linalg.norm(values)) == pytest.approx(1)
    assert vocabulary.vector("nothing known")[0] == []


def bills(number: int) -> list[Marked]:
    """Small bills with a number and a total."""
    chance = random.Random(4)
    made = []
    for at in range(number):
        label = chance.choice(["Rechnungsnummer:", "Invoice no.", "Beleg-Nr."])
        name, total = f"R-{chance.randint(1000, 9999)}", f"{chance.randint(10, 999)},{chance.randint(10, 99)}"
        text = (
            f"Firma {at}\nDatum 3.4.2025\n{label} {name}\nKunde {chance.randint(1000, 9999)}\n"
            f"Netto {chance.randint(1, 9)},00 EUR\nGesamt: {total} EUR\n"
        )
        spans = (_span(text, "number", name), _span(text, "total", total))
        made.append(Marked(text, spans, source=f"bill {at}"))
    return made


def _span(text: str, field: str, value: str) -> Span:
    start = text.rindex(value)
    return Span(field, start, start + len(value))


def test_an_extractor_finds_values_beside_their_labels() -> None:
    extractor, report = fit_extractor("bill", bills(30))
    assert report.accuracy > 0.9
    text = "Firma X\nBeleg-Nr. R-7712\nKunde 8811\nNetto 3,00 EUR\nGesamt: 44,90 EUR\n"
    found = {one.field: text[one.start : one.end] for one in read_extractor(extractor.to_bytes()).find(text)}
    assert found == {"number": "R-7712", "total": "44,90"}
    assert all(0 < one.confidence <= 1 for one in extractor.find(text))
    assert extractor.find("") == []


def test_an_extractor_is_the_same_for_the_same_documents() -> None:
    assert fit_extractor("bill", bills(8))[0].to_bytes() == fit_extractor("bill", bills(8))[0].to_bytes()


def test_our_best_path_is_crfsuites(tmp_path: Path) -> None:
    """Its own tagger on documents that neither has seen, token for token."""
    documents = bills(12)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=dict(SETTINGS), verbose=False)
    for one in documents:
        tokens = tokens_of(one.text)
        truth = labels_of(tokens, [span for span in one.spans if span.field == "total"])
        trainer.append(features(tokens, one.text), [LABELS[label] for label in truth])
    trainer.train(str(tmp_path / "model"))
    extractor, _ = fit_extractor("bill", documents)
    model = next(one for one in extractor.fields if one.field == "total")
    moves = model.moves.astype(np.float64)
    tagger = pycrfsuite.Tagger()
    with tagger.open(str(tmp_path / "model")):
        for one in bills(40)[12:]:
            rows_of = features(tokens_of(one.text), one.text)
            scores = model.scores(rows_of)
            assert [LABELS[label] for label in best_path(scores, moves)] == tagger.tag(rows_of)
            assert np.allclose(marginals(scores, moves).sum(axis=1), 1)


def test_paths_against_trying_them_all() -> None:
    chance = np.random.default_rng(5)
    for _ in range(20):
        scores, moves = chance.normal(size=(4, 3)), chance.normal(size=(3, 3))
        paths = np.array(np.meshgrid(*[range(3)] * 4)).reshape(4, -1).T
        sums = [
            sum(scores[at, label] for at, label in enumerate(path))
            + sum(moves[one, two] for one, two in pairwise(path))
            for path in paths
        ]
        assert best_path(scores, moves) == paths[int(np.argmax(sums))].tolist()
        weights = np.exp(sums)
        first = [weights[paths[:, 2] == label].sum() / weights.sum() for label in range(3)]
        assert np.allclose(marginals(scores, moves)[2], first)


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ([Marked("a b", (Span("x", 2, 9),), source="mail 7")], "mail 7: x is marked at 2 to 9"),
        ([Marked("  ", ())], "document 1: the text is empty"),
        ([Marked("a b", (Span("x", 0, 1),))], "no field has values in 5 documents yet"),
    ],
)
def test_bad_marks_get_one_line(documents: list[Marked], said: str) -> None:
    with pytest.raises(ExamplesError, match=said):
        fit_extractor("bill", documents)


def test_tokens_know_their_place() -> None:
    text = "Gesamt: 119,00 EUR.\nName"
    words = (Word(8, 14, 1, Box(70, 10, 100, 20)),)
    tokens = tokens_of(text, words)
    assert [(one.text, one.line) for one in tokens] == [
        ("Gesamt", 0),
        (":", 0),
        ("119,00", 0),
        ("EUR", 0),
        (".", 0),
        ("Name", 1),
    ]
    assert all(text[one.start : one.end] == one.text for one in tokens)
    assert tokens[2].box == Box(70, 10, 100, 20)
    row = features(tokens, text)[2]
    assert {"w=119,00", "s=9,9", "l=gesamt", "x=b1", "w1=eur"} <= set(row)
    assert "a=gesamt" in features(tokens, text)[5]


def test_shapes() -> None:
    assert [shape(one) for one in ("INV-2025/17", "Größe", "ÄB12")] == ["A-9/9", "Aa", "A9"]


def test_runs_of_labels() -> None:
    assert runs([0, 1, 2, 0, 1, 1, 0, 2]) == [(1, 2), (4, 4), (5, 5), (7, 7)]


def test_a_model_without_known_features_says_nothing() -> None:
    model = FieldModel("x", {}, np.zeros((0, 3), dtype=np.float32), np.zeros((3, 3), dtype=np.float32))
    tokens = tokens_of("one two")
    assert model.find(tokens, features(tokens, "one two")) == []
