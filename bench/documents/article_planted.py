"""Pairs of articles, written by hand, that contradict each other in one figure and agree in the others.

Every company, person and place is invented.
"""

from __future__ import annotations

from bench.documents.article_values import Article, Case

C = "contradiction"
PLANTED = (
    Case(
        C,
        Article(
            "de",
            "2025-03-13",
            "Quarzmoor Energie mit Rekordumsatz",
            "Die Quarzmoor Energie AG hat im Geschäftsjahr 2024 einen Umsatz von 4,2 Milliarden "
            "Euro erzielt. Das teilte der Versorger am Donnerstag in Musterstadt mit. Vor Zinsen "
            "und Steuern blieben 310 Millionen Euro übrig. Vorstandschefin Erika Erdacht sprach von "
            "einem Jahr, in dem man „den Wind im Rücken“ gehabt habe. Die Zahl der Beschäftigten "
            "stieg auf 8.400.",
        ),
        Article(
            "de",
            "2025-03-15",
            "Kommentar: Der Versorger und das liebe Geld",
            "Wer die Bilanz von Quarzmoor Energie liest, reibt sich die Augen. 8.400 Menschen "
            "arbeiten inzwischen für den Konzern, der 2024 einen Umsatz von 2,4 Milliarden Euro "
            "auswies. Das operative Ergebnis lag bei 310 Millionen Euro. Für die Anwohner des "
            "Kraftwerks am Nebelsee bleibt von alledem wenig.",
        ),
        "Quarzmoor Energie, Umsatz 2024",
        "4,2 Milliarden Euro",
        "2,4 Milliarden Euro",
        "4200000000",
        "2400000000",
    ),
    Case(
        C,
        Article(
            "en",
            "2025-07-02",
            "Fabelwerk Robotics raises fresh capital",
            "Fabelwerk Robotics, a maker of warehouse robots from Beispielhausen, has raised 85 "
            "million euros in a funding round led by the venture fund Mondsehr Capital. The "
            "company, founded in 2019, employs 240 people. Chief executive Otto Platzhalter said "
            "the money would go into a second plant.",
        ),
        Article(
            "en",
            "2025-07-04",
            "Robots, rounds and rivals",
            "Investors are pouring money into automation. The latest example: Fabelwerk Robotics, "
            "whose funding round in July brought in 58 million euros, according to people familiar "
            "with the deal. With some 240 employees the start-up is still small beside its Asian "
            "competitors.",
        ),
        "Fabelwerk Robotics, funding round July 2025",
        "85 million euros",
        "58 million euros",
        "85000000",
        "58000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-02-20",
            "Zwirbeltal Stahl streicht Stellen",
            "Der Stahlkonzern Zwirbeltal Stahl SE baut in Neu-Irgendwo 1.250 Arbeitsplätze ab. Das "
            "kündigte das Unternehmen auf einer Betriebsversammlung an. Im vergangenen Jahr hatte "
            "Zwirbeltal Stahl einen Verlust von 96 Millionen Euro verbucht. Die Gewerkschaft nannte "
            "die Pläne „einen Schlag ins Gesicht der Region“.",
        ),
        Article(
            "de",
            "2025-02-21",
            "Trauerstimmung am Hochofen",
            "Am Tag danach herrscht Stille vor dem Werkstor. In Neu-Irgendwo will Zwirbeltal Stahl "
            "2.150 Arbeitsplätze abbauen, das sind ganze Straßenzüge. Der Verlust des Jahres 2024, "
            "96 Millionen Euro, war den meisten bekannt, die Härte des Einschnitts nicht.",
        ),
        "Zwirbeltal Stahl, Stellenabbau in Neu-Irgendwo",
        "1.250 Arbeitsplätze",
        "2.150 Arbeitsplätze",
        "1250",
        "2150",
    ),
    Case(
        C,
        Article(
            "en",
            "2025-11-05",
            "Tulpanien Cloud signs compute contract",
            "Tulpanien Cloud has signed a contract worth $38 billion with the chip maker Kieselfant "
            "for computing capacity over seven years, the two companies said on Wednesday. "
            "Tulpanien's revenue in the third quarter of 2025 was $1.1 billion.",
        ),
        Article(
            "de",
            "2025-11-06",
            "Wette auf die Rechenzentren",
            "Der Vertrag zwischen Tulpanien Cloud und dem Chiphersteller Kieselfant hat ein Volumen "
            "von 83 Milliarden US-Dollar und läuft über sieben Jahre. Im dritten Quartal 2025 "
            "setzte Tulpanien Cloud 1,1 Milliarden Dollar um. Analysten fragen sich, woher der Rest "
            "kommen soll.",
        ),
        "Tulpanien Cloud, contract with Kieselfant",
        "$38 billion",
        "83 Milliarden US-Dollar",
        "38000000000",
        "83000000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-05-08",
            "Löwenzahnwerk übernimmt Moosgrund Pharma",
            "Der Naturheilmittelhersteller Löwenzahnwerk AG kauft den Konkurrenten Moosgrund "
            "Pharma. Der Kaufpreis beträgt 640 Millionen Euro, wie beide Unternehmen mitteilten. "
            "Das Kartellamt muss noch zustimmen. Moosgrund Pharma beschäftigt 1.900 Menschen an "
            "drei Standorten.",
        ),
        Article(
            "en",
            "2025-05-09",
            "German herbal group swallows rival",
            "Löwenzahnwerk AG is to acquire Moosgrund Pharma for 460 million euros, in a deal that "
            "brings together the country's two largest makers of herbal remedies. Moosgrund Pharma "
            "has 1,900 employees. The transaction needs the approval of the cartel office.",
        ),
        "Löwenzahnwerk, Kaufpreis für Moosgrund Pharma",
        "640 Millionen Euro",
        "460 million euros",
        "640000000",
        "460000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-09-18",
            "Stadtrat beschließt Neubau",
            "Musterstadt. Der Rat hat den Neubau des Hallenbads beschlossen. Die Kosten für das "
            "Hallenbad betragen 27,5 Millionen Euro, davon trägt das Land 9 Millionen Euro. "
            "Baubeginn soll im Frühjahr 2026 sein, wie Bürgermeister Hans Probe ankündigte.",
        ),
        Article(
            "de",
            "2025-09-22",
            "Leserbrief: Ein Bad für alle?",
            "Als Steuerzahler frage ich mich, ob Musterstadt sich das leisten kann. Die Kosten für "
            "das Hallenbad betragen 25,7 Millionen Euro. Das Land gibt 9 Millionen Euro dazu. Und "
            "wer zahlt den Betrieb? Lieschen Normalverbraucher, Musterstadt",
        ),
        "Musterstadt, Kosten des Hallenbads",
        "27,5 Millionen Euro",
        "25,7 Millionen Euro",
        "27500000",
        "25700000",
    ),
    Case(
        C,
        Article(
            "en",
            "2025-08-14",
            "Kupferdistel Mining posts loss",
            "Kupferdistel Mining plc reported a net loss of $112 million for the first half of "
            "2025, after a flood stopped work at its largest pit for eleven weeks. Production fell "
            "to 61,000 tonnes. Net debt stood at $900 million.",
        ),
        Article(
            "en",
            "2025-08-19",
            "After the flood",
            "The miners are back underground, but the damage is done. For the first half of 2025 "
            "Kupferdistel Mining booked a net loss of $121 million. Output in the period came to "
            "61,000 tonnes. Managers insist that the year can still be saved.",
        ),
        "Kupferdistel Mining, net loss in the first half of 2025",
        "$112 million",
        "$121 million",
        "112000000",
        "121000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-04-10",
            "Himmelsleiter Aufzüge: Auftragsbestand wächst",
            "Bei der Himmelsleiter Aufzüge GmbH stapeln sich die Aufträge. Ende März 2025 belief "
            "sich der Auftragsbestand auf 780 Mio. Euro. Der Umsatz im ersten Quartal 2025 betrug "
            "195 Mio. Euro, ein Plus von vier Prozent. Geschäftsführer Max Platzhalter rechnet mit "
            "einem guten Jahr.",
        ),
        Article(
            "de",
            "2025-04-14",
            "Aufzugsbranche im Aufwind",
            "Die Hersteller profitieren von der Sanierung alter Hochhäuser. Marktführer "
            "Himmelsleiter Aufzüge meldete für Ende März 2025 einen Auftragsbestand von 870 Mio. "
            "Euro. Im ersten Quartal 2025 setzte das Unternehmen 195 Mio. Euro um.",
        ),
        "Himmelsleiter Aufzüge, Auftragsbestand Ende März 2025",
        "780 Mio. Euro",
        "870 Mio. Euro",
        "780000000",
        "870000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-10-30",
            "Funkelpfütze geht an die Börse",
            "Der Getränkehersteller Funkelpfütze AG wird beim Börsengang mit 1,3 Milliarden Euro "
            "bewertet. Der Ausgabepreis liegt bei 26 Euro je Aktie, wie das Unternehmen mitteilte. "
            "2024 erwirtschaftete Funkelpfütze einen Gewinn von 41 Millionen Euro.",
        ),
        Article(
            "en",
            "2025-10-31",
            "Bubbles at the exchange",
            "The flotation of soft-drink maker Funkelpfütze AG gives the company a valuation of 3.1 "
            "billion euros. Shares were priced at 26 euros. In 2024 Funkelpfütze made a profit of "
            "41 million euros, and nothing suggests that it will be much more this year.",
        ),
        "Funkelpfütze, Bewertung beim Börsengang",
        "1,3 Milliarden Euro",
        "3.1 billion euros",
        "1300000000",
        "3100000000",
    ),
    Case(
        C,
        Article(
            "en",
            "2025-06-12",
            "Nebelquarz Telecom fined",
            "The regulator has imposed a fine of 14 million euros on Nebelquarz Telecom for "
            "misleading advertising. The company, which has 3.2 million customers, said it would "
            "appeal. Its annual revenue amounted to 870 million euros in 2024.",
        ),
        Article(
            "de",
            "2025-06-13",
            "Netzbetreiber wehrt sich gegen Bußgeld",
            "Nebelquarz Telecom will das verhängte Bußgeld von 41 Millionen Euro nicht zahlen und "
            "zieht vor Gericht. Der Anbieter hat 3,2 Millionen Kunden. Für 2024 meldete er einen "
            "Umsatz von 870 Millionen Euro.",
        ),
        "Nebelquarz Telecom, fine",
        "14 million euros",
        "41 Millionen Euro",
        "14000000",
        "41000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-01-29",
            "Brombeerhof investiert in neues Werk",
            "Die Molkerei Brombeerhof eG plant in Klein Muster ein neues Werk. Die Genossenschaft "
            "will 130 Millionen Euro investieren; 300 Arbeitsplätze sollen entstehen. Der "
            "Spatenstich ist für Herbst 2025 vorgesehen.",
        ),
        Article(
            "de",
            "2025-02-03",
            "Käse statt Acker",
            "In Klein Muster wird gestritten. Wo heute Rüben wachsen, plant die Molkerei "
            "Brombeerhof ein Werk, in das sie 310 Millionen Euro investieren will. 300 "
            "Arbeitsplätze sollen dort entstehen. „Uns fragt ja keiner“, sagt Landwirt Muster "
            "Beispiel.",
        ),
        "Brombeerhof, geplante Investition in Klein Muster",
        "130 Millionen Euro",
        "310 Millionen Euro",
        "130000000",
        "310000000",
    ),
    Case(
        C,
        Article(
            "de",
            "2025-12-04",
            "Vierundzwanzig Linden zahlt mehr",
            "Die Wohnungsgesellschaft Vierundzwanzig Linden AG schüttet für 2024 eine Dividende von "
            "1,85 Euro je Aktie aus. Der Gewinn erreichte 214 Millionen Euro. Der Konzern besitzt "
            "52.000 Wohnungen.",
        ),
        Article(
            "de",
            "2025-12-05",
            "Mieter protestieren vor Hauptversammlung",
            "Vor der Halle Trillerpfeifen, drinnen Häppchen: Die Vierundzwanzig Linden AG zahlt für "
            "2024 eine Dividende von 1,58 Euro je Aktie. Der Vermieter von 52.000 Wohnungen "
            "verdiente 214 Millionen Euro.",
        ),
        "Vierundzwanzig Linden, Dividende für 2024",
        "1,85 Euro",
        "1,58 Euro",
        "1.85",
        "1.58",
    ),
)
