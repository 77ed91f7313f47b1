"""What is to be found in a kind of document: a schema of typed fields."""

from __future__ import annotations

import msgspec

SHAPES = ("", "identifier", "percent", "sender", "recipient", "name", "title", "sentence", "unique")
TYPES = ("text", "number", "money", "date", "period", "iban", "vat_id", "yes_no", "one_of", "rows")


class Field(msgspec.Struct, frozen=True):
    """One thing to find.

    Args:
        name: a word of a-z, 0-9 and _.
        type: one of TYPES.
        title: what people read, by language ('de', 'en').
        labels: words that stand beside or above the value and give it its role, German and English.
        never: words that give another role ('Fälligkeitsdatum' for an invoice date).
        options: for one_of: what it may be.
        required: whether a document without it goes to review.
        fields: for rows: the columns.
        about: one sentence for the model and for people.
        weak: labels that give the role only where no better one stands ('Datum', 'Summe'): such a value needs
            a passed cross-check or an agreeing second reader.
        shape: what a text looks like: '' (free), 'identifier' (a number or code), 'percent', 'sender' (who
            wrote the document), 'recipient' (whom it is addressed to), 'name', 'title', 'sentence' (the one
            with the label), 'unique' (one_of: the one option that the document names at all).
        meanings: for one_of and yes_no: words of a document that stand for an option.
    """

    name: str
    type: str
    title: dict[str, str] = msgspec.field(default_factory=dict)
    labels: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    required: bool = False
    fields: tuple[Field, ...] = ()
    about: str = ""
    weak: tuple[str, ...] = ()
    shape: str = ""
    meanings: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Rule(msgspec.Struct, frozen=True):
    """A cross-check between fields.

    Args:
        kind: 'sum' (the last field is the sum of the others, columns of rows included: 'items.amount'),
            'product' (the last is the product of the others, row by row), 'tax' (net, rate, tax), 'order'
            (dates in this order), 'term' (the last is the first and the days that the document grants),
            'differ' (no value twice), 'known' (a known entity's name, numbers).
        fields: paths, in the order that the kind needs.
    """

    kind: str
    fields: tuple[str, ...]


class Schema(msgspec.Struct, frozen=True):
    """A kind of document.

    Args:
        name: a word.
        title: what people read, by language.
        fields: what is to be found.
        rules: cross-checks.
        words: words that speak for this kind, for classification by rules.
        about: one sentence.
        mask: personal data of such documents is masked before a model sees it.
    """

    name: str
    fields: tuple[Field, ...]
    title: dict[str, str] = msgspec.field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    words: tuple[str, ...] = ()
    about: str = ""
    mask: bool = False
