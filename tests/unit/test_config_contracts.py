"""``[[contract]]``: every kind of terms is read, mistakes have line and fix, nothing rewrites the books."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec
import pytest

from rechenwerk.contracts.terms import (
    Block,
    Grant,
    OnDemand,
    Overflow,
    OwnHardware,
    PrepaidCredit,
    Pricing,
    Provisioned,
    Shortfall,
    TakeOrPay,
)
from rechenwerk.office.config import MistakesError, diff, parse
from rechenwerk.office.ports import Configured

GOOD = """\
currency = "EUR"

[[provider]]
name = "cloud"
kind = "openai"

[[provider]]
name = "own"
kind = "vllm"
base_url = "http://127.0.0.1:9100/v1"

[[site]]
name = "hall"
prices = "0.25"

[[contract]]
name = "on demand"
provider = "cloud"
kind = "on-demand"
pricing = { discount = "0.09" }

[[contract]]
name = "ptu"
provider = "cloud"
kind = "provisioned"
starts = 2026-11-01
ends = 2027-10-31
overflow = { rule = "spill", to = "on demand" }
[[contract.blocks]]
name = "PTU"
units = 50
hold_fee = 1.10
throughput = "2500"

[[contract]]
name = "commitment"
provider = "cloud"
kind = "take-or-pay"
starts = 2026-11-01
ends = 2027-10-31
minimum = "120000"
period = "year"
covers = ["on demand"]
shortfall = { rule = "prepayment", months = 12 }

[[contract]]
name = "credit"
provider = "cloud"
kind = "prepaid-credit"
starts = 2026-01-01
ends = 2026-12-31
balance = "5000"

[[contract]]
name = "server"
provider = "own"
kind = "own-hardware"
starts = 2026-01-01
purchase = "180000"
months = 48
site = "hall"
load_kw = "6.5"
throughput = "600000"

[[contract]]
name = "share"
provider = "own"
kind = "grant"
starts = 2026-01-01
ends = 2026-12-31
quantity = "2000"
unit = "GPU-hour"
weights = { seconds = "1" }
usage_per_unit = "3600"
"""
DEPLOYMENT = """
[[deployment]]
model = "m {0}"
provider = "{1}"
contract = "{0}"
endpoints = ["chat"]
context_tokens = 1000
max_output_tokens = 100
cost = {{ input = "1" }}
[[tariff]]
model = "m {0}"
price = {{ input = "1" }}
"""
PLACES = (
    ("on demand", "cloud"),
    ("ptu", "cloud"),
    ("commitment", "cloud"),
    ("credit", "cloud"),
    ("server", "own"),
    ("share", "own"),
)
FILE = GOOD + "".join(DEPLOYMENT.format(*place) for place in PLACES)


def test_every_kind_of_terms_is_read() -> None:
    assert [row.terms for row in parse(FILE).contracts] == [
        OnDemand(name="on demand", provider="cloud", pricing=Pricing(discount=Decimal("0.09"))),
        Provisioned(
            name="ptu",
            provider="cloud",
            starts=date(2026, 11, 1),
            ends=date(2027, 10, 31),
            overflow=Overflow(rule="spill", to="on demand"),
            blocks=(
                Block(name="PTU", units=Decimal(50), hold_fee=Decimal("1.10"), throughput=Decimal(2500)),
            ),
        ),
        TakeOrPay(
            name="commitment",
            provider="cloud",
            starts=date(2026, 11, 1),
            ends=date(2027, 10, 31),
            minimum=Decimal(120_000),
            period="year",
            covers=("on demand",),
            shortfall=Shortfall(rule="prepayment", months=12),
        ),
        PrepaidCredit(
            name="credit",
            provider="cloud",
            starts=date(2026, 1, 1),
            ends=date(2026, 12, 31),
            balance=Decimal(5000),
        ),
        OwnHardware(
            name="server",
            provider="own",
            starts=date(2026, 1, 1),
            purchase=Decimal(180_000),
            months=48,
            site="hall",
            load_kw=Decimal("6.5"),
            throughput=Decimal(600_000),
        ),
        Grant(
            name="share",
            provider="own",
            starts=date(2026, 1, 1),
            ends=date(2026, 12, 31),
            quantity=Decimal(2000),
            unit="GPU-hour",
            weights={"seconds": Decimal(1)},
            usage_per_unit=Decimal(3600),
        ),
    ]
    assert [row.kind for row in parse(FILE).contracts][1:3] == ["provisioned", "take-or-pay"]
    assert diff(parse(FILE), parse(FILE)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ('kind = "on-demand"\n', "", 16, "[[contract]] has no kind", "choose from on-demand, prepaid-credit"),
        ('"take-or-pay"', '"take-and-pay"', 38, "unknown kind", "did you mean 'take-or-pay'?"),
        ('minimum = "120000"\n', "", 35, "[[contract]] has no minimum", "add minimum"),
        ("minimum =", "minimun =", 41, "unknown field 'minimun'", "did you mean 'minimum'?"),
        ('"120000"', '"lots"', 41, "minimum: invalid decimal", "number in quotes"),
        ("ends = 2027-10-31", "ends = 5", 27, "ends: expected `date | null`, got `int`", "without quotes"),
        ("ends = 2027-10-31", 'ends = "soon"', 27, "ends: invalid RFC3339 encoded date", "without quotes"),
        ('"spill"', '"spil"', 28, "overflow.rule: unknown word 'spil'", "did you mean 'spill'?"),
        ('to = "on', 'too = "on', 28, "unknown field 'too' in overflow", "did you mean 'to'?"),
        ("units = 50\n", "", 29, "blocks[0] has no units", "add units"),
        ("{ seconds =", "{ secnds =", 73, "weights: unknown word 'secnds'", "did you mean 'seconds'?"),
        ("months = 48", "months = 4.5", 60, "months: expected `int`", "whole number"),
        ('name = "ptu"', 'name = "on demand"', 22, "stands here twice", "rename"),
        (
            'name = "ptu"\nprovider = "cloud"',
            'name = "ptu"\nprovider = "c"',
            24,
            "no provider 'c'",
            "choose from",
        ),
    ],
)
def test_a_mistake_has_its_line_and_its_fix(old: str, new: str, line: int, message: str, fix: str) -> None:
    assert old in FILE
    with pytest.raises(MistakesError) as caught:
        parse(FILE.replace(old, new, 1))
    mistakes = caught.value.mistakes
    assert any(one.line == line and message in one.message and fix in one.fix for one in mistakes), mistakes


MORE = """
[[contract]]
name = "second"
provider = "cloud"
kind = "take-or-pay"
starts = 2027-01-01
ends = 2027-12-31
minimum = "10"
period = "month"
covers = ["on demand"]
order = 2
"""


@pytest.mark.parametrize(
    ("old", "new", "field", "message", "fix"),
    [
        ('period = "year"\n', "", "[[contract]]", "a minimum without a period", "add period"),
        ("ends = 2026-12-31", "ends = 2025-12-31", "ends = 2025", "before it starts", "write a last day"),
        ('balance = "5000"', 'balance = "-5000"', "balance", "zero", "above"),
        ("hold_fee = 1.10", "hold_fee = -1.10", "hold_fee", "below zero", "zero or more"),
        ('discount = "0.09"', 'discount = "1.5"', "pricing", "share", "0"),
        (
            'covers = ["on demand"]',
            'covers = ["on demnd"]',
            "covers",
            "no contract 'on demnd'",
            "did you mean",
        ),
        (
            'balance = "5000"',
            'balance = "5"\nmodels = ["gpt"]',
            "models",
            "bound to no deployment",
            "[[deployment]]",
        ),
        ('to = "on demand"', 'to = "ptu"', "overflow", "spills to itself", "another contract"),
        (
            'balance = "5000"',
            'balance = "5"\nheader = { name = "Authorization", dedicated = "a", shared = "b" }',
            "header =",
            "'Authorization' cannot be such a header",
            "the provider's header",
        ),
        (
            'balance = "5000"',
            'balance = "5"\nheader = { name = "x-c", dedicated = "a\\r\\nx: y", shared = "b" }',
            "header =",
            "header.dedicated cannot be a header's value",
            "ASCII",
        ),
        ('site = "hall"', 'site = "hal"', 'site = "hal"', "no site 'hal'", "did you mean 'hall'?"),
        ("[[contract]]", "[[contract]]", MORE, "both claim the calls of 'on demand'", "give each an order"),
        (
            'model = "m credit"',
            'model = "m ptu"',
            'exclusive = true\nbalance = "5000"',
            "both pay for 'm ptu' at 'cloud' at the same time",
            "end one before the other starts",
        ),
    ],
)
def test_mistakes_of_terms_have_their_line_and_their_fix(
    old: str, new: str, field: str, message: str, fix: str
) -> None:
    """`field`: text in the line that the mistake points at; or tables, or lines, that are added."""
    assert old in FILE
    changed = FILE.replace(old, new, 1)
    if field == MORE:
        changed, field = changed + MORE, "order = 2"
    elif field.startswith("exclusive"):
        changed, field = changed.replace('balance = "5000"', field), "exclusive = true"
    with pytest.raises(MistakesError) as caught:
        parse(changed)
    lines = changed.splitlines()
    found = [(lines[one.line - 1], one.message, one.fix) for one in caught.value.mistakes]
    assert any(field in line and message in said and fix in mend for line, said, mend in found), found


# Booked calls


def standing(text: str = FILE, first: str = "2026-11-03", last: str = "2026-11-20") -> Configured:
    """As it stands, with calls booked under every contract between two days."""
    hours = (datetime.fromisoformat(first + "T10Z"), datetime.fromisoformat(last + "T23Z"))
    wanted = parse(text)
    return msgspec.structs.replace(wanted, used={row.name: hours for row in wanted.contracts})


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ('"on-demand"', '"prepaid-credit"\nbalance = "1"', 19, "its kind cannot change", "another name"),
        (
            'name = "commitment"\nprovider = "cloud"',
            'name = "commitment"\nprovider = "own"',
            37,
            "its provider cannot change from 'cloud' to 'own'",
            "another name",
        ),
        (
            "starts = 2026-11-01",
            "starts = 2026-11-04",
            26,
            "cannot start on 2026-11-04",
            "starts = 2026-11-03",
        ),
        (
            "ends = 2027-10-31",
            "ends = 2026-11-19",
            27,
            "cannot end on 2026-11-19",
            "ends = 2026-11-20 or later",
        ),
        ('period = "year"', 'period = "month"', 42, "period = 'month' instead of 'year'", "another name"),
        (
            'period = "year"',
            'period = "year"\nanchor = "starts"',
            43,
            "anchor = 'starts' instead of 'calendar'",
            "another name",
        ),
        (
            'discount = "0.09" }',
            'discount = "0.10" }\nsince = 2026-11-20',
            21,
            "since cannot be 2026-11-20",
            "leave since out",
        ),
    ],
)
def test_what_would_rewrite_booked_calls_is_refused(
    old: str, new: str, line: int, message: str, fix: str
) -> None:
    assert old in FILE
    changed = FILE.replace(old, new, 1)
    if "provider = " in new:
        changed = changed.replace(
            'provider = "cloud"\ncontract = "commitment"', 'provider = "own"\ncontract = "commitment"'
        )
    with pytest.raises(MistakesError) as caught:
        diff(standing(), parse(changed))
    (mistake,) = caught.value.mistakes
    assert (mistake.line, message in mistake.message, fix in mistake.fix) == (line, True, True), mistake
    assert diff(parse(FILE), parse(changed)), "without booked calls it may change"


def under(name: str, first: str = "2025-03-01") -> Configured:
    """As it stands, with calls booked under one contract only."""
    booked = standing(first=first)
    return msgspec.structs.replace(booked, used={name: booked.used[name]})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'period = "year"',
            'period = "quarter"',
            "period = 'quarter' instead of 'year' would count them anew",
        ),
        ('minimum = "120000"', 'minimum = "1"\nsince = 2026-11-02', "since cannot be 2026-11-02"),
        ("ends = 2027-10-31\nminimum", "ends = 2026-11-19\nminimum", "it cannot end on 2026-11-19"),
    ],
)
def test_calls_that_an_umbrella_counts_are_booked_under_it(old: str, new: str, message: str) -> None:
    assert old in FILE
    changed = parse(FILE.replace(old, new, 1))
    with pytest.raises(MistakesError) as caught:
        diff(under("on demand"), changed)
    (mistake,) = caught.value.mistakes
    assert "contract 'commitment'" in mistake.message
    assert message in mistake.message
    assert diff(under("server", "2026-11-03"), changed), "it counts no calls of others"


def test_what_was_booked_before_an_umbrella_began_is_not_its_own() -> None:
    """Calls since 2025, a commitment from 2026-11-01: as it stands it may stay, and its minimum may rise."""
    assert diff(under("on demand"), parse(FILE)) == []
    (change,) = diff(under("on demand"), parse(FILE.replace('minimum = "120000"', 'minimum = "150000"')))
    assert change.name == "commitment"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('discount = "0.09" }', 'discount = "0.10" }'),
        ('discount = "0.09" }', 'discount = "0.10" }\nsince = 2026-11-21'),
        ("ends = 2027-10-31", "ends = 2026-11-20"),
        ("starts = 2026-11-01", "starts = 2026-11-03"),
        ('minimum = "120000"', 'minimum = "150000"'),
        ('balance = "5000"', 'balance = "8000"'),
    ],
)
def test_what_holds_from_now_on_is_a_change(old: str, new: str) -> None:
    assert old in FILE
    (change,) = diff(standing(), parse(FILE.replace(old, new, 1)))
    assert (change.what, change.action) == ("contract", "change")
