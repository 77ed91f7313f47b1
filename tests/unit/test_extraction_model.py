"""A model beside the rules: it chooses lines; what it chooses counts only where the document proves it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.extracting.classify import classify
from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.extracting.schemas import READY, from_words, ready
from rechenwerk.documents.ports import Question
from rechenwerk.documents.values import Value, Word
from tests.unit.drawn import drawn

UNKNOWN_LABEL = """
Belegnotiz
Fakturatag der Rechnung:       03.04.2025
Tag der Bestellaufnahme:       01.03.2025
Rechnungsnummer:               R-17
"""


def offered(question: Question) -> dict[str, list[int]]:
    """The numbers that an answer may have, by name; 0 first."""
    assert question.schema is not None
    return {name: shape["enum"] for name, shape in question.schema["properties"].items()}


class Chooser:
    """A model that always wants the lines with the same words, or those at the same place if told to."""

    def __init__(self, wanted: str, *, refuses: bool = False, always: int | None = None) -> None:
        self.wanted = wanted
        self.always = always
        self.refuses = refuses
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> str:
        if self.refuses:
            raise ModelRefusedError("the budget of the job's key is spent; raise it")
        self.asked.append(question)
        return msgspec.json.encode(
            {name: self._chosen(question, name) for name in offered(question)}
        ).decode()

    def _chosen(self, question: Question, name: str) -> int:
        if self.always is not None:
            return self.always if self.always > 90 else offered(question)[name][self.always]
        lines = [line for line in question.user.splitlines() if re.match(r"\d+: ", line)]
        numbers = [int(line.split(":")[0]) for line in lines if self.wanted in line]
        return next((number for number in numbers if number in offered(question)[name]), 0)

    async def embed(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        raise NotImplementedError


def values(
    drawing: str, asker: Chooser | None, words: str = "Rechnungsnummer, Rechnungsdatum"
) -> dict[str, Value]:
    found = asyncio.run(extract(drawn(drawing), from_words(words), asker))
    return {value.field: value for value in found}


def test_a_label_that_no_schema_knows_counts_when_the_model_chooses_it_twice() -> None:
    asker = Chooser("[[03.04.2025]]")
    found = values(UNKNOWN_LABEL, asker)["rechnungsdatum"]
    assert (found.value, found.state, found.origin) == ("2025-04-03", "proven", "model")
    assert found.evidence is not None
    assert [question.purpose for question in asker.asked] == ["extract 1", "extract 2"]
    assert [list(offered(question)) for question in asker.asked] == [["rechnungsdatum"]] * 2


def test_a_choice_whose_words_have_nothing_in_common_with_the_field_goes_to_a_person() -> None:
    found = values("Druckstand 03.04.2025\nRechnungsnummer: R-17", Chooser("[[03.04.2025]]"))[
        "rechnungsdatum"
    ]
    assert (found.value, found.state) == ("2025-04-03", "unproven")
    assert any(reason.startswith("role:") for reason in found.reasons)


def test_a_model_that_likes_the_first_line_contradicts_itself() -> None:
    found = values(UNKNOWN_LABEL, Chooser("", always=1))["rechnungsdatum"]
    assert found.state == "absent"


def test_an_answer_that_is_no_choice_is_none() -> None:
    found = values(UNKNOWN_LABEL, Chooser("", always=99))["rechnungsdatum"]
    assert found.state == "absent"


def test_what_rules_prove_is_not_asked_for() -> None:
    asker = Chooser("[[")
    found = values("Rechnungsnummer: R-17\nRechnungsdatum: 03.04.2025", asker)
    assert {value.state for value in found.values()} == {"proven"}
    assert asker.asked == []


def test_a_model_that_refuses_leaves_what_rules_found() -> None:
    found = values(
        "Rechnungsnummer: R-17\nTotal   10,00 EUR", Chooser("", refuses=True), "invoice number, total"
    )
    assert found["invoice_number"].state == "proven"
    assert found["total"].state == "unproven"
    assert any(reason.startswith("model: the budget") for reason in found["total"].reasons)


def test_kinds_are_told_by_words_and_by_a_model_where_words_do_not_say() -> None:
    schemas = [ready(name) for name in READY]
    plain = drawn("Rechnung Nr. 17\nRechnungsdatum 01.02.2025\nzzgl. 19 % MwSt 19,00\nZahlbar bis 15.02.2025")
    assert asyncio.run(classify(plain, schemas)).name == "invoice"
    lease = drawn(
        "Mietvertrag\nzwischen Vermieter und Mieter\nVertragslaufzeit 5 Jahre, Kündigungsfrist 3 Monate"
    )
    assert asyncio.run(classify(lease, schemas)).name == "contract"
    unclear = drawn("Guten Tag")
    assert asyncio.run(classify(unclear, schemas)).name == ""
    chosen = asyncio.run(classify(unclear, schemas, asker=Chooser(": Antrag.")))
    assert (chosen.name, chosen.origin) == ("application", "model")


def test_a_total_is_proven_by_amounts_that_nobody_asked_for() -> None:
    drawing = """
Subtotal       100,00 EUR
VAT 19 %        19,00 EUR
Total          119,00 EUR
"""
    found = values(drawing, None, "total")
    assert list(found) == ["total"]
    assert (found["total"].value["amount"], found["total"].state) == ("119", "proven")


def test_a_trained_extractor_gives_a_role_only_where_it_is_sure() -> None:
    parsed = drawn("Fa. Beispiel\nVorgang 03.04.2025\nStand 05.06.2025")
    schema = from_words("Rechnungsdatum")
    for confidence, state in ((0.99, "proven"), (0.6, "unproven")):
        start = parsed.text.index("03.04.2025")
        trained = Learned([Spotted("rechnungsdatum", start, start + 10, confidence)])
        (found,) = asyncio.run(extract(parsed, schema, None, trained))
        assert (found.value, found.state, found.origin) == ("2025-04-03", state, "trained")


def test_a_trained_extractor_proves_nothing_that_no_word_governs() -> None:
    parsed = drawn("03.04.2025\n\n\n\nFa. Beispiel")
    trained = Learned([Spotted("rechnungsdatum", 0, 10, 1.0)])
    (found,) = asyncio.run(extract(parsed, from_words("Rechnungsdatum"), None, trained))
    assert (found.value, found.state) == ("2025-04-03", "unproven")
    assert found.reasons == ("role: no label",)


class Spotted(msgspec.Struct, frozen=True):
    field: str
    start: int
    end: int
    confidence: float


class Learned:
    def __init__(self, found: list[Spotted]) -> None:
        self.found = found

    def find(self, text: str, words: Sequence[Word] = ()) -> list[Spotted]:
        return self.found


def test_a_model_that_sees_nothing_is_not_asked_in_the_other_order() -> None:
    asker = Chooser("", always=0)
    values(UNKNOWN_LABEL, asker)
    assert [question.purpose for question in asker.asked] == ["extract 1"]


MANY = "\n".join(f"Vermerk {name}: 0{day}.03.2025" for day, name in enumerate("ABCDEFG", 1))


def test_a_document_costs_at_most_two_questions_however_much_is_open() -> None:
    days = "Rechnungsdatum, Bestelldatum, Lieferdatum, Mahndatum, Druckdatum, Eingangsdatum"
    schema = from_words(days)
    wanted = tuple(msgspec.structs.replace(field, required=True) for field in schema.fields)
    asker = Chooser("", always=1)
    asyncio.run(extract(drawn(MANY), msgspec.structs.replace(schema, fields=wanted), asker))
    assert [len(offered(question)) for question in asker.asked] == [6, 6]
    assert max(len(question.user) for question in asker.asked) < 2_000


def test_an_optional_field_without_any_hint_is_not_asked_for() -> None:
    asker = Chooser("", always=1)
    asyncio.run(extract(drawn(MANY), ready("invoice"), asker))
    about = {name for question in asker.asked for name in offered(question)}
    assert "due_date" not in about
    assert about <= {field.name for field in ready("invoice").fields if field.required}


INVOICE = """
Rechnungssteller: Muster GmbH

Rechnung Nr. R-17
Fakturatag:         03.04.2025
Lieferdatum:        01.04.2025
Bestelldatum:       01.03.2025
Ihr Kundenkonto:    D-99

Zwischensumme       100,00 EUR
19 % MwSt            19,00 EUR
Gesamt              119,00 EUR
Anzahlung            50,00 EUR
Offen                69,00 EUR
Fällig am           02.05.2025
Mahnung ab          16.05.2025
"""


@pytest.mark.parametrize("seed", range(40))
def test_a_model_that_answers_nonsense_takes_nothing_from_what_rules_proved(seed: int) -> None:
    alone = asyncio.run(extract(drawn(INVOICE), ready("invoice")))
    babbler = Babbler(seed)
    found = asyncio.run(extract(drawn(INVOICE), ready("invoice"), babbler))
    assert babbler.asked
    proven = [value for value in alone if value.state == "proven"]
    assert len(proven) >= 8
    assert proven == [value for value, rule in zip(found, alone, strict=True) if rule.state == "proven"]


class Babbler:
    """A model that chooses whatever comes to its mind, the same in both orders; some give no JSON at all."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.mute = seed % 10 == 9
        self.asked: list[Question] = []
        self.minds: dict[str, str] = {}

    async def ask(self, question: Question) -> str:
        self.asked.append(question)
        if self.mute:
            return "Gerne! Die Rechnung ist von " + "x" * 40
        lines = dict(re.findall(r"^(\d+): (.*)$", question.user, re.MULTILINE))
        answer = {}
        for name, numbers in offered(question).items():
            mind = self.minds.setdefault(name, lines[str(self.chance.choice(numbers[1:]))])
            answer[name] = next((number for number in numbers[1:] if lines[str(number)] == mind), 0)
        return msgspec.json.encode(answer).decode()

    async def embed(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        raise NotImplementedError
