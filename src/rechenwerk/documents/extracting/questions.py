"""Questions to a model, made for small ones: it chooses numbered lines, it does not write values.

All fields that rules leave open are one question. The lines are the candidates of each field's type with
their surroundings, the best first and few enough for a small context; 0 stands for 'not there'. What was
chosen is asked for a second time, with fields and lines in another order: a model that only likes the first
line contradicts itself. What it chose is checked like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.documents.checking.evidence import Proof
from rechenwerk.documents.checking.labels import NEVER
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.ports import Asker, Question
from rechenwerk.documents.schemas import Field, Schema

LINES = 16
"""Lines that a question shows, of all its fields together."""
MOST = 6
"""Lines of one field."""
FIELDS = 8
"""Fields that a question asks for."""
LONGEST = 100
"""Characters of a line."""
_TOKENS = 16
"""Of an answer, for each field."""

_SYSTEM = MappingProxyType(
    {
        "de": "Du liest Dokumente. Antworte für jedes gesuchte Feld nur mit der Nummer der Zeile, in"
        " der sein Wert "
        "in [[ ]] steht. Antworte 0, wenn keine Zeile passt.",
        "en": "You read documents. Answer for each field asked for only with the number of the line in"
        " which its "
        "value stands in [[ ]]. Answer 0 if no line fits.",
    }
)
_ASKED = MappingProxyType(
    {
        "de": "Gesucht ist {name}: {title}. {about}\n{lines}",
        "en": "Wanted is {name}: {title}. {about}\n{lines}",
    }
)
_SORTED = MappingProxyType(
    {
        "de": "Du ordnest Dokumente ein. Antworte nur mit der Nummer der Art, 0 für keine davon.",
        "en": "You sort documents. Answer only with the number of the kind, 0 for none of them.",
    }
)


_KIND = "kind"


class Open(msgspec.Struct, frozen=True):
    """A field that rules leave open, and the candidates that a model may choose between, the best first."""

    field: Field
    proofs: tuple[Proof, ...]


def choices(reading: Reading, proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """Candidates worth asking about: each value once, other roles and misprints left out, the best first."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for proof in sorted(proofs, key=lambda one: (-one.role.strength, len(one.value.reasons))):
        evidence = proof.value.evidence
        spoilt = proof.value.value is None or proof.role.strength == NEVER
        if evidence is None or spoilt or reading.is_quoted(evidence.start):
            continue
        said = evidence.quote, proof.role.phrase
        if said not in seen:
            seen.add(said)
            kept.append(proof)
    return tuple(kept[:MOST])


async def choose(asker: Asker, reading: Reading, opened: Sequence[Open], purpose: str) -> dict[str, Proof]:
    """The candidates that the model chooses in both orders, by field.

    What it does not choose in the first order is not asked for in the second; a field for which it
    contradicts itself has none.

    Args:
        asker: the model.
        reading: the document.
        opened: what is open, the most important first; what a question has no room for is left out.
        purpose: of the questions, unique within the job.

    Raises:
        ModelRefusedError: the gateway refused, or nobody answers.
    """
    shown = _shown(opened)
    forward = await _one(asker, reading, shown, f"{purpose} 1")
    if not forward:
        return {}
    turned = [
        Open(one.field, tuple(reversed(one.proofs))) for one in reversed(shown) if one.field.name in forward
    ]
    backward = await _one(asker, reading, turned, f"{purpose} 2")
    return {name: proof for name, proof in forward.items() if backward.get(name) is proof}


def _shown(opened: Sequence[Open]) -> list[Open]:
    """What a question has room for: each field its share of the lines."""
    kept = opened[:FIELDS]
    most = min(MOST, LINES // len(kept)) if kept else 0
    return [Open(one.field, one.proofs[:most]) for one in kept]


async def _one(asker: Asker, reading: Reading, opened: Sequence[Open], purpose: str) -> dict[str, Proof]:
    """What one question brings: for each field that a line was chosen for, its candidate."""
    language = "en" if reading.language.startswith("en") else "de"
    blocks: list[str] = []
    numbered: dict[str, dict[int, Proof]] = {}
    at = 1
    for one in opened:
        mine = numbered[one.field.name] = dict(enumerate(one.proofs, at))
        at += len(mine)
        lines = "\n".join(f"{number}: {_line(reading, proof)}" for number, proof in mine.items())
        title = one.field.title.get(language) or one.field.name.replace("_", " ")
        blocks.append(
            _ASKED[language].format(name=one.field.name, title=title, about=one.field.about, lines=lines)
        )
    shape = _shape({name: [0, *mine] for name, mine in numbered.items()})
    question = Question(purpose, _SYSTEM[language], "\n\n".join(blocks), shape, _TOKENS * len(opened))
    numbers = _numbers(await asker.ask(question))
    return {name: mine[number] for name, mine in numbered.items() if (number := numbers.get(name)) in mine}


def _shape(numbers: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """JSON Schema of an answer: for each name one of its numbers."""
    return {
        "type": "object",
        "properties": {name: {"type": "integer", "enum": list(some)} for name, some in numbers.items()},
        "required": list(numbers),
        "additionalProperties": False,
    }


def _numbers(answer: str) -> dict[str, int]:
    """The numbers in an answer by name; an answer that is no object of numbers has none."""
    try:
        return msgspec.json.decode(answer, type=dict[str, int])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def _line(reading: Reading, proof: Proof) -> str:
    """A candidate with the words around it: what governs it, its line, and what follows."""
    evidence = proof.value.evidence
    assert evidence is not None
    begin = reading.text.rfind("\n", 0, evidence.start) + 1
    end = reading.text.find("\n", evidence.end)
    before = reading.text[begin : evidence.start]
    after = reading.text[evidence.end : end if end >= 0 else len(reading.text)]
    phrase = proof.role.phrase
    over = f"{phrase} | " if phrase and phrase not in " ".join(before.split()) else ""
    around = (LONGEST - len(evidence.quote)) // 2
    return " ".join(f"{over}{before[-around:]}[[{evidence.quote}]]{after[:around]}".split())


async def sort(asker: Asker, text: str, schemas: Sequence[Schema], language: str, purpose: str) -> str:
    """The name of the kind of document that the model chooses in both orders; '' for none.

    Raises:
        ModelRefusedError: the gateway refused, or nobody answers.
    """
    chosen = []
    for turn, ordered in enumerate((tuple(schemas), tuple(reversed(schemas))), 1):
        lines = "\n".join(
            f"{at}: {schema.title.get(language, schema.name)}. {schema.about}"
            for at, schema in enumerate(ordered, 1)
        )
        asked = f"{text}\n\n{lines}\n\n{'Number' if language == 'en' else 'Nummer'}:"
        shape = _shape({_KIND: range(len(ordered) + 1)})
        question = Question(f"{purpose} {turn}", _SORTED[language], asked, shape, _TOKENS)
        number = _numbers(await asker.ask(question)).get(_KIND, 0)
        chosen.append(ordered[number - 1].name if 0 < number <= len(ordered) else "")
    return chosen[0] if chosen[0] == chosen[1] else ""
