"""What generated articles are built of: names, measures in both languages, sentences around the figures."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

HEADS = (
    "Ambro",
    "Belve",
    "Corti",
    "Drusa",
    "Elmo",
    "Farni",
    "Gorla",
    "Hestu",
    "Ilva",
    "Jorbe",
    "Kalto",
    "Lumba",
    "Mirve",
    "Norgu",
    "Ostra",
    "Pelvi",
    "Quendo",
    "Rasko",
    "Silfu",
    "Trenva",
    "Ulmi",
    "Vasko",
    "Wendo",
    "Zorni",
)
TAILS = ("lit", "nau", "mark", "tron", "dorf", "via", "quell", "stein", "vex", "holm")
TRADES = (
    "Energie",
    "Logistik",
    "Maschinenbau",
    "Pharma",
    "Handel",
    "Software",
    "Chemie",
    "Bau",
    "Medien",
    "Elektronik",
    "Optik",
    "Textil",
)
FORMS = ("AG", "GmbH", "SE", "KG", "AG", "GmbH")
PLACES = (
    "Musterstadt",
    "Beispielhausen",
    "Neu-Irgendwo",
    "Fantasiatal",
    "Probeheim",
    "Nirgendorf",
    "Testlingen",
)
BOSSES = (
    "Erika Erdacht",
    "Max Platzhalter",
    "Petra Probe",
    "Otto Beispiel",
    "Lieschen Normalverbraucher",
    "Hans Muster",
)


@dataclass(frozen=True)
class Measure:
    """Something that is counted about a company.

    Args:
        key: a word.
        unit: 'EUR' or what is counted ('Beschäftigte').
        low, high: between which values are drawn.
        said: by language: sentences with {name}, {period}, {figure}; periods read 'im Jahr 2024', 'in 2024'.
        headlines: by language.
    """

    key: str
    unit: str
    low: int
    high: int
    said: MappingProxyType[str, tuple[str, ...]]
    headlines: MappingProxyType[str, tuple[str, ...]]


def both(german: tuple[str, ...], english: tuple[str, ...]) -> MappingProxyType[str, tuple[str, ...]]:
    return MappingProxyType({"de": german, "en": english})


MEASURES = (
    Measure(
        "revenue",
        "EUR",
        40_000_000,
        9_000_000_000,
        both(
            (
                "{name} hat {period} einen Umsatz von {figure} erzielt.",
                "Der Umsatz von {name} belief sich {period} auf {figure}.",
                "{period_cap} setzte {name} {figure} um.",
                "{period_cap} erwirtschaftete {name} Erlöse von {figure}.",
                "Mit {figure} Umsatz schloss {name} die Bücher {period_for}.",
                "Der Umsatz lag {period} bei {figure}, teilte {name} mit.",
                "Wie {name} mitteilte, betrugen die Umsatzerlöse {period} {figure}.",
            ),
            (
                "{name} reported revenue of {figure} for {period}.",
                "Revenue at {name} came to {figure} in {period}.",
                "In {period}, {name} generated sales of {figure}.",
                "{name} said its revenue in {period} was {figure}.",
                "With revenue of {figure} in {period}, {name} beat its own record.",
                "Sales of {name} amounted to {figure} in {period}.",
            ),
        ),
        both(
            ("{short}: Neue Zahlen zum Geschäft", "{short} legt Umsatz vor", "Was {short} umsetzt"),
            ("{short} publishes its sales", "{short}: the figures", "How {short} did"),
        ),
    ),
    Measure(
        "profit",
        "EUR",
        5_000_000,
        900_000_000,
        both(
            (
                "{name} hat {period} einen Gewinn von {figure} verbucht.",
                "Der Gewinn von {name} betrug {period} {figure}.",
                "{period_cap} verdiente {name} unter dem Strich {figure}.",
                "Unter dem Strich stand bei {name} {period} ein Nettogewinn von {figure}.",
                "Für {period_name} weist {name} einen Überschuss von {figure} aus.",
            ),
            (
                "{name} made a net profit of {figure} in {period}.",
                "Net profit at {name} was {figure} in {period}.",
                "In {period}, {name} earned a profit of {figure}.",
                "{name} posted net income of {figure} for {period}.",
                "For {period}, {name} recorded a profit of {figure}.",
            ),
        ),
        both(
            ("{short} verdient Geld", "Gewinn bei {short}", "{short} in den schwarzen Zahlen"),
            ("{short} in the black", "Profit at {short}", "{short} earns its keep"),
        ),
    ),
    Measure(
        "loss",
        "EUR",
        3_000_000,
        700_000_000,
        both(
            (
                "{name} hat {period} einen Verlust von {figure} gemacht.",
                "Der Verlust von {name} belief sich {period} auf {figure}.",
                "{period_cap} stand bei {name} ein Fehlbetrag von {figure} in den Büchern.",
                "{name} schrieb {period} einen Verlust in Höhe von {figure}.",
            ),
            (
                "{name} posted a net loss of {figure} for {period}.",
                "In {period}, {name} lost {figure}.",
                "The net loss of {name} was {figure} in {period}.",
                "{name} reported a loss of {figure} for {period}.",
            ),
        ),
        both(
            ("{short} tief in den roten Zahlen", "Verlust bei {short}", "Sorgen um {short}"),
            ("{short} in the red", "Losses at {short}", "Worries about {short}"),
        ),
    ),
    Measure(
        "orders",
        "EUR",
        30_000_000,
        6_000_000_000,
        both(
            (
                "Der Auftragseingang von {name} erreichte {period} {figure}.",
                "{name} verbuchte {period} Aufträge über {figure}.",
                "{period_cap} gingen bei {name} Bestellungen im Wert von {figure} ein.",
                "Der Auftragseingang bei {name} lag {period} bei {figure}.",
            ),
            (
                "Order intake at {name} reached {figure} in {period}.",
                "{name} booked orders worth {figure} in {period}.",
                "In {period}, orders received by {name} amounted to {figure}.",
            ),
        ),
        both(
            ("{short}: Die Auftragsbücher", "Aufträge für {short}"),
            ("Orders at {short}", "{short} and its order book"),
        ),
    ),
    Measure(
        "employees",
        "employees",
        300,
        60_000,
        both(
            (
                "Ende {year} beschäftigte {name} {figure} Menschen.",
                "Die Zahl der Beschäftigten bei {name} lag Ende {year} bei {figure}.",
                "{name} hatte Ende {year} {figure} Mitarbeiter.",
                "Zum Jahresende {year} zählte {name} {figure} Beschäftigte.",
            ),
            (
                "At the end of {year}, {name} had {figure} employees.",
                "{name} employed {figure} people at the end of {year}.",
                "The workforce of {name} stood at {figure} employees at the end of {year}.",
            ),
        ),
        both(
            ("Arbeiten bei {short}", "{short} als Arbeitgeber"),
            ("Working at {short}", "{short} and its people"),
        ),
    ),
    Measure(
        "debt",
        "EUR",
        20_000_000,
        4_000_000_000,
        both(
            (
                "Die Schulden von {name} betrugen Ende {year} {figure}.",
                "Ende {year} hatte {name} Schulden von {figure}.",
                "Auf {name} lasteten Ende {year} Verbindlichkeiten von {figure}.",
            ),
            (
                "Debt at {name} stood at {figure} at the end of {year}.",
                "At the end of {year}, {name} had debt of {figure}.",
                "{name} carried debt of {figure} at the end of {year}.",
            ),
        ),
        both(("{short} und seine Schulden", "Die Last von {short}"), ("The debt of {short}", "{short} owes")),
    ),
)

WORDS_AROUND = both(
    (
        "Die Branche beobachtet das Unternehmen aus {place} seit Jahren genau.",
        "„Wir haben unsere Hausaufgaben gemacht“, sagte Firmenchef {boss}.",
        "In der Belegschaft ist die Stimmung dennoch gemischt.",
        "Gegründet wurde das Unternehmen 1987 in einer Garage in {place}.",
        "Weitere Einzelheiten sollen auf der Hauptversammlung folgen.",
        "Der Betriebsrat wollte sich auf Anfrage nicht äußern.",
        "Fachleute verweisen auf die gesunkenen Preise für Vorprodukte.",
        "Für die Stadt {place} ist der Betrieb der wichtigste Steuerzahler.",
        "Die Konkurrenz aus Übersee macht dem Mittelständler zu schaffen.",
        "{boss} führt das Haus seit drei Jahren.",
        "An der Börse wurde die Nachricht gelassen aufgenommen.",
        "Eine Stellungnahme der Gewerkschaft lag zunächst nicht vor.",
        "Das Werk liegt gut zwölf Kilometer außerhalb von {place}.",
        "Im Ort erzählt man sich, dass bald wieder gebaut wird.",
    ),
    (
        "The industry has been watching the company from {place} for years.",
        "“We have done our homework,” said chief executive {boss}.",
        "Among the staff the mood is mixed all the same.",
        "It was founded in a garage in {place} in 1987.",
        "More details are to follow at the annual general meeting.",
        "The works council declined to comment.",
        "Experts point to falling prices of raw materials.",
        "For the town of {place} the firm is the most important taxpayer.",
        "Competitors from overseas are a headache for the family business.",
        "{boss} has run the house for three years.",
        "Investors took the news calmly.",
        "The union could not be reached at first.",
        "The plant lies some twelve kilometres outside {place}.",
    ),
)
ATTRIBUTED = both(
    (
        "",
        "",
        "Das geht aus dem Geschäftsbericht hervor.",
        "Das teilte das Unternehmen am {weekday} mit.",
        "So steht es in einer Mitteilung, die am {weekday} verschickt wurde.",
    ),
    (
        "",
        "",
        "The figures are from the annual report.",
        "The company said so on {weekday}.",
        "This is what a statement sent on {weekday} says.",
    ),
)
WEEKDAYS = both(
    ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
)
TARGETS = both(
    (
        "Für {year} strebt {name} einen Umsatz von {figure} an.",
        "{name} plant für {year} mit einem Umsatz von {figure}.",
        "Analysten erwarten für {year} bei {name} einen Umsatz von {figure}.",
        "{year} will {name} einen Umsatz von {figure} erreichen.",
    ),
    (
        "{name} plans revenue of {figure} for {year}.",
        "{name} is aiming for revenue of {figure} in {year}.",
        "Analysts expect revenue of {figure} at {name} in {year}.",
        "For {year}, {name} forecasts revenue of {figure}.",
    ),
)
SEGMENTS = both(
    (
        "In Asien setzte {name} {period} {figure} um.",
        "Die Sparte Ersatzteile von {name} kam {period} auf einen Umsatz von {figure}.",
        "Der Umsatz von {name} im Ausland betrug {period} {figure}.",
    ),
    (
        "In Asia, {name} generated revenue of {figure} in {period}.",
        "The spare-parts division of {name} had revenue of {figure} in {period}.",
        "Revenue of {name} abroad was {figure} in {period}.",
    ),
)
IN_WORDS = MappingProxyType(
    {
        500_000_000: (
            ("500 Millionen Euro", "eine halbe Milliarde Euro"),
            ("500 million euros", "half a billion euros"),
        ),
        1_500_000_000: (
            ("1,5 Milliarden Euro", "anderthalb Milliarden Euro"),
            ("1.5 billion euros", "one and a half billion euros"),
        ),
        2_000_000_000: (
            ("2.000 Mio. Euro", "zwei Milliarden Euro"),
            ("2,000 million euros", "two billion euros"),
        ),
        250_000_000: (
            ("250 Millionen Euro", "eine Viertelmilliarde Euro"),
            ("250 million euros", "a quarter of a billion euros"),
        ),
        12_000_000: (("12 Mio. €", "zwölf Millionen Euro"), ("€12 million", "twelve million euros")),
    }
)
