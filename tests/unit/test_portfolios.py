"""Files of contracts to be tried: what is read, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rechenwerk.office.portfolios import MistakesError, parse_portfolio
from rechenwerk.routing.portfolios import Sized, seconds

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "routing"
SMALL = """\
[[contract]]
name = "a"
provider = "p"
kind = "on-demand"

[[deployment]]
model = "m"
provider = "p"
contract = "a"
cost = { input = "1", output = "4" }
"""


def mistakes(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(MistakesError) as found:
        parse_portfolio(text)
    return [(one.line, one.message, one.fix) for one in found.value.mistakes]


def test_the_least_that_will_do() -> None:
    found = parse_portfolio(SMALL)
    assert found.contracts[0].name == "a"
    assert found.deployments[0].deployed.id == 1
    assert found.simulation.volume == {"input": 1.0, "output": 4.0}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_good(path: Path) -> None:
    assert parse_portfolio(path.read_text(encoding="utf-8")).deployments


def test_what_a_simulation_is_told() -> None:
    found = parse_portfolio(
        SMALL
        + """
[simulation]
window = "1m"
reserve = 0.1
refused = { critical = 10, standard = "3" }
""".replace('"3"', "3")
        + """
[[simulation.outage]]
contract = "a"
at = "1d2h"
lasts = "30m"

[[simulation.sized]]
contract = "a"
cap = 0.4
"""
    ).simulation
    assert (found.refused.critical, found.refused.standard, found.refused.batch) == (10, 3, None)
    assert found.outage[0].at == "1d2h"
    assert found.sized == (Sized("a", cap=0.4),)


def test_a_whole_configuration_will_do_too() -> None:
    text = (
        'currency = "EUR"\n[[provider]]\nname = "p"\nkind = "vllm"\nbase_url = "http://127.0.0.1:1/v1"\n'
        + SMALL
        + 'endpoints = ["chat"]\ncontext_tokens = 8\nmax_output_tokens = 4\n'
        + '[[tariff]]\nmodel = "m"\nprice = { input = "2" }\n'
    )
    assert parse_portfolio(text).contracts[0].name == "a"


@pytest.mark.parametrize(
    ("text", "line", "message", "fix"),
    [
        ("[[contract]\n", 1, "this is not TOML", "mend the syntax"),
        ("", 0, "the file has no deployment", "add [[deployment]]"),
        (SMALL + "[simulatoin]\n", 11, "unknown table 'simulatoin'", "did you mean 'simulation'?"),
        (SMALL.replace("on-demand", "on-demnad"), 4, "unknown kind 'on-demnad'", "did you mean 'on-demand'?"),
        (
            SMALL.replace('contract = "a"', 'contract = "b"'),
            9,
            "there is no contract 'b'",
            "choose from a",
        ),
        (
            SMALL.replace('output = "4"', 'output = "-4"'),
            10,
            "the rate of output is below zero",
            "write it like",
        ),
        (SMALL.replace("input =", "inputs ="), 10, "unknown bucket 'inputs'", "did you mean 'input'?"),
        (SMALL + 'level = "mine"\n', 11, "unknown level 'mine'", "choose from public"),
        (SMALL + SMALL, 11, "contract 'a' stands here twice", "remove or rename one of them"),
        (SMALL + "[simulation]\nreserve = 1.5\n", 12, "reserve is 1.5", "write a share from 0 to 1"),
        (SMALL + "[simulation]\nreserve = true\n", 12, "[simulation]: reserve: expected", "write"),
        (SMALL + "[simulation]\nreserv = 0.5\n", 12, "[simulation]: unknown field 'reserv'", "'reserve'?"),
        (SMALL + '[simulation]\nwindow = "0s"\n', 12, "window is '0s'", "write a length of time"),
        (SMALL + '[simulation]\nwindow = "5"\n', 12, "window is '5'", "write a length of time"),
        (SMALL + "[simulation]\nkeep = 0\n", 12, "keep is 0", "write a probability"),
        (SMALL + "[simulation]\nrequests_per_second = 0\n", 12, "requests_per_second is 0", "above 0"),
        (SMALL + "[simulation]\nvolume = { input = 0 }\n", 12, "volume counts nothing", "write volume ="),
        (SMALL + "[simulation]\nvolume = { word = 1 }\n", 12, "unknown bucket 'word'", "choose from"),
        (SMALL + "[simulation]\nrefused = { batch = -1 }\n", 12, "batch is -1", "not below 0"),
        (SMALL + '[simulation]\nreference = "z"\n', 12, "there is no contract 'z'", "choose from a"),
        (SMALL + '[[simulation.outage]]\ncontract = "z"\n', 12, "there is no contract 'z'", "choose from a"),
        (SMALL + '[[simulation.outage]]\ncontract = "a"\nbetween = [9]\n', 13, "between is no", "two hours"),
        (SMALL + '[[simulation.outage]]\ncontract = "a"\nhours = 0\n', 13, "hours is 0", "from 1 on"),
        (
            SMALL + '[[simulation.outage]]\ncontract = "a"\nat = "noon"\n',
            13,
            "at is 'noon'",
            "a length of time",
        ),
        (SMALL + '[[simulation.sized]]\ncontract = "a"\ncap = -1\n', 13, "cap is -1", "not below 0"),
        (
            SMALL + '[[data_class]]\nname = "x"\njurisdictions = []\nlevel = "own"\n',
            12,
            "unknown data",
            "choose",
        ),
    ],
)
def test_mistakes(text: str, line: int, message: str, fix: str) -> None:
    found = mistakes(text)
    assert any(at == line and message in what and fix in how for at, what, how in found), found


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ('kind = "take-or-pay"\nminimum = "10"', "minimum"),
        ('kind = "prepaid-credit"\nbalance = "10"\nstarts = 2026-02-01\nends = 2026-01-01', "2026"),
        ('kind = "on-demand"\nmodels = ["other"]', "model 'other' is bound to no deployment"),
        ('kind = "prepaid-credit"\nbalance = "-1"', "balance"),
    ],
)
def test_mistakes_in_terms_have_the_contracts_line(terms: str, message: str) -> None:
    found = mistakes(SMALL.replace('kind = "on-demand"', terms))
    assert any(1 <= line <= 7 and message in what and how for line, what, how in found), found


def test_all_mistakes_are_told_at_once_and_in_order() -> None:
    text = SMALL.replace("on-demand", "nothing") + "[simulation]\nreserve = 2\nkeep = 7\n"
    assert [line for line, _, _ in mistakes(text)] == [4, 12, 13]


@pytest.mark.parametrize(
    ("text", "length"), [("90m", 5400), ("1d12h", 129600), ("7d", 604800), ("0.5h", 1800)]
)
def test_lengths_of_time(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["7", "d", "7 d", "-1d", "1y"])
def test_no_lengths_of_time(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        seconds(text)
