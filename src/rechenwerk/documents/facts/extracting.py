"""Facts of a news article by rules: no model, German and English.

For every figure of a sentence: the topic's word that stands nearest, the subject, the period, how firm the
words make it, and whether it is denied. A figure without a topic or a name is no fact.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rechenwerk.documents.facts.dating import dated, named_month
from rechenwerk.documents.facts.entities import Register
from rechenwerk.documents.facts.naming import Named, candidate, candidates, guesses, key, marked, placed
from rechenwerk.documents.facts.news_words import VERB
from rechenwerk.documents.facts.refining import counts_other_things, refined
from rechenwerk.documents.facts.regions import REGIONS
from rechenwerk.documents.facts.sentences import Sentence, sentences
from rechenwerk.documents.facts.topics import (
    COUNTED,
    DONE,
    TOPICS,
    Mention,
    direction,
    mentions,
    negated,
    status,
)
from rechenwerk.documents.facts.values import Article, Fact
from rechenwerk.documents.figures import find
from rechenwerk.documents.values import Amount, Days, Evidence, Figure

_AMOUNTS = frozenset({"money", "number", "percent"})
_EARLIER = re.compile(
    r"(?:nach|gegenüber|vorjahr\w*|im jahr zuvor|ein jahr zuvor|zuvor|vorher|bislang|bisher|from"
    r"|compared (?:with|to)|against"
    r"|a year earlier|year-earlier|previously|up from|down from|statt|instead of|rather than|after"
    r"|von)\s*(?:(?!auf\b|to\b)\w+\s*){0,2}$",
    re.IGNORECASE,
)
_EARLIER_AFTER = re.compile(
    r"^\s*(?:\w+\s+){0,2}(?:im vorjahr|ein jahr zuvor|im jahr zuvor|zuvor|a year earlier|the year"
    r" before|in the previous year|a year ago"
    r"|im vorjahreszeitraum|vor einem jahr|auf\s+\d|to\s+[$€£\d])",
    re.IGNORECASE,
)
_BEFORE_PAREN = re.compile(
    r"\(\s*(?:vorjahr\w*|previous year|prior year|i\.\s?vj\.?|vj\.?)[:\s]*$", re.IGNORECASE
)
_RISE_BY = re.compile(
    r"\b(?:um|by|(?<!ein )(?<!einem )(?<!einen )(?:plus|minus)|von plus)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
_PART = re.compile(
    r"\b(?:davon|darunter|hiervon|of which|of that|thereof|including|allein|alone|entfiel\w*"
    r"|entfallen|accounted for"
    r"|steuerte\w*|contributed|sparte|segment|geschäftsbereich|bereich|division|unit|tochter\w*"
    r"|subsidiary|region\w*"
    r"|inland\w*|ausland\w*|domestic|abroad|inlandsgeschäft|auslandsgeschäft)\b",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"\b(?:laut|nach angaben (?:von|des|der)|according to|bei|mit|an|für|durch|with|to|from|by|for"
    r"|at|an die|an den"
    r"|gegen|against|vom|via|über|zu|in|im|aus|nahe|near|outside|außerhalb von)\s+(?:(?:der|die|das"
    r"|dem|den|the|its|ihrem|seinem)\s+)?(?:[\wäöüß-]+(?:bauer|hersteller|anbieter"
    r"|konzern|betreiber|agentur|maker|provider|company|group)\s+)?$",
    re.IGNORECASE,
)
_OWNER = re.compile(r"\b(?:von|of|bei|at)\s+(?:der\s+|the\s+)?$", re.IGNORECASE)
_SAYING = re.compile(
    r"\b(?:laut|nach angaben (?:von|des|der)|according to|berichtet\w*|reported by|sagte|sagt|said"
    r"|says|told)\s+(?:[\w-]+\s+){0,3}$",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|im|aus|nahe|near|from|outside|at|bei)\s+(?:the\s+|der\s+|dem\s+)?$", re.IGNORECASE
)
_REGION = re.compile(
    rf"\b(?:in|im|aus|from|across)\s+(?:der\s+|den\s+|the\s+)?({'|'.join(REGIONS)})\b", re.IGNORECASE
)
_ASIDE = re.compile(r",\s(?:der|die|das|dessen|deren|which|who|whose)\b")
"""A relative clause: what stands at a day in it does not take the sentence's period."""
_OF_THINGS = frozenset({"cost", "price", "budget", "damage", "rent"})
_OF_MAKERS = frozenset({"price"})
"""What is asked for a thing by somebody: who is named beside it is meant."""
_THING = re.compile(
    r"\s+(?:(?P<genitive>des)|(?:für|der|of|for)(?:\s+(?:das|die|den|dem|the|an?|einen?"
    r"|eine))?)\s+(?:[a-zäöü]+en?\s)?"
    r"(?P<name>[A-ZÄÖÜ][\w-]{3,})(?=\s+[a-zäöü])"
)
_DAY_OF_STOCK = re.compile(r"\b(?:zum|per|stand|as of|at|on)\s+$", re.IGNORECASE)


class _Reading:
    """One article while it is read."""

    def __init__(self, article: Article, register: Register) -> None:
        self.article = article
        self.register = register
        self.text = article.text
        self.figures = find(article.text, language=article.language, today=article.date)
        whole = f"{article.title}\n{article.text}"
        self.own = {key(name) for name in (*candidates(whole), *guesses(whole, article.language))}
        self.local = self._local()
        self.main = self._main()

    def _all_names(self) -> list[Named]:
        return self.register.named(f"{self.article.title}\n{self.text}", document=self.article.document)

    def _local(self) -> dict[str, str]:
        """Short names that can only mean the text's one longer name: 'Nordwind' is 'Nordwind Energie'."""
        here = {one.entity for one in self._all_names()}
        longer = {short: [one for one in here if one.startswith(f"{short} ")] for short in here}
        return {short: ones[0] for short, ones in longer.items() if len(ones) == 1}

    def _named(self, text: str, start: int = 0, end: int | None = None) -> list[Named]:
        """Known names between two offsets."""
        found = [
            one
            for one in self.register.named(text, start, end, self.article.document)
            if key(one.name) in self.own or not marked(text, one.start)
        ]
        return [one._replace(entity=self.local.get(one.entity, one.entity)) for one in found]

    def _main(self) -> Named | None:
        """Whom the article is about: who is named most, the headline counting more, places not at all."""
        title = self._named(self.article.title)
        body = [one for one in self._named(self.text) if not placed(self.text, one)] or self._named(self.text)
        counts = Counter(one.entity for one in body)
        for one in title:
            counts[one.entity] += 3
        for one in body[:1]:
            counts[one.entity] += 2
        if not counts:
            return None
        best = max(counts, key=lambda entity: counts[entity])
        return next((one for one in [*body, *title] if one.entity == best), None)

    def facts(self) -> list[Fact]:
        """Every fact, in the order of the text."""
        found: list[Fact] = []
        for sentence in sentences(self.text, self.figures):
            inside = [one for one in self.figures if sentence.start <= one.start and one.end <= sentence.end]
            if any(one.kind in _AMOUNTS for one in inside):
                found += self._sentence(sentence, inside)
        return dated(found)

    def _sentence(self, sentence: Sentence, figures: Sequence[Figure]) -> list[Fact]:
        topics = mentions(self.text, sentence.start, sentence.end)
        topics = [one for one in topics if not any(f.start < one.end and one.start < f.end for f in figures)]
        names = self._named(self.text, sentence.start, sentence.end)
        found = []
        for figure in figures:
            if figure.kind in _AMOUNTS and figure.amount:
                fact = self._fact(sentence, figure, figures, topics, names)
                if fact:
                    found.append(fact)
        return found

    def _fact(
        self,
        sentence: Sentence,
        figure: Figure,
        figures: Sequence[Figure],
        topics: Sequence[Mention],
        names: Sequence[Named],
    ) -> Fact | None:
        assert figure.amount
        clause = _clause_of(sentence, figure)
        topic = _topic(self.text, figure, topics, clause)
        who = self._thing(topic, names) or self._who(names, figure, clause)
        if topic is None or who is None or self._earlier(sentence, figure):
            return None
        if counts_other_things(self.text, figure, topics):
            return None
        topic = refined(topic, figure, self.text, clause, topics, names)
        words = self.text[sentence.start : sentence.end]
        what, amount = topic.topic.name, figure.amount
        if figure.kind == "percent" and topic.topic.kind != "percent":
            moved = self._moved(sentence, figure, clause)
            if not moved:
                return None
            what = f"{what} change"
            amount = Amount(moved * abs(amount.low), moved * abs(amount.high), amount.unit, amount.qualifier)
        elif figure.kind in {"money", "number"} and _RISE_BY.search(
            self.text, max(0, figure.start - 20), figure.start
        ):
            what = f"{what} difference"
        whom = self._whom(names, who, topic) if topic.topic.pair else None
        part = self._part(sentence, clause)
        firm = status(_scope(self.text, sentence, clause, topic))
        period = self._period(figure, figures, clause, stock=topic.topic.stock) or named_month(
            self.text, clause, self.article.date, firm
        )
        return Fact(
            document=self.article.document,
            who=who.name,
            what=what,
            kind=figure.kind,
            amount=amount,
            status=firm,
            evidence=self._evidence(figure, topic),
            period=period,
            whom=whom.name if whom else "",
            part=part,
            negated=negated(self.text[clause[0] : figure.start]),
            sentence=words.strip(),
            entity=who.entity,
            other=whom.entity if whom else "",
        )

    def _evidence(self, figure: Figure, topic: Mention) -> Evidence:
        page = 1 + sum(end <= figure.start for end in self.article.page_ends[:-1])
        return Evidence(
            page=page,
            start=figure.start,
            end=figure.end,
            quote=self.text[figure.start : figure.end],
            label_start=topic.start,
            label_end=topic.end,
        )

    def _earlier(self, sentence: Sentence, figure: Figure) -> bool:
        """Whether a figure is only there to compare: 'nach 3 Mrd. im Vorjahr', 'from $2 billion to ...'."""
        before = self.text[max(sentence.start, figure.start - 40) : figure.start]
        if _BEFORE_PAREN.search(before):
            return True
        after = self.text[figure.end : min(sentence.end, figure.end + 45)]
        if _EARLIER_AFTER.search(after):
            return True
        return (
            bool(_EARLIER.search(before))
            and not re.search(
                r"\b(?:umsatz|gewinn|verlust|summe|betrag|wert|höhe|bewertung)\s+von\s*$",
                before,
                re.IGNORECASE,
            )
            and not _of(before)
        )

    def _moved(self, sentence: Sentence, figure: Figure, clause: tuple[int, int]) -> int:
        """Whether a percentage is a change: 1 or -1, 0 for a share of something."""
        before = self.text[max(sentence.start, figure.start - 25) : figure.start]
        amount = figure.amount
        assert amount
        if amount.low < 0:
            return -1
        turn = direction(self.text[clause[0] : clause[1]]) or direction(
            self.text[sentence.start : sentence.end]
        )
        if _RISE_BY.search(before) or re.match(
            r"\s*(?:mehr|weniger|more|less|higher|lower|growth|wachstum|increase|rise|decline|drop)\b",
            self.text[figure.end : figure.end + 14],
        ):
            return turn
        return (
            turn
            if re.search(
                r"\b(?:rose|grew|fell|dropped|increased|climbed|declined|jumped|surged|gained|up"
                r"|down)\s+(?:\w+\s+)?$",
                before,
            )
            else 0
        )

    def _who(self, names: Sequence[Named], figure: Figure, clause: tuple[int, int]) -> Named | None:
        """The subject: the first name that no preposition governs, rather before the figure than behind."""
        free = [one for one in names if not self._governed(one)]
        own = [one for one in free if clause[0] <= one.start < figure.start]
        before = [one for one in free if one.start < figure.start]
        owners = [
            one
            for one in names
            if self._governed(one)
            and _OWNER.search(self.text, max(0, one.start - 12), one.start)
            and not _SAYING.search(self.text, max(0, one.start - 30), one.start)
        ]
        return next(iter([*own, *before, *free, *owners]), None) or self.main

    def _thing(self, topic: Mention | None, names: Sequence[Named]) -> Named | None:
        """'die Kosten für das Hallenbad': the thing, in a sentence that names nobody."""
        if (
            topic is None
            or topic.topic.name not in _OF_THINGS
            or any(one.end <= topic.start or topic.topic.name in _OF_MAKERS for one in names)
        ):
            return None
        found = _THING.match(self.text, topic.end)
        if not found or not candidate(found["name"]):
            return None
        name = found["name"]
        if found["genitive"] and len(name) > 4:
            name = re.sub(r"(?<=[^s])e?s$", "", name)
        return Named(found.start("name"), found.end("name"), found["name"], key(name))

    def _governed(self, name: Named) -> bool:
        return bool(_PREPOSITION.search(self.text, max(0, name.start - 45), name.start)) or bool(
            _SAYING.search(self.text, max(0, name.start - 30), name.start)
        )

    def _whom(self, names: Sequence[Named], who: Named, topic: Mention) -> Named | None:
        """The other party."""
        others = [
            one
            for one in names
            if one.entity != who.entity
            and not _SAYING.search(self.text, max(0, one.start - 40), one.start)
            and (
                topic.topic.name == "stake" or not _PLACE.search(self.text, max(0, one.start - 14), one.start)
            )
        ]
        return min(others, key=lambda one: abs(one.start - topic.start), default=None)

    def _part(self, sentence: Sentence, clause: tuple[int, int]) -> str:
        """What restricts a figure to a part: the words around the cue, normalised; '' for the whole."""
        first = sentence.clauses[0]
        region = _REGION.search(self.text, clause[0], clause[1])
        if not region and not any(first[0] <= one.start < first[1] for one in self.figures):
            region = _REGION.match(self.text, first[0], first[1])
        if region:
            return REGIONS[region[1].lower()]
        found = _PART.search(self.text, clause[0], clause[1])
        if not found:
            return ""
        around = self.text[clause[0] : clause[1]]
        names = re.findall(r"[A-ZÄÖÜ][\wäöüß-]+", around)
        return " ".join(sorted({name.lower() for name in names})) or found.group().lower()

    def _period(
        self,
        figure: Figure,
        figures: Sequence[Figure],
        clause: tuple[int, int],
        *,
        stock: bool,
    ) -> Days | None:
        """The period of the figure's clause, else of its sentence, else the article's only one."""
        times = [
            one for one in figures if one.days and (one.kind == "period" or self._as_of(one, stock=stock))
        ]
        own = [one for one in times if clause[0] <= one.start < clause[1]]
        apart = stock and _ASIDE.match(self.text, clause[0]) is not None
        chosen = min(own or ([] if apart else times), key=lambda one: _gap(one, figure), default=None)
        return chosen.days if chosen else None

    def _as_of(self, moment: Figure, *, stock: bool) -> bool:
        return stock and bool(_DAY_OF_STOCK.search(self.text, max(0, moment.start - 8), moment.start))


def _of(before: str) -> bool:
    """'of', 'von' as what a topic is of: 'revenue of $5 billion'."""
    return bool(re.search(r"\w\s+(?:of|von)\s+(?:\w+\s+){0,2}$", before)) and not re.search(
        r"(?:stieg|sank|wuchs|rose|fell|grew|increased|gestiegen|gesunken|fiel|erhöht\w*|up"
        r"|down)\s+(?:\w+\s+){0,2}von\s",
        before,
        re.IGNORECASE,
    )


def _gap(one: Figure, other: Figure) -> int:
    """Characters between two figures."""
    return max(one.start - other.end, other.start - one.end)


def _clause_of(sentence: Sentence, figure: Figure) -> tuple[int, int]:
    return next(clause for clause in sentence.clauses if figure.start < clause[1])


def _scope(text: str, sentence: Sentence, clause: tuple[int, int], topic: Mention) -> str:
    """The words that say how firm a figure is: its clause's, and those before it where that has no verb."""
    own = text[min(clause[0], topic.start) : max(clause[1], topic.end)]
    return own if VERB.search(own) else text[sentence.start : clause[1]]


def _fits(topic: Mention, figure: Figure) -> bool:
    """Whether a topic is measured in what the figure is."""
    kind = topic.topic.kind
    return figure.kind == "percent" or kind in {figure.kind, "any"}


def _counted(one: Mention) -> Mention:
    """A topic of money as a topic of pieces."""
    name = COUNTED.get(one.topic.name)
    return one._replace(topic=TOPICS[name]) if name else one


def _topic(text: str, figure: Figure, topics: Sequence[Mention], clause: tuple[int, int]) -> Mention | None:
    """The topic's word that belongs to a figure: the nearest of its clause, rather before it than behind."""
    counted = [_counted(one) for one in topics] if figure.kind == "number" else topics
    fitting = [one for one in counted if _fits(one, figure)]
    own = [one for one in fitting if clause[0] <= one.start < clause[1]]

    def distance(one: Mention) -> tuple[int, int]:
        bonus = 60 if one.topic.name in DONE else 0
        if one.start >= figure.end:
            gap = one.start - figure.end
            joined = bool(re.fullmatch(r"[\s-]*(?:\w+\s){0,1}", text[figure.end : one.start]))
            return (gap // 2 if joined else gap + 25) - bonus, one.start
        return figure.start - one.end - bonus, one.start

    return min(own or fitting, key=distance, default=None)


def extract(article: Article, register: Register | None = None) -> tuple[Fact, ...]:
    """The facts of an article by rules.

    Args:
        article: the document.
        register: names of the set that it belongs to; by default its own.
    """
    return tuple(_Reading(article, register or Register([article])).facts())
