"""Pairs of articles, written by hand, that look like contradictions and are none: with the reason.

Every company, person and place is invented.
"""

from __future__ import annotations

from bench.documents.article_values import Article, Case

ALIKE = (
    Case(
        "other period",
        Article(
            "de",
            "2025-03-20",
            "Grünspatz Möbel legt zu",
            "Der Möbelhändler Grünspatz erzielte 2024 einen Umsatz von 910 Millionen Euro. Das "
            "Weihnachtsgeschäft lief besser als erwartet. Grünspatz betreibt 44 Häuser.",
        ),
        Article(
            "de",
            "2024-03-21",
            "Grünspatz Möbel spürt die Flaute",
            "Für 2023 meldet der Möbelhändler Grünspatz einen Umsatz von 845 Millionen Euro. Die 44 "
            "Häuser litten unter der schwachen Baukonjunktur.",
        ),
        "Grünspatz, Umsatz 2024 und 2023",
        "910 Millionen Euro",
        "845 Millionen Euro",
        "910000000",
        "845000000",
    ),
    Case(
        "target",
        Article(
            "en",
            "2025-02-11",
            "Wolkenkuckuck Air aims high",
            "Wolkenkuckuck Air plans revenue of 2.5 billion euros for 2025, its finance chief Petra "
            "Probe said at an investor day. The airline flies 38 aircraft.",
        ),
        Article(
            "en",
            "2026-02-10",
            "A bumpy year for Wolkenkuckuck Air",
            "Wolkenkuckuck Air reported revenue of 2.1 billion euros for 2025. Strikes and fog cost "
            "the airline, which flies 38 aircraft, more than it had feared.",
        ),
        "Wolkenkuckuck Air, revenue 2025 planned and reported",
        "2.5 billion euros",
        "2.1 billion euros",
        "2500000000",
        "2100000000",
    ),
    Case(
        "qualifier",
        Article(
            "de",
            "2025-08-01",
            "Ödlandia Logistik baut Zentrallager",
            "Mehr als 200 Millionen Euro investiert die Ödlandia Logistik GmbH in ihr neues "
            "Zentrallager bei Testlingen. Die Halle ist größer als zwölf Fußballfelder.",
        ),
        Article(
            "de",
            "2025-08-05",
            "Kräne über Testlingen",
            "Das Zentrallager der Ödlandia Logistik nimmt Gestalt an. 214 Millionen Euro investiert "
            "der Spediteur in den Bau, der im nächsten Sommer fertig sein soll.",
        ),
        "Ödlandia Logistik, Investition in das Zentrallager",
        "Mehr als 200 Millionen Euro",
        "214 Millionen Euro",
        "200000000",
        "214000000",
    ),
    Case(
        "rounding",
        Article(
            "de",
            "2025-04-30",
            "Silberknolle verdient prächtig",
            "Silberknolle Chemie SE: Der Umsatz betrug im Jahr 2024 exakt 1.234,6 Millionen Euro. "
            "Das geht aus dem Geschäftsbericht hervor, der am Mittwoch erschien.",
        ),
        Article(
            "de",
            "2025-05-02",
            "Chemie in Zahlen",
            "Die größten Hersteller der Region im Vergleich: Silberknolle Chemie kam 2024 auf einen "
            "Umsatz von rund 1,2 Milliarden Euro und bleibt damit vor allen anderen.",
        ),
        "Silberknolle Chemie, Umsatz 2024 genau und gerundet",
        "1.234,6 Millionen Euro",
        "rund 1,2 Milliarden Euro",
        "1234600000",
        "1200000000",
    ),
    Case(
        "other entity",
        Article(
            "de",
            "2025-03-05",
            "Dreiecksee Bank mit Gewinnsprung",
            "Die Dreiecksee Bank AG hat 2024 einen Gewinn von 320 Millionen Euro erzielt. "
            "Privatkunden legten wieder mehr Geld an, heißt es in Bad Beispiel.",
        ),
        Article(
            "de",
            "2025-03-06",
            "Versicherer sieht Licht",
            "Die Dreiecksee Versicherung AG hat 2024 einen Gewinn von 87 Millionen Euro erzielt. "
            "Unwetter kosteten den Versicherer weniger als im Jahr davor.",
        ),
        "Dreiecksee Bank und Dreiecksee Versicherung, Gewinn 2024",
        "320 Millionen Euro",
        "87 Millionen Euro",
        "320000000",
        "87000000",
    ),
    Case(
        "other currency",
        Article(
            "en",
            "2025-09-09",
            "Eulenspuk Games sold",
            "The Swiss fund Apfelknick Partners buys Eulenspuk Games for 1.0 billion euros, both "
            "said on Tuesday. The studio is known for a card game about owls.",
        ),
        Article(
            "en",
            "2025-09-10",
            "Owls cross the Atlantic",
            "In dollars, Apfelknick Partners pays $1.17 billion for Eulenspuk Games. The card game "
            "about owls has been played by a good part of the planet.",
        ),
        "Eulenspuk Games, price in euros and dollars",
        "1.0 billion euros",
        "$1.17 billion",
        "1000000000",
        "1170000000",
    ),
    Case(
        "in words",
        Article(
            "de",
            "2025-06-20",
            "Buntspecht 17 sammelt Geld ein",
            "Das Start-up Buntspecht 17 hat in einer Finanzierungsrunde 500 Millionen Euro "
            "eingesammelt. Angeführt wurde die Runde von Mondsehr Capital.",
        ),
        Article(
            "de",
            "2025-06-23",
            "Der Specht klopft an",
            "Eine halbe Milliarde Euro: So viel hat Buntspecht 17 in seiner Finanzierungsrunde von "
            "Investoren bekommen. Mondsehr Capital führte die Runde an.",
        ),
        "Buntspecht 17, Finanzierungsrunde",
        "500 Millionen Euro",
        "Eine halbe Milliarde Euro",
        "500000000",
        "500000000",
    ),
    Case(
        "copy",
        Article(
            "de",
            "2025-07-17",
            "Rübenblick Zucker: Gewinn halbiert",
            "Der Zuckerkonzern Rübenblick AG hat im zweiten Quartal 2025 einen Gewinn von 33 "
            "Millionen Euro erzielt, nach 66 Millionen Euro im Vorjahresquartal. Grund seien die "
            "gefallenen Preise, sagte Finanzvorstand Hans Muster in Wunschwalde.",
        ),
        Article(
            "de",
            "2025-07-17",
            "Zuckerkonzern Rübenblick verdient nur noch die Hälfte",
            "Wunschwalde (bp). Der Zuckerkonzern Rübenblick AG hat im zweiten Quartal 2025 einen "
            "Gewinn von 33 Millionen Euro erzielt, nach 66 Millionen Euro im Vorjahresquartal. "
            "Grund seien die gefallenen Preise, sagte Finanzvorstand Hans Muster.",
        ),
        "Rübenblick, Gewinn im zweiten Quartal 2025 und im Vorjahr",
        "33 Millionen Euro",
        "66 Millionen Euro",
        "33000000",
        "66000000",
    ),
    Case(
        "other measure",
        Article(
            "en",
            "2025-05-15",
            "Steinbeiser Turbines fills its books",
            "Order intake at Steinbeiser Turbines reached 3.4 billion euros in the first quarter of "
            "2025, the company said in Erfundenbach.",
        ),
        Article(
            "en",
            "2025-05-15",
            "Steinbeiser Turbines grows slowly",
            "Steinbeiser Turbines reported revenue of 2.2 billion euros for the first quarter of "
            "2025. Bottlenecks at suppliers slowed deliveries.",
        ),
        "Steinbeiser Turbines, order intake and revenue",
        "3.4 billion euros",
        "2.2 billion euros",
        "3400000000",
        "2200000000",
    ),
    Case(
        "share of it",
        Article(
            "de",
            "2025-11-13",
            "Krähenbeiß Werkzeuge wächst im Ausland",
            "Der Umsatz der Krähenbeiß Werkzeuge KG in Asien betrug 2024 140 Millionen Euro. Das "
            "Geschäft dort wächst zweistellig.",
        ),
        Article(
            "de",
            "2025-11-14",
            "Porträt: Die Schraubenkönige",
            "Seit fünf Generationen baut die Familie Werkzeug. Der Umsatz der Krähenbeiß Werkzeuge "
            "KG betrug 2024 weltweit 520 Millionen Euro.",
        ),
        "Krähenbeiß Werkzeuge, Umsatz in Asien und weltweit",
        "140 Millionen Euro",
        "520 Millionen Euro",
        "140000000",
        "520000000",
    ),
    Case(
        "in words",
        Article(
            "en",
            "2025-10-01",
            "Hagebutt AI: a trillion and counting",
            "Hagebutt AI has told investors that its data centres will cost $1.2 trillion by 2033. "
            "It is a number that needs getting used to.",
        ),
        Article(
            "de",
            "2025-10-02",
            "Billionen für die Rechenzentren",
            "Bis 2033 sollen die Rechenzentren von Hagebutt AI 1,2 Billionen US-Dollar kosten, "
            "sagte der Konzern vor Investoren. Der Bundeshaushalt ist kleiner.",
        ),
        "Hagebutt AI, cost of data centres to 2033",
        "$1.2 trillion",
        "1,2 Billionen US-Dollar",
        "1200000000000",
        "1200000000000",
    ),
    Case(
        "target",
        Article(
            "de",
            "2025-01-22",
            "Kranzolin Solar verspricht viel",
            "Analysten erwarten für Kranzolin Solar 2025 einen Gewinn von 75 Millionen Euro. Das "
            "Unternehmen selbst gab keine Prognose ab.",
        ),
        Article(
            "de",
            "2026-03-04",
            "Kranzolin Solar enttäuscht",
            "Kranzolin Solar hat 2025 einen Gewinn von 52 Millionen Euro verbucht. Die Aktie verlor "
            "am Vormittag neun Prozent.",
        ),
        "Kranzolin Solar, Gewinn 2025 geschätzt und verbucht",
        "75 Millionen Euro",
        "52 Millionen Euro",
        "75000000",
        "52000000",
    ),
    Case(
        "other period",
        Article(
            "en",
            "2025-08-07",
            "Sonnenklee Foods, half way",
            "In the first half of 2025 Sonnenklee Foods earned a profit of 48 million euros. Oat "
            "drinks sold well.",
        ),
        Article(
            "en",
            "2025-05-08",
            "Sonnenklee Foods starts well",
            "Sonnenklee Foods earned a profit of 23 million euros in the first quarter of 2025, "
            "helped by oat drinks.",
        ),
        "Sonnenklee Foods, profit of half-year and quarter",
        "48 million euros",
        "23 million euros",
        "48000000",
        "23000000",
    ),
    Case(
        "rounding",
        Article(
            "de",
            "2025-09-03",
            "Wellensittig Reisen im Plus",
            "Wellensittig Reisen zählte im Sommer 2025 1.048.300 Kunden. So viele waren es noch "
            "nie, sagt Sprecherin Petra Erdacht.",
        ),
        Article(
            "de",
            "2025-09-05",
            "Eine Million Mal Strand",
            "Etwa eine Million Kunden sind im Sommer 2025 mit Wellensittig Reisen verreist. Die "
            "meisten blieben in Europa.",
        ),
        "Wellensittig Reisen, Kunden im Sommer 2025",
        "1.048.300 Kunden",
        "Etwa eine Million Kunden",
        "1048300",
        "1000000",
    ),
)
