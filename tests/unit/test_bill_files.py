"""Providers' bills, read."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction

import pytest

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.bill_files import read_bill
from rechenwerk.contracts.bills import Names

OPENAI_COSTS = """{"object": "page", "data": [{"object": "bucket", "start_time": 1772323200,
"end_time": 1772409600, "results": [
{"object": "organization.costs.result", "amount": {"value": 0.1, "currency": "usd"},
"line_item": "gpt-4o-mini-2024-07-18, input", "project_id": "proj_1"},
{"object": "organization.costs.result", "amount": {"value": 0.2000000000000001, "currency": "usd"},
"line_item": "gpt-4o-mini-2024-07-18, output", "project_id": null}]}],
"has_more": false, "next_page": null}"""
OPENAI_USAGE = """[{"object": "page", "data": [{"object": "bucket", "start_time": 1772323200, "results": [
{"object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 500,
"input_cached_tokens": 800, "num_model_requests": 5, "model": "gpt-4o-mini-2024-07-18"}]}]}]"""
ANTHROPIC_COSTS = """{"data": [{"starting_at": "2026-03-01T00:00:00Z", "ending_at": "2026-03-02T00:00:00Z",
"results": [
{"currency": "USD", "amount": "123.45678", "description": "Claude Sonnet 4 Usage - Input Tokens",
"cost_type": "tokens", "model": "claude-sonnet-4-20250514", "token_type": "uncached_input_tokens"}]}],
"has_more": false, "next_page": null}"""
ANTHROPIC_USAGE = """{"data": [{"starting_at": "2026-03-01T00:00:00Z", "ending_at": "2026-03-02T00:00:00Z",
"results": [
{"uncached_input_tokens": 1500, "cache_creation": {"ephemeral_1h_input_tokens": 1000,
"ephemeral_5m_input_tokens": 500}, "cache_read_input_tokens": 200, "output_tokens": 500,
"server_tool_use": {"web_search_requests": 10}, "model": "claude-sonnet-4-20250514"}]}]}"""
FOCUS = """BilledCost,BillingCurrency,ChargeCategory,ChargeDescription,ChargePeriodStart,SkuMeter
12.5,EUR,Usage,gpt-4o input tokens,2026-03-01T00:00:00Z,gpt-4o Input
100,EUR,Purchase,Provisioned throughput March,2026-03-01T00:00:00Z,
-2.5,EUR,Credit,Promotion,2026-03-01T00:00:00Z,
"""
GERMAN = "Date;Model;Input Tokens;Output Tokens;Cost;Currency\n2026-03-31;m;10;;0.25;eur\n;;;;;\n"
ONE = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "name", "currency", "lines"),
    [
        (
            OPENAI_COSTS,
            "OpenAI costs",
            "USD",
            [
                (ONE, "gpt-4o-mini-2024-07-18, input", Fraction(1, 10), None, "usage"),
                (ONE, "gpt-4o-mini-2024-07-18, output", Fraction(2000000000000001, 10**16), None, "usage"),
            ],
        ),
        (
            OPENAI_USAGE,
            "OpenAI usage",
            "",
            [(ONE, "gpt-4o-mini-2024-07-18", None, Usage(200, 800, 0, 500, requests=5), "usage")],
        ),
        (
            ANTHROPIC_COSTS,
            "Anthropic cost report",
            "USD",
            [(ONE, "claude-sonnet-4-20250514", Fraction(12345678, 10**7), None, "usage")],
        ),
        (
            ANTHROPIC_USAGE,
            "Anthropic usage report",
            "",
            [(ONE, "claude-sonnet-4-20250514", None, Usage(1500, 200, 1500, 500, requests=0), "usage")],
        ),
        (
            FOCUS,
            "FOCUS",
            "EUR",
            [
                (ONE, "gpt-4o Input", Fraction(25, 2), None, "usage"),
                (ONE, "", Fraction(100), None, "fee"),
                (ONE, "", Fraction(-5, 2), None, "fee"),
            ],
        ),
        (
            GERMAN,
            "CSV",
            "EUR",
            [(date(2026, 3, 31), "m", Fraction(1, 4), Usage(10, requests=0), "usage")],
        ),
        (
            "\ufeffdate,model,cost_usd\n2026-03-01T23:30:00-02:00,m,1e-7\n",
            "CSV",
            "USD",
            [(date(2026, 3, 2), "m", Fraction(1, 10**7), None, "usage")],
        ),
    ],
    ids=["openai costs", "openai usage", "anthropic costs", "anthropic usage", "focus", "german csv", "utc"],
)
def test_a_bill_is_read_exactly(text: str, name: str, currency: str, lines: list[object]) -> None:
    bill = read_bill(text)
    assert (bill.format, bill.currency) == (name, currency)
    assert [(one.day, one.model, one.amount, one.usage, one.kind) for one in bill.lines] == lines


HEAD = "date,model,amount,currency\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("  \n", "the file is empty"),
        ("name,value\na,b\n", "line 1: this is no bill that is known"),
        ("date,model,amount,currency\n", "the file has no line"),
        (HEAD + "2026-03-01,m,1\n", "line 2: 4 columns are named above"),
        (HEAD + "2026-03-01,m,1,EUR,5\n", "line 2: 4 columns are named above"),
        (HEAD + "01.03.2026,m,1,EUR\n", "line 2: date '01.03.2026' is no day; write 2026-03-31"),
        (HEAD + "2026-03-01,m,1,EUR\n2026-03-02,m,12-,EUR\n", "line 3: amount: '12-' is not a number"),
        (HEAD + "2026-03-01,m,NaN,EUR\n", "line 2: amount: 'NaN' is not a finite number"),
        (HEAD + "2026-03-01,m,,EUR\n", "line 2: amount is empty"),
        (HEAD + "2026-03-01,m,1,\n", "line 2: an amount without a currency"),
        (HEAD + "2026-03-01,m,1,EUR\n2026-03-01,m,1,USD\n", "line 3: USD beside EUR (line 2)"),
        ("date,model,input\n2026-03-01,m,1.5\n", "line 2: input '1.5' is no count"),
        ("date,model,input\n2026-03-01,m,-5\n", "line 2: input '-5' is no count"),
        (FOCUS.replace("Credit", "Gift"), "line 4: ChargeCategory 'Gift' is none of Usage, Purchase"),
        ("{", "this is no JSON"),
        ("{}", "data: this is no bill that is known"),
        ("[]", "the file has no line"),
        ('{"data": [{"results": 5}]}', "data[0].results: a list is needed"),
        ('{"data": [{"results": [{}]}]}', "data[0].results[0]: neither starting_at nor start_time"),
        (
            OPENAI_COSTS.replace('"gpt-4o-mini-2024-07-18, input"', "null"),
            "line_item is empty; export the costs",
        ),
        (OPENAI_USAGE.replace("800", "1800"), "more input_cached_tokens (1800) than input_tokens (1000)"),
        (OPENAI_USAGE.replace("500,", "-1,"), "output_tokens -1 is no count"),
        (
            OPENAI_USAGE.replace('"gpt-4o-mini-2024-07-18"', "null"),
            ".model is empty; export the usage grouped",
        ),
        (
            ANTHROPIC_COSTS.replace('"123.45678"', '"much"'),
            "data[0].results[0]: amount: 'much' is not a number",
        ),
        (f"[{OPENAI_COSTS},{ANTHROPIC_COSTS}]", "Anthropic cost report and OpenAI costs in one file"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(RechenwerkError) as refused:
        read_bill(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_amounts_of_json_are_no_floats() -> None:
    text = json.dumps(json.loads(OPENAI_COSTS)).replace("0.1,", "0.100000000000000000001,")
    assert read_bill(text).total == Fraction("0.300000000000000100001")


UPSTREAMS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "meta.llama3-8b-instruct-v1:0", "m.1")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o-mini", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini-2024-07-18, cached input", "gpt-4o-mini"),
        ("gpt-4o, output", "gpt-4o"),
        ("Tokens of gpt-4o-mini (batch)", "gpt-4o-mini"),
        ("claude-sonnet-4", "claude-sonnet-4-20250514"),
        ("anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4-20250514"),
        ("llama3-8b-instruct", "meta.llama3-8b-instruct-v1:0"),
        ("house model", "m.1"),
        ("gpt-4o-nano", None),
        ("gpt-4", None),
        ("gpt-4.1", None),
        ("xgpt-4o", None),
        ("", None),
    ],
)
def test_a_name_on_the_bill_finds_its_deployment(said: str, found: str | None) -> None:
    assert Names(UPSTREAMS, {"House Model": "m.1"}).find(said) == found


def test_a_map_to_nothing_is_refused() -> None:
    with pytest.raises(RechenwerkError, match="no deployment of 'gpt-5'; it has gpt-4o"):
        Names(["gpt-4o"], {"x": "gpt-5"})
