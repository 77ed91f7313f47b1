"""Classifiers from ten examples a class: the product's training beside a character n-gram SVM.

    python -m bench.documents.learning --data FOLDER/hwu64 --data FOLDER/banking77 [--record]

A folder holds train_10.tsv and test.tsv (label, tab, text), or train.csv and test.csv (text, category), of
which ten examples a class are drawn from one seed. Without a folder RECHENWERK_BENCH_DATA/hwu64 is taken, and
where there is none, sentences are made up, which shows that the bench runs and nothing else. The test
set is read once, for the last figure: every knob is chosen by cross-validation on the training examples.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import httpx2
import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from bench import results
from rechenwerk.documents.learning.classifier import read_classifier
from rechenwerk.documents.learning.examples import Example
from rechenwerk.documents.learning.process import TrainerProcess
from rechenwerk.documents.learning.tasks import Done, Task
from rechenwerk.providers.assets import POTION, fetch
from rechenwerk.providers.embedded_child import start
from rechenwerk.providers.sentences import MINILM, install

NAME = "learning"
EACH = 10
SEED = 20
BATCH = 128
TABLE = "potion-multilingual"
ROOT = Path(__file__).resolve().parents[2]
VERBS = ("open", "close", "find", "send", "delete", "print")
THINGS = ("letter", "door", "invoice", "window", "picture", "file", "mail", "song")
Rows = list[tuple[str, str]]


class Outcome(msgspec.Struct, frozen=True):
    """What a set gave: shares of right answers on its test set, seconds."""

    name: str
    classes: int
    train: int
    test: int
    ours: float
    promised: float
    table: float
    alone: float
    svm: float
    seconds: float
    embedding: float
    answer_ms: float


def read(folder: Path) -> tuple[Rows, Rows]:
    """Ten examples a class, and the test set, as (label, text)."""
    if (folder / "train_10.tsv").is_file():
        return _tsv(folder / "train_10.tsv"), _tsv(folder / "test.tsv")
    return drawn(_csv(folder / "train.csv")), _csv(folder / "test.csv")


def _tsv(path: Path) -> Rows:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(label, text) for label, _, text in (line.partition("\t") for line in lines if line.strip())]


def _csv(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["category"], row["text"]) for row in csv.DictReader(file)]


def drawn(rows: Rows) -> Rows:
    """Ten of every class."""
    texts: dict[str, list[str]] = defaultdict(list)
    for label, text in rows:
        texts[label].append(text)
    chance = random.Random(SEED)
    return [
        (label, text) for label in sorted(texts) for text in chance.sample(sorted(set(texts[label])), EACH)
    ]


def made_up() -> tuple[Rows, Rows]:
    """Sentences of a verb and a thing: the verb is the class."""
    chance = random.Random(SEED)
    forms = ("please {} the {}", "{} my {} now", "can you {} this {}", "I want to {} a {}", "{} every {}")
    rows = [
        (verb, form.format(verb, f"{thing} {chance.randint(1, 99)}"))
        for verb in VERBS
        for thing in THINGS
        for form in forms
    ]
    train = drawn(rows)
    return train, [row for row in rows if row not in set(train)]


class Embedding:
    """The product's embeddings child, asked as the gateway asks it."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=600, trust_env=False)

    def vectors(self, model: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row per text."""
        rows: list[list[float]] = []
        for at in range(0, len(texts), BATCH):
            body = {"model": model, "input": list(texts[at : at + BATCH])}
            answer = self._client.post("/v1/embeddings", json=body)
            answer.raise_for_status()
            rows += [one["embedding"] for one in answer.json()["data"]]
        return np.asarray(rows, dtype=np.float32)


def product(
    train: Rows, test: Rows, model: str, embedding: Embedding
) -> tuple[float, float, float, Done, float]:
    """The product on a set: accuracy, seconds of embedding and of training, the model, ms an answer."""
    began = time.monotonic()
    examples = tuple(Example(text, label) for label, text in train)
    vectors = embedding.vectors(model, [one.text for one in examples])
    embedded = time.monotonic() - began
    task = Task("classifier", examples, vectors.astype("<f4").tobytes(), model)
    done = msgspec.msgpack.decode(
        asyncio.run(TrainerProcess().train(msgspec.msgpack.encode(task))), type=Done
    )
    trained = time.monotonic() - began - embedded
    if done.report is None:
        raise SystemExit(done.fault)
    classifier = read_classifier(done.artefact)
    unseen = embedding.vectors(model, [text for _, text in test])
    began = time.monotonic()
    right = [
        classifier.guesses(text, vector)[0].label == label
        for (label, text), vector in zip(test, unseen, strict=True)
    ]
    answering = (time.monotonic() - began) / len(test) * 1000
    return sum(right) / len(right), embedded, trained, done, answering


def svm(train: Rows, test: Rows) -> float:
    """A linear SVM over tf-idf of groups of two to five letters within words, scikit-learn's own."""
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    seen = vectorizer.fit_transform([text for _, text in train])
    model = LinearSVC().fit(seen, [label for label, _ in train])
    unseen = vectorizer.transform([text for _, text in test])
    return float(model.score(unseen, [label for label, _ in test]))


def alone(train: Rows, test: Rows) -> float:
    """The product without vectors: words and letters."""
    examples = tuple(Example(text, label) for label, text in train)
    task = Task("classifier", examples)
    done = msgspec.msgpack.decode(
        asyncio.run(TrainerProcess().train(msgspec.msgpack.encode(task))), type=Done
    )
    model = read_classifier(done.artefact)
    return sum(model.guesses(text, None)[0].label == label for label, text in test) / len(test)


def measure(name: str, train: Rows, test: Rows, embedding: Embedding) -> Outcome:
    """Everything about a set."""
    ours, embedded, trained, done, answering = product(train, test, MINILM.name, embedding)
    assert done.report is not None
    return Outcome(
        name,
        len({label for label, _ in train}),
        len(train),
        len(test),
        ours,
        done.report.accuracy,
        product(train, test, TABLE, embedding)[0],
        alone(train, test),
        svm(train, test),
        trained,
        embedded,
        answering,
    )


def show(outcomes: Sequence[Outcome]) -> None:
    """For people."""
    shown = Table(title="Ten examples a class: right on the test set")
    columns = (
        "set",
        "classes",
        "test",
        "ours",
        "by cross-validation",
        "static table",
        "no vectors",
        "n-gram SVM",
    )
    for column in (*columns, "training", "embedding", "an answer"):
        shown.add_column(column, justify="left" if column == "set" else "right")
    for one in outcomes:
        shares = (one.ours, one.promised, one.table, one.alone, one.svm)
        seconds = (f"{one.seconds:.1f} s", f"{one.embedding:.1f} s", f"{one.answer_ms:.2f} ms")
        shown.add_row(
            one.name, str(one.classes), str(one.test), *(f"{share:.1%}" for share in shares), *seconds
        )
    Console(width=None if sys.stdout.isatty() else 180).print(shown)


def record(outcomes: Sequence[Outcome]) -> None:
    """Into results.jsonl."""
    lines = []
    for one in outcomes:
        peers = {"character n-gram SVM": [100 * one.svm], "static table": [100 * one.table]}
        right = results.metric(
            NAME, f"right on {one.name}, ten examples a class", "%", [100 * one.ours], peers
        )
        took = results.metric(NAME, f"training and embedding, {one.name}", "s", [one.seconds + one.embedding])
        lines += [
            results.line(
                m, cores=os.cpu_count() or 1, commit=results.commit(), date=results.today(), mode="full"
            )
            for m in (right, took)
        ]
    results.append(lines)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench.documents.learning", description=__doc__)
    parser.add_argument(
        "--data", action="append", type=Path, help="folder of a set; may be given several times"
    )
    parser.add_argument("--record", action="store_true", help="append the figures to bench/results.jsonl")
    options = parser.parse_args()
    usual = Path(os.environ.get("RECHENWERK_BENCH_DATA", "nowhere")) / "hwu64"
    folders = options.data or ([usual] if usual.is_dir() else [])
    sets = [(folder.resolve().name, *read(folder)) for folder in folders] or [("made-up", *made_up())]
    models = ROOT / ".cache" / "sentences"
    models.mkdir(parents=True, exist_ok=True)
    fetch(POTION, models, print)
    install(models, lambda *_: None)
    child = start(models, chat=False)
    try:
        embedding = Embedding(child.embeddings_url)
        outcomes = [measure(name, train, test, embedding) for name, train, test in sets]
    finally:
        child.stop()
    show(outcomes)
    if options.record:
        record(outcomes)


if __name__ == "__main__":
    main()
