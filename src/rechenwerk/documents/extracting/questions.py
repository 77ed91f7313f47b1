"""Questions to a model, made for small ones: it chooses a numbered line, it does not write the value.

Every field that rules leave open is one question. The lines are the candidates of the field's type with their
surroundings, the best first and few enough for a small context; 0 stands for 'not there'. A choice is asked
for twice, with the lines in another order: a model that only likes the first line contradicts itself. What it
chose is checked like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.documents.checking.evidence import Proof
from rechenwerk.documents.checking.labels import NEVER
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.ports import Asker, Question
from rechenwerk.documents.schemas import Field, Schema

MOST = 6
"""Lines that a question shows."""
LONGEST = 100
"""Characters of a line."""
_TOKENS = 16

_SYSTEM = MappingProxyType(
    {
        "de": "Du liest Dokumente. Antworte nur mit der Nummer der Zeile, in der der gesuchte Wert in [[ ]] "
        "steht. Antworte 0, wenn keine Zeile passt.",
        "en": "You read documents. Answer only with the number of the line in which the value asked for "
        "stands in [[ ]]. Answer 0 if no line fits.",
    }
)
_ASKED = MappingProxyType(
    {
        "de": "Gesucht: {title}. {about}\n\n{lines}\n\nNummer:",
        "en": "Wanted: {title}. {about}\n\n{lines}\n\nNumber:",
    }
)
_SORTED = MappingProxyType(
    {
        "de": "Du ordnest Dokumente ein. Antworte nur mit der Nummer der Art, 0 für keine davon.",
        "en": "You sort documents. Answer only with the number of the kind, 0 for none of them.",
    }
)


class _Choice(msgspec.Struct):
    choice: int


def choices(reading: Reading, proofs: Sequence[Proof]) -> list[Proof]:
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
    return kept[:MOST]


async def choose(
    asker: Asker, reading: Reading, field: Field, proofs: Sequence[Proof], purpose: str
) -> tuple[Proof | None, int]:
    """The candidate that the model chooses in both orders, and how many questions that took.

    None where it chooses none (the second order is not asked then) or contradicts itself.

    Raises:
        ModelRefusedError: the gateway refused, or nobody answers.
    """
    forward = await _one(asker, reading, field, proofs, f"{purpose} {field.name} 1")
    if forward is None:
        return None, 1
    backward = await _one(asker, reading, field, tuple(reversed(proofs)), f"{purpose} {field.name} 2")
    return (forward if backward is forward else None), 2


async def _one(
    asker: Asker, reading: Reading, field: Field, proofs: Sequence[Proof], purpose: str
) -> Proof | None:
    language = "en" if reading.language.startswith("en") else "de"
    lines = "\n".join(f"{at}: {_line(reading, proof)}" for at, proof in enumerate(proofs, 1))
    title = field.title.get(language) or field.name.replace("_", " ")
    asked = _ASKED[language].format(title=title, about=field.about, lines=lines)
    answer = await asker.ask(Question(purpose, _SYSTEM[language], asked, _shape(len(proofs)), _TOKENS))
    number = _number(answer, len(proofs))
    return proofs[number - 1] if number else None


def _shape(most: int) -> dict[str, Any]:
    """JSON Schema of the answer."""
    return {
        "type": "object",
        "properties": {"choice": {"type": "integer", "enum": list(range(most + 1))}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def _number(answer: str, most: int) -> int:
    """The number in an answer; 0 where it is none of those offered."""
    try:
        number = msgspec.json.decode(answer, type=_Choice).choice
    except msgspec.MsgspecError:
        return 0
    return number if 0 < number <= most else 0


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
        question = Question(f"{purpose} {turn}", _SORTED[language], asked, _shape(len(ordered)), _TOKENS)
        number = _number(await asker.ask(question), len(ordered))
        chosen.append(ordered[number - 1].name if number else "")
    return chosen[0] if chosen[0] == chosen[1] else ""
