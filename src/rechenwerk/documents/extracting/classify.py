"""Which kind of document it is: by an organisation's examples, by the schemas' words, or by a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log

import msgspec

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.extracting.ports import TrainedClassifier
from rechenwerk.documents.extracting.questions import sort
from rechenwerk.documents.ports import Asker
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import Parsed

HEAD = 3000
"""Characters of a document's beginning that its kind is told by; its title counts most."""
SURE = 0.8
"""Confidence from which an organisation's own classifier is believed."""
CLEAR = 1.5
"""By so much the best kind's words outweigh the second's before rules are believed."""
LEAST = 2.0
_TITLE = 200
_ASKED = 1200


class Kind(msgspec.Struct, frozen=True):
    """What kind a document is.

    Args:
        name: of the schema; '' where nobody can tell.
        origin: 'trained', 'rule', 'model' or ''.
        scores: of the rules, by schema.
    """

    name: str
    origin: str
    scores: dict[str, float]


async def classify(
    parsed: Parsed,
    schemas: Sequence[Schema],
    trained: TrainedClassifier | None = None,
    asker: Asker | None = None,
    *,
    purpose: str = "classify",
) -> Kind:
    """The kind of a document.

    Args:
        parsed: the document.
        schemas: the kinds that it may be of.
        trained: the organisation's own classifier, asked first.
        asker: a model, asked last, where neither is sure.
        purpose: of the questions, unique within the job.

    Returns:
        Its kind; without a name where nobody is sure: then a person says it.
    """
    scores = by_words(parsed.text, schemas)
    names = {schema.name for schema in schemas}
    if trained is not None:
        guesses = await trained.classify(parsed.text[:HEAD])
        if guesses and guesses[0].confidence >= SURE and guesses[0].label in names:
            return Kind(guesses[0].label, "trained", scores)
    if parsed.invoice and "invoice" in names:
        return Kind("invoice", "rule", scores)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    if ranked and ranked[0][1] >= LEAST:
        second = ranked[1][1] if len(ranked) > 1 else 0.0
        if ranked[0][1] >= CLEAR * second:
            return Kind(ranked[0][0], "rule", scores)
    if asker is not None and schemas:
        try:
            language = "en" if parsed.language.startswith("en") else "de"
            name = await sort(asker, parsed.text[:_ASKED], schemas, language, purpose)
        except ModelRefusedError:
            name = ""
        if name:
            return Kind(name, "model", scores)
    return Kind("", "", scores)


def by_words(text: str, schemas: Sequence[Schema]) -> dict[str, float]:
    """How much the words of each schema speak for it: rare words more, those in the title twice."""
    head = text[:HEAD].casefold()
    title = head[:_TITLE]
    holders: dict[str, int] = {}
    for schema in schemas:
        for word in {word.casefold() for word in schema.words}:
            holders[word] = holders.get(word, 0) + 1
    scores = {}
    for schema in schemas:
        score = 0.0
        for word in {word.casefold() for word in schema.words}:
            pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
            if pattern.search(head):
                weight = log(1 + len(schemas) / holders[word])
                score += weight * (2 if pattern.search(title) else 1)
        scores[schema.name] = score
    return scores
