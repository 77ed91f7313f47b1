"""Articles in German and English with planted contradictions, and pairs that only look like them.

    python -m bench.documents.articles FOLDER [--count 100]    # writes them to read

Some are written by hand (`article_planted`, `article_alike`), the others are composed by chance from
sentences. A case is two articles on one company (two companies for 'other entity'); beside the figure that
matters they mostly agree on another. Companies of different cases have different names.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from bench.documents.article_alike import ALIKE
from bench.documents.article_parts import (
    ATTRIBUTED,
    BOSSES,
    FORMS,
    HEADS,
    IN_WORDS,
    MEASURES,
    PLACES,
    SEGMENTS,
    TAILS,
    TARGETS,
    TRADES,
    WEEKDAYS,
    WORDS_AROUND,
    Measure,
)
from bench.documents.article_planted import PLANTED
from bench.documents.article_values import Article, Case
from bench.documents.invoice_truth import half

SEED = 2026
ALL = 100
ROUTINE = 30
KINDS = (
    "other period",
    "target",
    "qualifier",
    "rounding",
    "other entity",
    "other currency",
    "in words",
    "copy",
    "other measure",
    "share of it",
)
REVENUE = MEASURES[0]


@dataclass(frozen=True)
class Named:
    """A case with its name; documents are called '<name>-a' and '<name>-b'."""

    name: str
    case: Case

    @property
    def half(self) -> str:
        return half(self.name)


def figure(chance: random.Random, value: int, unit: str, language: str) -> str:
    """A value as a newspaper writes it; exact."""
    german = language == "de"
    if unit == "employees":
        text = f"{value:,}"
        return text.replace(",", ".") if german else text
    millions, billions = Decimal(value) / 10**6, Decimal(value) / 10**9
    big = billions >= 1 and chance.random() < 0.7
    number = (billions if big else millions).normalize()
    text = f"{number:,f}"
    if german:
        text = text.replace(",", " ").replace(".", ",").replace(" ", ".")
        word = chance.choice(("Milliarden", "Mrd.") if big else ("Millionen", "Mio."))
        return f"{text} {word} {chance.choice(('Euro', 'Euro', '€'))}"
    word = "billion" if big else "million"
    return chance.choice(
        (f"{text} {word} euros", f"€{text} {word}", f"EUR {text} {word}", f"{text} {word} euros")
    )


@dataclass(frozen=True)
class When:
    """A year, half or quarter: as sentences name it."""

    year: int
    part: str = ""

    def words(self, language: str) -> dict[str, str]:
        year = self.year
        german = {
            "": ("im Jahr {y}", "das Jahr {y}"),
            "Q1": ("im ersten Quartal {y}", "das erste Quartal {y}"),
            "Q3": ("im dritten Quartal {y}", "das dritte Quartal {y}"),
            "H1": ("im ersten Halbjahr {y}", "das erste Halbjahr {y}"),
        }[self.part]
        english = {
            "": "{y}",
            "Q1": "the first quarter of {y}",
            "Q3": "the third quarter of {y}",
            "H1": "the first half of {y}",
        }[self.part]
        if language == "en":
            name = english.format(y=year)
            return {"period": name, "year": str(year)}
        inside, name = german[0].format(y=year), german[1].format(y=year)
        return {"period": inside, "period_cap": inside[0].upper() + inside[1:], "period_name": name,
                "period_for": f"für {name}", "year": str(year)}  # fmt: skip


def value_of(chance: random.Random, measure: Measure) -> int:
    """A value with two or three digits that count, evenly over its range's magnitudes."""
    ratio = measure.high / measure.low
    raw = float(measure.low * ratio ** chance.random())
    digits = chance.choice((2, 3)) if measure.unit == "EUR" else 3
    step: int = 10 ** max(0, len(str(int(raw))) - digits)
    return max(step, round(raw / step) * step)


class Writer:
    """Writes the articles of one case."""

    def __init__(self, chance: random.Random, stem: str) -> None:
        self.chance = chance
        self.stem = stem
        self.trade = chance.choice(TRADES)
        self.form = chance.choice(FORMS)
        self.place = chance.choice(PLACES)
        self.boss = chance.choice(BOSSES)
        self.when = When(chance.choice((2023, 2024)), chance.choice(("", "", "Q1", "Q3", "H1")))

    def name(self) -> str:
        """With or without its legal form, as newspapers do."""
        plain = f"{self.stem} {self.trade}"
        return f"{plain} {self.form}" if self.chance.random() < 0.4 else plain

    def says(self, measure: Measure, shown: str, language: str, when: When | None = None) -> str:
        sentence = self.chance.choice(measure.said[language])
        return self.filled(sentence, shown, language, when or self.when)

    def filled(self, sentence: str, shown: str, language: str, when: When) -> str:
        name = self.name()
        if (
            language == "de"
            and name.endswith((" AG", " GmbH", " SE", " KG"))
            and sentence.startswith("{name}")
        ):
            name = f"Die {name}"
        return sentence.format(name=name, figure=shown, **when.words(language))

    def article(self, measure: Measure, core: str, other: str, language: str, date: dt.date) -> Article:
        """The figure's sentence, another figure's, and what stands around them."""
        chance = self.chance
        around = [text.format(place=self.place, boss=self.boss) for text in
                  chance.sample(WORDS_AROUND[language], chance.randrange(2, 6))]  # fmt: skip
        said = chance.choice(ATTRIBUTED[language]).format(weekday=chance.choice(WEEKDAYS[language]))
        main = f"{core} {said}".strip()
        parts = [*around]
        parts.insert(0 if chance.random() < 0.6 else chance.randrange(len(parts)), main)
        if other:
            parts.insert(chance.randrange(1, len(parts) + 1), other)
        if chance.random() < 0.3:
            parts[0] = f"{self.place}. {parts[0]}"
        middle = chance.randrange(1, len(parts))
        text = " ".join(parts[:middle]) + "\n\n" + " ".join(parts[middle:])
        headline = chance.choice(measure.headlines[language]).format(short=self.stem)
        return Article(language, date.isoformat(), headline, text)

    def second(self, taken: frozenset[str]) -> tuple[Measure, int]:
        """Another measure with its value, on which both articles agree."""
        others = [each for each in MEASURES if each.key not in taken | {"loss", "profit"}]
        picked = self.chance.choice(others)
        return picked, value_of(self.chance, picked)

    def pair(
        self,
        measure: Measure,
        core: tuple[str, str],
        languages: tuple[str, str],
        *,
        later: int = 0,
        alone: bool = False,
    ) -> tuple[Article, Article]:
        """Two articles around two sentences; a day to a week apart."""
        chance = self.chance
        beside, value = self.second(frozenset({measure.key, "orders"}))
        date = dt.date(self.when.year + 1, chance.randrange(2, 12), chance.randrange(1, 28))
        found = []
        for number, language in enumerate(languages):
            other = ""
            if chance.random() < 0.75 and not alone:
                shown = figure(chance, value, beside.unit, language)
                other = self.says(beside, shown, language)
            day = date + dt.timedelta(days=number * (later or chance.randrange(0, 7)))
            found.append(self.article(measure, core[number], other, language, day))
        return found[0], found[1]


def languages(chance: random.Random) -> tuple[str, str]:
    drawn = chance.random()
    if drawn < 0.55:
        return "de", "de"
    if drawn < 0.75:
        return "en", "en"
    return chance.choice((("de", "en"), ("en", "de")))


def differing(chance: random.Random, value: int, unit: str) -> int:
    """Another value that no rounding explains: digits swapped, a digit changed, or off by a thousand."""
    text = str(value)
    drawn = chance.random()
    if drawn < 0.1 and unit == "EUR" and value < 900_000_000:
        return value * 1000
    if drawn < 0.5 and text[0] != text[1] and text[1] != "0":
        return int(text[1] + text[0] + text[2:])
    changed = value
    while abs(changed - value) * 100 < value * 8:
        changed = int(value * chance.choice((0.55, 0.7, 0.8, 0.88, 1.12, 1.25, 1.4, 1.8)))
        step = 10 ** max(0, len(str(changed)) - 3)
        changed = changed // step * step
    return changed


def planted(number: int, stem: str, seed: int) -> Case:
    """A contradiction."""
    chance = random.Random(f"planted {seed} {number}")
    writer = Writer(chance, stem)
    measure = chance.choice(MEASURES)
    value = value_of(chance, measure)
    wrong = differing(chance, value, measure.unit)
    spoken = languages(chance)
    shown = [
        figure(chance, each, measure.unit, language)
        for each, language in zip((value, wrong), spoken, strict=True)
    ]
    core = (writer.says(measure, shown[0], spoken[0]), writer.says(measure, shown[1], spoken[1]))
    a, b = writer.pair(measure, core, spoken)
    return Case("contradiction", a, b, f"{stem}, {measure.key}", shown[0], shown[1], str(value), str(wrong))


def nearly(chance: random.Random, value: int, language: str) -> tuple[str, str]:
    """A figure with a qualifier, and the value that it leaves room for: (qualified, exact)."""
    german = language == "de"
    drawn = chance.choice(("more", "up to", "about"))
    factor = {"more": Decimal("1.04"), "up to": Decimal("0.93"), "about": Decimal("1.02")}[drawn]
    exact = int(Decimal(value) * factor)
    step = 10 ** max(0, len(str(exact)) - 4)
    exact = exact // step * step
    word = {"more": ("mehr als", "more than"), "up to": ("bis zu", "up to"), "about": ("rund", "about")}[
        drawn
    ]
    return (
        f"{word[0] if german else word[1]} {figure(chance, value, 'EUR', language)}",
        figure(chance, exact, "EUR", language),
    )


def same_period(chance: random.Random, kind: str, spoken: tuple[str, str]) -> tuple[str, str]:
    """The two figures as written, for kinds in which both sentences speak of the same."""
    if kind == "in words":
        value = chance.choice(list(IN_WORDS))
        forms = [IN_WORDS[value][0 if language == "de" else 1] for language in spoken]
        return forms[0][0], forms[1][1]
    value = value_of(chance, REVENUE)
    if kind == "qualifier":
        return (
            nearly(chance, value, spoken[0])
            if chance.random() < 0.5
            else nearly(chance, value, spoken[0])[::-1]
        )
    if kind == "rounding":
        exact = value + value // chance.randrange(300, 900)
        exact = exact // 1000 * 1000
        rounded = f"{'rund' if spoken[1] == 'de' else 'roughly'} {figure(chance, value, 'EUR', spoken[1])}"
        return figure(chance, exact, "EUR", spoken[0]), rounded
    assert kind == "other currency"
    dollars = int(Decimal(value) * Decimal("1.13")) // 10**5 * 10**5
    text = figure(chance, dollars, "EUR", "en").replace("€", "").replace("EUR ", "").replace(" euros", "")
    other = f"${text}"
    if spoken[1] == "de":
        other = figure(chance, dollars, "EUR", "de").replace("Euro", "Dollar").replace("€", "Dollar")
    return figure(chance, value, "EUR", spoken[0]), other


def alike(number: int, stem: str, seed: int) -> Case:
    """A pair that is no contradiction."""
    chance = random.Random(f"alike {seed} {number}")
    writer = Writer(chance, stem)
    kind = KINDS[number % len(KINDS)]
    spoken = languages(chance)
    if kind in {"qualifier", "copy"}:
        spoken = (spoken[0], spoken[0])
    if kind == "target":
        writer.when = When(writer.when.year)
    measure = chance.choice(MEASURES[:4]) if kind == "other period" else REVENUE
    value = value_of(chance, measure)
    other = differing(chance, value, measure.unit)
    shown = [
        figure(chance, each, measure.unit, language)
        for each, language in zip((value, other), spoken, strict=True)
    ]
    first = writer.says(measure, shown[0], spoken[0])
    if kind == "copy":
        a, _ = writer.pair(measure, (first, first), spoken)
        b = replace(
            a,
            title=chance.choice(measure.headlines[spoken[0]]).format(short=stem) + ".",
            text=copied(chance, a.text),
        )
        return Case(kind, a, b, stem, shown[0], shown[0], str(value), str(value))
    if kind in {"in words", "qualifier", "rounding", "other currency"}:
        shown = list(same_period(chance, kind, spoken))
        core = (writer.says(measure, shown[0], spoken[0]), writer.says(measure, shown[1], spoken[1]))
    else:
        core = (first, apart(chance, writer, kind, shown[1], spoken[1], measure))
    a, b = writer.pair(
        measure, core, spoken, later=330 if kind == "other period" else 0, alone=kind == "target"
    )
    if kind == "target":
        a, b = b, a
        shown = shown[::-1]
        early = dt.date.fromisoformat(a.date) - dt.timedelta(days=330)
        a = replace(a, date=early.isoformat())
    return Case(kind, a, b, stem, shown[0], shown[1], "", "")


def apart(
    chance: random.Random, writer: Writer, kind: str, shown: str, language: str, measure: Measure
) -> str:
    """The sentence of the second article: of another period, status, measure, part or company."""
    if kind == "other period":
        when = replace(writer.when, year=writer.when.year + 1)
        return writer.says(measure, shown, language, when)
    if kind == "target":
        return writer.filled(chance.choice(TARGETS[language]), shown, language, When(writer.when.year))
    if kind == "other measure":
        return writer.says(MEASURES[3], shown, language)
    if kind == "share of it":
        return writer.filled(chance.choice(SEGMENTS[language]), shown, language, writer.when)
    assert kind == "other entity"
    twin = Writer(chance, writer.stem)
    twin.trade = next(trade for trade in TRADES if trade != writer.trade)
    twin.when = writer.when
    return twin.says(REVENUE, shown, language)


def copied(chance: random.Random, text: str) -> str:
    """The text as an agency's customer prints it: a sentence less or an agency's sign more."""
    parts = text.replace("\n\n", " ").split(". ")
    if chance.random() < 0.5 and len(parts) > 4:
        del parts[-2]
    return "(bp) " + ". ".join(parts)


def stems() -> list[str]:
    found = [head + tail for head in HEADS for tail in TAILS]
    random.Random("stems").shuffle(found)
    return found


def cases(count: int = ALL, seed: int = SEED) -> list[Named]:
    """So many contradictions and as many pairs that only look like one; those written by hand first."""
    names = stems()
    found = [Named(f"planted-{number:03d}", case) for number, case in enumerate(PLANTED[:count])]
    found += [
        Named(f"planted-{number:03d}", planted(number, names[number], seed))
        for number in range(len(PLANTED), count)
    ]
    found += [Named(f"alike-{number:03d}", case) for number, case in enumerate(ALIKE[:count])]
    found += [
        Named(f"alike-{number:03d}", alike(number, names[120 + number], seed))
        for number in range(len(ALIKE), count)
    ]
    return found


def text_of(article: Article) -> str:
    """The article as a plain text file: headline, day, text."""
    day = dt.date.fromisoformat(article.date)
    shown = f"{day:%d.%m.%Y}" if article.language == "de" else f"{day.day} {day:%B %Y}"
    return f"{article.title}\n{shown}\n\n{article.text}\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.documents.articles")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=ALL)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    truth = []
    for one in cases(asked.count, asked.seed):
        for letter, article in (("a", one.case.a), ("b", one.case.b)):
            (asked.folder / f"{one.name}-{letter}.txt").write_text(text_of(article), encoding="utf-8")
        truth.append({"name": one.name, "half": one.half, "kind": one.case.kind, "what": one.case.what,
                      "a": one.case.said_a, "b": one.case.said_b})  # fmt: skip
    text = json.dumps(truth, ensure_ascii=False, indent=1)
    (asked.folder / "truth.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
