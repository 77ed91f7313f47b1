"""What a figure measures and how firm it is: words of German and English business news.

A topic's words are beginnings of words in lower case; `~` before one: anywhere in a word (German joins words),
`=` before one: the whole word.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.figures.style import listed

_MONEY, _COUNT, _BOTH = "money", "number", "any"


class Topic(NamedTuple):
    """A topic.

    Args:
        name: one word or two.
        kind: what it is measured in: 'money', 'number' or 'percent'.
        stock: it stands at a day, and does not flow in a period.
        pair: it lies between two parties.
        firm: a deal or a verdict: it is the same fact whether it is told as done, as signed or as to come.
    """

    name: str
    kind: str
    stock: bool = False
    pair: bool = False
    firm: bool = False


_TABLE: tuple[tuple[Topic, str], ...] = (
    (
        Topic("revenue", _MONEY),
        "umsatz umsätz ~umsatz ~umsätze erlös umsatzerlös einnahmen ~einnahmen revenue sales turnover top-line umgesetzt turned_over turns_over =erlöse",
    ),
    (
        Topic("operating profit", _MONEY),
        "betriebsergebnis betriebsgewinn =ebit operatives_ergebnis operativer_gewinn operativen_gewinn operating_profit operating_income operating_earnings operatives_plus operating_result",
    ),
    (Topic("ebitda", _MONEY), "ebitda"),
    (
        Topic("pretax profit", _MONEY),
        "vorsteuergewinn vorsteuerergebnis pretax_profit pre-tax_profit profit_before_tax gewinn_vor_steuern ergebnis_vor_steuern",
    ),
    (
        Topic("profit", _MONEY),
        "gewinn nettogewinn reingewinn jahresüberschuss überschuss quartalsgewinn ~gewinn nettoergebnis profit net_income net_profit earnings verdient verdiente earned net_earnings",
    ),
    (
        Topic("loss", _MONEY),
        "verlust nettoverlust ~verlust fehlbetrag jahresfehlbetrag loss losses net_loss verlor verloren =lost ein_minus_von einem_minus_von einen_fehlbetrag defizit deficit",
    ),
    (Topic("operating loss", _MONEY), "betriebsverlust operativer_verlust operativen_verlust operating_loss"),
    (
        Topic("order intake", _MONEY),
        "auftragseingang auftragseingänge aufträge aufträgen bestellungen =orders =bookings neuaufträge order_intake new_orders incoming_orders orders_received",
    ),
    (
        Topic("order backlog", _MONEY, stock=True),
        "auftragsbestand auftragsbestände auftragspolster order_backlog backlog order_book",
    ),
    (
        Topic("valuation", _MONEY, stock=True),
        "bewertung bewertet unternehmenswert firmenwert valuation valued valuing values_the",
    ),
    (
        Topic("market value", _MONEY, stock=True),
        "börsenwert marktkapitalisierung marktwert market_value market_cap market_capitalisation market_capitalization",
    ),
    (
        Topic("acquisition price", _MONEY, pair=True, firm=True),
        "übernahme übernimmt übernahm übernehmen übernommen kaufpreis kauft =kaufte gekauft erwirbt erwarb erworben erwerben acquisition acquire acquires acquired takeover purchase_price =buy =buys =bought takes_over taking_over",
    ),
    (Topic("sale price", _MONEY, pair=True, firm=True), "verkaufspreis verkauft verkaufte sale_price sells sold"),
    (
        Topic("investment", _MONEY),
        "investition ~investition investitions investiert investierte investieren investment invests invested =invest investing capex capital_expenditure =steckt =stecken =steckte",
    ),
    (
        Topic("funding", _MONEY, firm=True),
        "finanzierungsrunde eingesammelt sammelt sammelte einsammeln kapitalerhöhung frisches_kapital funding_round funding raised raises =raise fresh_capital",
    ),
    (
        Topic("commitment", _MONEY, pair=True, firm=True),
        "zusage zusagen abnahmeverpflichtung verpflichtung verpflichtet verpflichtete abnahme vertrag vertrags rahmenvertrag ~vertrag auftrag großauftrag commitment committed commits contract =order =deal =agreement",
    ),
    (
        Topic("debt", _MONEY, stock=True),
        "schulden verschuldung nettoverschuldung verbindlichkeit schuldenstand debt net_debt liabilities borrowings",
    ),
    (Topic("loan", _MONEY, firm=True), "kredit darlehen loan credit_line kreditlinie"),
    (Topic("bond", _MONEY, firm=True), "anleihe =bond =bonds"),
    (Topic("equity", _MONEY, stock=True), "eigenkapital shareholders'_equity equity_capital"),
    (Topic("cash", _MONEY, stock=True), "barmittel liquidität liquide_mittel kassenbestand cash liquidity"),
    (Topic("cost", _MONEY), "kosten kostet kostete gekostet ~kosten aufwand aufwendungen cost costs expenses"),
    (Topic("spending", _MONEY), "ausgaben ausgegeben spending spends spent expenditure"),
    (Topic("budget", _MONEY), "budget etat haushalt"),
    (
        Topic("subsidy", _MONEY, pair=True, firm=True),
        "förderung fördermittel fördert subvention zuschuss zuschüsse subsid subvention grant =grants",
    ),
    (Topic("fine", _MONEY, firm=True), "bußgeld strafe geldbuße =fine =fined penalty"),
    (Topic("damage", _MONEY, firm=True), "schaden schäden schadenersatz schadensersatz damages damage"),
    (Topic("dividend", _MONEY), "dividende dividend"),
    (Topic("buyback", _MONEY), "aktienrückkauf buyback share_repurchase"),
    (Topic("donation", _MONEY), "spende spenden gespendet donat"),
    (Topic("tax", _MONEY), "steuerzahlung gewerbesteuer =taxes tax_bill"),
    (Topic("rent", _MONEY), "=miete mieteinnahmen jahresmiete =rent"),
    (Topic("fee", _MONEY), "gebühr =fee =fees"),
    (Topic("payment", _MONEY, pair=True, firm=True), "zahlt zahlte bezahlt bezahlte zahlung zahlungen pays =paid =pay payment payments"),
    (Topic("price", _MONEY), "=preis verkaufspreis stückpreis =price"),
    (Topic("savings", _MONEY), "einsparung einsparungen sparen einsparen savings =save"),
    (Topic("research", _MONEY), "forschungsausgaben forschungsetat research_and_development r&d"),
    (
        Topic("job cuts", _COUNT),
        "stellenabbau stellen_streichen stellenstreichungen arbeitsplätze_abbauen job_cuts layoffs jobs_cut laid_off lay_off",
    ),
    (Topic("new jobs", _COUNT), "neue_arbeitsplätze neue_stellen new_jobs neue_jobs"),
    (
        Topic("employees", _COUNT, stock=True),
        "mitarbeit beschäftigte beschäftigten beschäftigt angestellte arbeitnehmer belegschaft arbeitskräfte employee employees employs employed staff workforce headcount workers =arbeiten =arbeitet =arbeiteten =work",
    ),
    (Topic("jobs", _COUNT, stock=True), "arbeitsplätze arbeitsplätzen stellen =jobs"),
    (Topic("customers", _COUNT, stock=True), "kunden ~kunden kundinnen customer clients"),
    (Topic("users", _COUNT, stock=True), "nutzer nutzerinnen anwender users"),
    (Topic("subscribers", _COUNT, stock=True), "abonnent abonnements abos subscriber subscriptions"),
    (Topic("visitors", _COUNT), "besucher besucherinnen gäste visitors guests attendees"),
    (Topic("passengers", _COUNT), "passagiere fahrgäste fahrgästen fluggäste passengers"),
    (Topic("members", _COUNT, stock=True), "mitglieder members"),
    (Topic("inhabitants", _COUNT, stock=True), "einwohner inhabitants residents"),
    (Topic("stores", _COUNT, stock=True), "filialen filiale läden geschäfte märkte stores shops branches"),
    (Topic("vehicles", _COUNT), "fahrzeuge fahrzeugen autos wagen vehicles =cars trucks lkw busse"),
    (Topic("unit sales", _COUNT), "absatz abgesetzt unit_sales units_sold"),
    (Topic("units ordered", _COUNT), "units_ordered"),
    (Topic("deliveries", _COUNT), "auslieferungen ausgeliefert auslieferte lieferte lieferten deliveries =delivered =delivers"),
    (Topic("production", _COUNT), "produktion produziert produzierte hergestellt output production produced"),
    (
        Topic("capacity", _COUNT, stock=True),
        "kapazität ~kapazität rechenleistung leistung anschlussleistung capacity computing_power",
    ),
    (Topic("consumption", _COUNT), "verbrauch ~verbrauch consumption consumed consumes"),
    (Topic("emissions", _COUNT), "emission ausstoß emissions"),
    (Topic("homes", _COUNT, stock=True), "wohnungen haushalte homes apartments flats households"),
    (Topic("area", _COUNT, stock=True), "fläche ~fläche floor_space =area"),
    (Topic("patients", _COUNT), "patienten patientinnen patients"),
    (Topic("shares", _COUNT), "aktien =shares"),
    (
        Topic("stake", "percent", stock=True, pair=True, firm=True),
        "anteil ~anteil anteile anteilen beteiligung stake stakes =share shareholding",
    ),
    (Topic("margin", "percent"), "marge ~marge rendite =margin margins"),
    (Topic("rate", "percent"), "quote ~quote zinssatz leitzins =rate"),
)

TOPICS = MappingProxyType({topic.name: topic for topic, _ in _TABLE})

_TRIGGERS = tuple(
    (word.lstrip("~=").replace("_", " "), topic, word[0] if word[0] in "~=" else "")
    for topic, words in _TABLE
    for word in listed(words)
)


def _pattern() -> re.Pattern[str]:
    """One pattern over all words; the longest one first, the topic's place in the table as the group's name."""
    ordered = sorted(_TRIGGERS, key=lambda one: -len(one[0]))
    names = {topic.name: at for at, (topic, _) in enumerate(_TABLE)}
    parts: dict[str, list[tuple[str, int]]] = {"": [], "~": [], "=": []}
    for word, topic, mode in ordered:
        parts[mode].append((re.escape(word), names[topic.name]))
    pieces = [(rf"\b{word}\w*", at) for word, at in parts[""]]
    pieces += [(rf"\b{word}\b", at) for word, at in parts["="]]
    pieces += [(rf"\b\w*{word}\w{{0,3}}\b", at) for word, at in parts["~"]]
    return re.compile("|".join(f"({piece})" for piece, _ in pieces), re.IGNORECASE)


def _places() -> tuple[Topic, ...]:
    """The topic of every group of the pattern."""
    ordered = sorted(_TRIGGERS, key=lambda one: -len(one[0]))
    return tuple(topic for mode in ("", "=", "~") for _, topic, own in ordered if own == mode)


_WORDS = _pattern()
_TOPIC_OF = _places()


_PARTED = (
    ("revenue", re.compile(r"\bsetz(?:t|te|ten|en)\b(?=[^.;]{3,120}\bum\b(?!\s+\d))")),
    ("revenue", re.compile(r"\bn(?:immt|ahm|ahmen)\b(?=[^.;]{3,120}\bein\b(?!\s+\w))")),
    ("spending", re.compile(r"\bg(?:ibt|ab|eben|aben)\b(?=[^.;]{3,120}\baus\b(?!\s+\w))")),
)
"""German verbs whose second part stands at the end: 'setzte 549 Millionen Euro um'."""

COUNTED = MappingProxyType({"sale price": "unit sales", "commitment": "units ordered", "order intake": "units ordered"})
"""What a topic of money is where pieces are counted: 'verkaufte 40.000 Fahrzeuge'."""

DONE = frozenset({"production", "deliveries", "unit sales", "units ordered", "job cuts", "new jobs"})
"""What is done with things, rather than the things: 'produced 40,000 vehicles' is production."""


class Mention(NamedTuple):
    """A topic's word in a text."""

    start: int
    end: int
    topic: Topic


def mentions(text: str, start: int, end: int) -> list[Mention]:
    """The topics' words between two offsets."""
    found = []
    for match in _WORDS.finditer(text, start, end):
        assert match.lastindex is not None
        found.append(Mention(match.start(), match.end(), _TOPIC_OF[match.lastindex - 1]))
    for name, pattern in _PARTED:
        found += [Mention(one.start(), one.end(), TOPICS[name]) for one in pattern.finditer(text, start, end)]
    return sorted(found)


_STATUS = (
    (
        "conditional",
        r"falls|sofern|vorausgesetzt|vorbehaltlich|unter der bedingung|\bwenn\b|\bif\b|subject to|provided that|unless",
    ),
    (
        "target",
        r"\bziel\b|\bziele\b|angestrebt\w*|\bstrebt|anstrebt|peilt|anpeilt|zielmarke|\bzielt\b|\btarget\w*|\bgoal\w*|\baims?\b"
        r"|\baiming\b|ambition|\bzielwert|zielvorgabe",
    ),
    (
        "estimated",
        r"schätz\w*|geschätzt\w*|analyst\w*|erwartet\w*|erwarten|erwartung\w*|prognos\w*|dürfte\w*|rechnet|rechnen"
        r"|voraussichtlich\w*|könnte\w*|estimat\w*|expect\w*|forecast\w*|projected|predict\w*|could\b|might\b|\blikely\b",
    ),
    (
        "planned",
        r"plant\b|planen|geplant\w*|plante\w*|\bwill\b|wollen|\bwolle\b|\bsoll\b|sollen|beabsichtigt|vorgesehen\w*|\bplans?\b"
        r"|planned|planning|intends?|\bwants?\b|proposed|vorhaben|\bw(?:ird|erden|erde)\b[^,.;]*\b(?!ge)\w+en\b(?=\s*(?:[,.;]|$))|is to\b|are to\b|going to",
    ),
    (
        "contracted",
        r"vertrag\w*|\w*vertrag\b|vereinbar\w*|unterzeichn\w*|unterschrieben|verpflichtet\w*|zugesagt|\b(?:groß)?auftrag\b"
        r"|contract\w*|signed|signs|agreed|agrees|agreement|committed|commitment\w*|\bdeal\b|ordered|bestellt\w*",
    ),
)
_STATUS_PATTERN = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _STATUS), re.IGNORECASE)
_RANK = tuple(name for name, _ in _STATUS)
_ENGLISH_WILL = re.compile(r"\bwill\b", re.IGNORECASE)
_FINISHED = re.compile(
    r"wurden? (?:\w+ )?(?:erwartet|geplant)|(?:als|than|stärker als) (?:erwartet|geplant|expected|planned|forecast)"
    r"|erwartungen (?:übertroffen|verfehlt)|(?:beat|missed|above|below|exceed\w*|topp\w*) (?:\w+ )?(?:expectations|forecasts)",
    re.IGNORECASE,
)


def status(clause: str) -> str:
    """How firm a clause makes its figures, by its words."""
    text = _FINISHED.sub(" ", clause)
    found = {match.lastgroup for match in _STATUS_PATTERN.finditer(text)}
    return next((name for name in _RANK if name in found), "reported")


_NEGATION = re.compile(
    r"\b(?:nicht(?! nur| zuletzt| mehr als| weniger als| über| unter)|kein\w*|dementiert\w*|bestritt\w*|bestreitet|not(?! only| more than| less than)"
    r"|never|no longer|denied|denies|neither|weder)\b",
    re.IGNORECASE,
)


def negated(clause: str) -> bool:
    """Whether a clause says that it is not so."""
    return bool(_NEGATION.search(clause))


_DOWN = re.compile(
    r"\b(?:sank\w*|sinkt|sinken|gesunken\w*|fiel\w*|fällt|gefallen|schrumpf\w*|ging\w*|rückgang\w*|minus|verringert\w*|reduziert\w*"
    r"|weniger|fell|falls?|fallen|dropped?|drops|declin\w*|decreas\w*|shrank|shrunk|down|lower|cut)\b",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:stieg\w*|steig\w*|gestiegen\w*|wuchs\w*|wächst|gewachsen\w*|wachstum\w*|zulegt\w*|legte\w*|plus|zuwachs\w*|anstieg\w*|erhöht\w*|mehr"
    r"|rose|ris\w+|grew|grow\w*|increas\w*|gain\w*|up|higher|jump\w*|climb\w*|surged?)\b",
    re.IGNORECASE,
)


def direction(clause: str) -> int:
    """-1 where a clause speaks of a fall, 1 of a rise, 0 of neither."""
    down, up = _DOWN.search(clause), _UP.search(clause)
    if down and up:
        return -1 if down.start() < up.start() else 1
    return -1 if down else 1 if up else 0
