"""From the texts of a job to its contradictions as they are kept, each with all its sides.

Facts of a job's documents are compared with each other and with those that are kept of earlier jobs of the
same project. What people decided stays with a contradiction as long as its sides do.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import msgspec

from rechenwerk.documents.choice_ports import Chosen
from rechenwerk.documents.clash_ports import Change, Clash, Earlier, NewClash, Sheet, Stamps
from rechenwerk.documents.facts import Article, Fact, Reconciled, Register, extract, from_rows, reconcile
from rechenwerk.documents.facts.sides import Dispute, Place, again, disputes
from rechenwerk.documents.facts.telling import about, fact_told, told
from rechenwerk.documents.job_ports import Document, DocumentDesk, Job, StoredValue
from rechenwerk.documents.values import FIRM, Parsed, Value
from rechenwerk.documents.vault import Vault

_log = logging.getLogger("rechenwerk.documents")
_ROWS = "figures"
_RECKONS = frozenset({"sum", "product", "tax"})
"""Rules of schemas whose documents reckon: invoices, orders."""
_EARLIER = 5000
"""Documents of earlier jobs, the newest of them, that a job is compared with."""


MANY = 200
"""Documents of a job up to which whoever looks waits until its facts are reckoned."""
SHEET = 100
"""Facts of one part."""


class Text(msgspec.Struct, frozen=True):
    """Of a document what facts are taken from: a whole job's words and boxes would not fit into a worker.

    Attributes:
        dated: what its format says of its day; ''.
    """

    document: Document
    text: str
    language: str
    dated: str
    page_ends: tuple[int, ...]


class Together(msgspec.Struct, frozen=True):
    """What the documents of a job say together.

    Attributes:
        facts: of its own documents.
        register: of their names.
        names: document's id -> its name.
    """

    facts: tuple[Fact, ...]
    articles: tuple[Article, ...]
    register: Register
    names: Mapping[str, str]

    def result(self) -> Reconciled:
        """Each fact once, and what cannot both be true."""
        return reconcile(self.facts, self.articles)


def together(texts: Sequence[Text], values: Sequence[StoredValue]) -> Together:
    """Facts of the texts by rules, and of rows where the rules found none at that place."""
    own: dict[int, list[Value]] = defaultdict(list)
    for one in values:
        own[one.document_id].append(one.value)
    articles = [
        Article(
            document=str(one.document.id),
            text=one.text,
            language=one.language,
            date=_day(one.dated, own[one.document.id]),
            page_ends=one.page_ends,
        )
        for one in texts
    ]
    register = Register(articles)
    facts: list[Fact] = []
    for article in articles:
        ruled = extract(article, register)
        places = {(one.evidence.start, one.evidence.end) for one in ruled}
        rows = from_rows(article.document, own[int(article.document)], register, _ROWS)
        facts += ruled
        facts += [one for one in rows if not _covered(one, places)]
    names = {str(one.document.id): one.document.name for one in texts}
    return Together(tuple(facts), tuple(articles), register, names)


def _day(dated: str, values: Sequence[Value]) -> date | None:
    """A document's date: the one that was found in it, else the one that its format says."""
    stated = [one.value for one in values if one.field == "date" and one.state in FIRM]
    for text in (*stated, dated):
        try:
            return date.fromisoformat(str(text)[:10])
        except ValueError:
            continue
    return None


def _boxed(fact: Fact, parsed: Parsed) -> Fact:
    """With the boxes of its quote's words."""
    found, words = fact.evidence, parsed.words
    first = bisect_right(words, found.start, key=lambda word: word.end)
    last = bisect_left(words, found.end, key=lambda word: word.start)
    boxes = tuple(word.box for word in words[first:last] if word.box is not None)
    return msgspec.structs.replace(fact, evidence=msgspec.structs.replace(found, boxes=boxes))


def _covered(fact: Fact, places: set[tuple[int, int]]) -> bool:
    return any(start < fact.evidence.end and fact.evidence.start < end for start, end in places)


async def read_job(
    desk: DocumentDesk, vault: Vault, organisation: int, job: int
) -> tuple[list[Text], list[StoredValue]]:
    """The texts of a job's documents, and the values in them that facts are made of."""
    texts = []
    for document in await desk.files.documents(organisation, job, states=("done",)):
        parsed = await _parsed(desk, vault, organisation, document.id)
        if parsed is not None:
            ends = tuple(page.end for page in parsed.pages)
            dated = parsed.properties.get("date", "")
            texts.append(Text(document, parsed.text, parsed.language, dated, ends))
    return texts, await desk.reviews.values(organisation, job, Chosen(factual=True))


async def _parsed(desk: DocumentDesk, vault: Vault, organisation: int, document: int) -> Parsed | None:
    sealed = await desk.files.text(organisation, document)
    return None if sealed is None else vault.open_parsed(organisation, document, sealed)


async def with_boxes(desk: DocumentDesk, vault: Vault, organisation: int, found: Together) -> Together:
    """Its facts with the boxes of their quotes' words; one document after the other is opened for that."""
    facts: list[Fact] = []
    for document, own in groupby(found.facts, key=lambda fact: fact.document):
        parsed = await _parsed(desk, vault, organisation, int(document))
        facts += [one if parsed is None or one.evidence.boxes else _boxed(one, parsed) for one in own]
    return msgspec.structs.replace(found, facts=tuple(facts))


async def reckoned(desk: DocumentDesk, vault: Vault, organisation: int, job: int) -> bool:
    """See that a job's facts and contradictions are as its documents are now, or soon will be.

    Those of a large job are a worker's work: what was reckoned last is shown meanwhile, and False returned.
    """
    stamps = await desk.clashes.stamps(organisation, job)
    if stamps.clashes_of == stamps.clashes_now:
        return True
    if stamps.documents > MANY:
        await desk.clashes.want(organisation, job, stamps)
        return False
    await reckon(desk, vault, organisation, job, stamps)
    return True


async def reckon(desk: DocumentDesk, vault: Vault, organisation: int, job: int, stamps: Stamps) -> None:
    """Reckon a job's facts and contradictions anew, and keep them."""
    texts, values = await read_job(desk, vault, organisation, job)
    found = await asyncio.to_thread(together, texts, values)
    found = await with_boxes(desk, vault, organisation, found)
    earlier = await desk.clashes.earlier(organisation, job, _EARLIER)
    whole = await desk.jobs.job(organisation, job)
    compared = msgspec.structs.replace(found, facts=tuple(_compared(found.facts, texts, whole)))
    items = await asyncio.to_thread(items_of, compared, earlier)
    sheets = await asyncio.to_thread(sheets_of, found)
    facts: dict[int, list[Fact]] = defaultdict(list)
    for fact in compared.facts:
        facts[int(fact.document)].append(fact)
    await desk.clashes.settle(organisation, job, stamps, facts, sheets, lambda known: changed(known, items))


def _compared(facts: Sequence[Fact], texts: Sequence[Text], job: Job | None) -> Iterator[Fact]:
    """Facts that may contradict others: an invoice's or an order's amounts are its own."""
    own = {
        str(one.document.id)
        for one in texts
        if job is not None
        and any(rule.kind in _RECKONS for rule in job.schema_of(one.document.schema_name).rules)
    }
    return (fact for fact in facts if fact.document not in own)


async def reckon_ended(desk: DocumentDesk, vault: Vault) -> None:
    """Reckon the contradictions of jobs that have ended, each by one worker; none stops another."""
    for organisation, job in await desk.clashes.unreckoned():
        try:
            async with desk.clashes.alone(organisation, job) as mine:
                if mine:
                    stamps = await desk.clashes.stamps(organisation, job)
                    await reckon(desk, vault, organisation, job, stamps)
        except OSError:
            raise  # the database is away: later
        except Exception:  # whatever it is in these documents, people still see the values
            _log.exception("facts of job %s cannot be reckoned", job)
            await desk.clashes.give_up(organisation, job)


def sheets_of(found: Together) -> list[Sheet]:
    """What the documents say together, in parts that one look shows."""
    all_told = told(found.result(), found.register, found.names)
    facts = all_told["facts"]
    parts = [facts[at : at + SHEET] for at in range(0, max(1, len(facts)), SHEET)]
    return [Sheet(part, () if at else all_told["copies"]) for at, part in enumerate(parts)]


def items_of(found: Together, earlier: Sequence[Earlier]) -> list[NewClash]:
    """The contradictions in which a document of the job takes part."""
    others = [
        msgspec.structs.replace(fact, entity=found.register.entity(fact.entity))
        for one in earlier
        for fact in one.facts
    ]
    names = {**found.names, **{str(one.document_id): one.document for one in earlier}}
    jobs = {str(one.document_id): one.job_id for one in earlier}
    result = reconcile([*found.facts, *others], found.articles)
    return [
        _item(one, found.register, names, jobs)
        for one in disputes(result.contradictions)
        if any(fact.document in found.names for side in one.sides for fact in side)
    ]


def _item(
    dispute: Dispute, register: Register, names: Mapping[str, str], jobs: Mapping[str, int]
) -> NewClash:
    sides = [
        {"facts": [{**fact_told(fact, names), "job": jobs.get(fact.document)} for fact in side]}
        for side in dispute.sides
    ]
    documents = frozenset(int(fact.document) for side in dispute.sides for fact in side)
    return NewClash({**about(dispute.statement, register), "sides": sides}, documents)


def places(content: Mapping[str, Any]) -> list[set[Place]]:
    """Where the sides of a contradiction stand."""
    return [
        {(int(fact["document"]), fact["start"], fact["end"]) for fact in side["facts"]}
        for side in content["sides"]
    ]


def changed(known: Sequence[Clash], found: Sequence[NewClash]) -> Change:
    """What becomes of the contradictions that are kept: the same ones keep their decision, in their order."""
    stood = [places(one.content) for one in known]
    by_place: dict[Place, list[int]] = defaultdict(list)
    for at, sides in enumerate(stood):
        for place in set().union(*sides):
            by_place[place].append(at)
    add: list[NewClash] = []
    keep: dict[int, NewClash] = {}
    for new in found:
        stand = places(new.content)
        # Only one that shares a place can be the same: there may be thousands.
        near = {at for place in set().union(*stand) for at in by_place.get(place, ())}
        for at in sorted(near):
            old = known[at]
            order = None if old.id in keep else again(stood[at], stand)
            if order is not None:
                sides = [new.content["sides"][number] for number in order]
                keep[old.id] = msgspec.structs.replace(new, content={**new.content, "sides": sides})
                break
        else:
            add.append(new)
    return Change(add, keep, [one.id for one in known if one.id not in keep])
