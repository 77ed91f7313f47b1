"""``[[site]]`` and deployments under several contracts: read, compared, every mistake with line and fix."""

from __future__ import annotations

import pytest

from rechenwerk.office.config import MistakesError, diff, parse
from rechenwerk.office.standing import Site

GOOD = """\
currency = "EUR"

[[site]]
name = "hall"
jurisdiction = "DE"
power_cap_kw = "12.5"
pue = "1.3"
co2_grams = "363"
prices = [{ from = 6, price = "0.31" }, { from = 22, price = "0.22" }]

[[provider]]
name = "own"
kind = "vllm"
base_url = "http://127.0.0.1:9100/v1"
owner = "Town"

[[contract]]
name = "first"
provider = "own"
kind = "on-demand"

[[contract]]
name = "second"
provider = "own"
kind = "on-demand"

[[deployment]]
model = "qwen"
provider = "own"
contract = "first"
endpoints = ["chat"]
context_tokens = 1000
max_output_tokens = 100
cost = { input = "1" }
site = "hall"
concurrency = 4
tokens_per_minute = 6000
joules = { input = "0.05", output = "1.4" }

[[deployment]]
model = "qwen"
provider = "own"
contract = "second"
endpoints = ["chat"]
context_tokens = 1000
max_output_tokens = 100
cost = { input = "2" }

[[tariff]]
model = "qwen"
price = { input = "3" }
"""


def test_a_site_is_read_with_its_prices_by_the_hour() -> None:
    wanted = parse(GOOD)
    by_hour = ("0.22",) * 6 + ("0.31",) * 16 + ("0.22",) * 2
    assert wanted.sites == (Site("hall", "DE", "12.5", "1.3", "363", by_hour),)
    assert wanted.providers[0].owner == "Town"
    one = parse(GOOD.replace('[{ from = 6, price = "0.31" }, { from = 22, price = "0.22" }]', '"0.25"'))
    assert one.sites[0].prices == ("0.25",)
    week = ", ".join(['"-0.01"'] * 168)
    assert (
        len(
            parse(GOOD.replace('[{ from = 6, price = "0.31" }, { from = 22, price = "0.22" }]', f"[{week}]"))
            .sites[0]
            .prices
        )
        == 168
    )


def test_one_model_at_one_provider_stands_under_two_contracts() -> None:
    wanted = parse(GOOD)
    assert [(one.contract, one.rates) for one in wanted.costs] == [
        ("first", {"input": "1"}),
        ("second", {"input": "2"}),
    ]
    first, second = wanted.deployments
    assert (first.jurisdiction, first.site, first.concurrency, first.tokens_per_minute) == (
        "DE",
        "hall",
        4,
        6000,
    )
    assert first.joules == {"input": "0.05", "output": "1.4"}
    assert (second.jurisdiction, second.site, second.joules) == ("", None, None)
    dearer = parse(GOOD.replace('{ input = "2" }', '{ input = "2.5" }'))
    (change,) = diff(wanted, dearer)
    assert (change.what, change.name, change.action) == ("cost", "qwen at own under second", "change")
    without = GOOD[: GOOD.index('[[deployment]]\nmodel = "qwen"\nprovider = "own"\ncontract = "second"')]
    (gone,) = diff(wanted, parse(without + GOOD[GOOD.index("[[tariff]]") :]))
    assert (gone.what, gone.name, gone.action) == ("deployment", "qwen at own under second", "deactivate")


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ('"DE"', '"GERMANY"', 5, "is no jurisdiction", "ISO 3166"),
        ('"12.5"', '"0"', 6, "'0' is no power_cap_kw", "above 0"),
        ('"12.5"', '"-1"', 6, "'-1' is no power_cap_kw", "above 0"),
        ('"1.3"', '"0.9"', 7, "'0.9' is no pue", "at least 1"),
        ('"1.3"', "1.3", 7, "pue: expected `str`", "quotes"),
        ('"363"', '"lots"', 8, "'lots' is no co2_grams", "at least 0"),
        ("from = 22", "from = 24", 9, "begins at the hours 6, 24", "0 to 23"),
        ("from = 22", "from = 5", 9, "begins at the hours 6, 5", "order of the day"),
        ('"0.22" }', '"cheap" }', 9, "'cheap' is no price of energy", "per kWh"),
        (
            '[{ from = 6, price = "0.31" }, { from = 22, price = "0.22" }]',
            '["1", "2"]',
            9,
            "has 2 values",
            "24",
        ),
        ('site = "hall"', 'site = "hal"', 35, "no site 'hal'", "did you mean 'hall'?"),
        ("concurrency = 4", "concurrency = 0", 36, "above 0", "leave it out"),
        ("= 6000", "= -1", 37, "above 0", "leave it out"),
        ('input = "0.05"', 'inptu = "0.05"', 38, "unknown bucket 'inptu'", "did you mean 'input'?"),
        ('{ input = "0.05", output = "1.4" }', "{}", 38, "joules is empty", "leave joules out"),
        (
            'cost = { input = "1" }',
            'cost = { input = "1" }\njurisdiction = "FR"',
            35,
            "says 'FR'",
            "leave juris",
        ),
        ('contract = "second"', 'contract = "first"', 40, "stands here twice", "remove or rename"),
        ("[[site]]", "[[sites]]", 3, "unknown field 'sites'", "did you mean 'site'?"),
    ],
)
def test_a_mistake_has_its_line_and_its_fix(old: str, new: str, line: int, message: str, fix: str) -> None:
    assert old in GOOD
    with pytest.raises(MistakesError) as caught:
        parse(GOOD.replace(old, new, 1))
    mistakes = caught.value.mistakes
    assert any(one.line == line and message in one.message and fix in one.fix for one in mistakes), mistakes
