"""One hand-calculated month of every product in docs/examples/contracts, to the cent.

A table has a line for every line of the bill: its sort, the calculation by hand, and what that comes to. The
calculation is checked against its own result first, so that the table is right by itself. Where the terms
come from stands in the file of the example; what is called an example rate there is not published.
"""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from rechenwerk.contracts.bill import statements
from rechenwerk.office.config import parse
from tests.unit.contract_examples import FOLDER, calculate, cents, example, uses


class Month(msgspec.Struct, frozen=True):
    """Use, and the bill that follows from it.

    `before`: months in which something happened that the bill depends on.
    """

    day: date
    use: str
    bill: str
    before: tuple[date, ...] = ()


SEPTEMBER = date(2026, 9, 1)

MONTHS = {
    # 20 days from the 11th = 480 h. 100 PTU take 100 x 3,000 x 60 = 18,000,000 an hour. In the second hour
    # 8,000,000 + 4 x 3,000,000 = 20,000,000 were wanted: a tenth spills, 800,000 in and 300,000 out.
    "azure-ptu-hourly": Month(
        SEPTEMBER,
        """
        2026-09-11T08  gpt-4.1  input=10,000,000 output=2,000,000
        2026-09-11T09  gpt-4.1  input=8,000,000 output=3,000,000
        """,
        """
        azure PTU        fee    100 * 480 * 1.00      = 48,000.00
        azure on demand  use    0.8 * 2.00            =      1.60
        azure on demand  use    0.3 * 8.00            =      2.40
        """,
    ),
    "azure-ptu-reservation": Month(
        SEPTEMBER,
        "2026-09-11T09  gpt-4.1  input=8,000,000 output=3,000,000",
        """
        azure PTU reserved  fee  300 * 260            = 78,000.00
        azure PTU reserved  fee  100 * 720 * 1.00     = 72,000.00
        """,
    ),
    "bedrock-provisioned": Month(
        date(2026, 8, 1),
        "2026-08-05T09  titan-text-express  input=8,000,000 output=3,000,000",
        "titan provisioned  fee  2 * 744 * 18.40       = 27,379.20",
    ),
    # 200,000 input tokens a minute are 12,000,000 an hour; 15,000,000 were wanted: a fifth is past it. The
    # cached tokens take nothing of it, but what is past it costs what the standard tier charges for them.
    "bedrock-reserved": Month(
        SEPTEMBER,
        "2026-09-11T09  claude-sonnet  input=15,000,000 cached_input=5,000,000 output=600,000",
        """
        sonnet reserved  fee       200 * 90           = 18,000.00
        sonnet reserved  fee       20 * 450           =  9,000.00
        sonnet reserved  overflow  15 / 5 * 3.00      =      9.00
        sonnet reserved  overflow  5 / 5 * 0.30       =      0.30
        sonnet reserved  overflow  0.6 / 5 * 15.00    =      1.80
        """,
    ),
    # The year ends with September. In January 900,000 USD were used, in September 120,000: with 9 % off that
    # is 928,200 of 1,200,000.
    "aws-edp": Month(
        SEPTEMBER,
        """
        2026-01-15T10  claude-sonnet  input=300,000,000,000
        2026-09-15T10  claude-sonnet  input=20,000,000,000 output=4,000,000,000
        """,
        """
        bedrock on demand  use        20,000 * 3.00                       =   60,000.00
        bedrock on demand  use        4,000 * 15.00                       =   60,000.00
        aws commitment     discount   -120,000 * 0.09                     =  -10,800.00
        aws commitment     shortfall  1,200,000 - (900,000 + 120,000) * 0.91 =  271,800.00
        """,
        before=(date(2026, 1, 1),),
    ),
    # 5 GSU take 5 x 161,400 x 60 = 48,420,000 an hour; 33,525,000 + 9 x 3,000,000 = 60,525,000 were wanted: a
    # fifth is past it. One more call said "shared" by its header.
    "google-provisioned": Month(
        SEPTEMBER,
        """
        2026-09-11T08  gemini-2.5-flash  input=20,000,000 output=1,000,000 reasoning=2,000,000
        2026-09-11T09  gemini-2.5-flash  input=33,525,000 output=3,000,000
        2026-09-11T10  gemini-2.5-flash  input=1,000,000 tier=shared
        """,
        """
        gemini provisioned  fee       5 * 2,700               = 13,500.00
        gemini provisioned  overflow  33.525 / 5 * 0.30       =      2.01
        gemini provisioned  overflow  3 / 5 * 2.50            =      1.50
        gemini provisioned  overflow  1 * 0.30                =      0.30
        """,
    ),
    # 360 hours with machines for 8 USD, below the 10 USD that were committed: 8 x 0.72 = 5.76 count of 7.20.
    # 360 hours with 12 USD: 10 of them are 28 % off.
    "google-cud": Month(
        SEPTEMBER,
        "",
        """
        large endpoint  fee        720 * 8.00                              = 5,760.00
        small endpoint  fee        360 * 4.00                              = 1,440.00
        flexible CUD    discount   -360 * 8.00 * 0.28 - 360 * 10.00 * 0.28 = -1,814.40
        flexible CUD    shortfall  360 * (7.20 - 5.76)                     = 518.40
        """,
    ),
    # 4 x 30,000 x 60 = 7,200,000 input tokens an hour; 9,000,000 were wanted: a fifth is past it.
    "openai-scale-tier": Month(
        SEPTEMBER,
        "2026-09-11T09  gpt-4.1  input=9,000,000 output=450,000",
        """
        gpt-4.1 scale tier  fee       4 * 30 * 110            = 13,200.00
        gpt-4.1 scale tier  fee       6 * 30 * 36             =  6,480.00
        gpt-4.1 scale tier  overflow  9 / 5 * 2.00            =      3.60
        gpt-4.1 scale tier  overflow  0.45 / 5 * 8.00         =      0.72
        """,
    ),
    # 8 x 5 + 5 x 25 = 165 USD in an hour in which 2 x 60 = 120 were reserved: 45 of 165 are past it.
    "openai-reserved-tier": Month(
        SEPTEMBER,
        "2026-09-11T09  gpt-large  input=8,000,000 output=5,000,000",
        """
        reserved tier  fee       2 * 30 * 1,300               = 78,000.00
        reserved tier  overflow  8 * 45 / 165 * 5.00          =     10.91
        reserved tier  overflow  5 * 45 / 165 * 25.00         =     34.09
        """,
    ),
    "openai-tiers": Month(
        SEPTEMBER,
        """
        2026-09-02T08  gpt-5  input=100,000,000 output=10,000,000
        2026-09-02T09  gpt-5  input=8,000,000 output=1,000,000 tier=priority
        2026-09-02T10  gpt-5  input=40,000,000 cached_input=8,000,000 output=4,000,000 tier=flex
        2026-09-02T11  gpt-5  input=200,000,000 output=20,000,000 tier=batch
        """,
        """
        openai pay as you go  use  100 * 1.25                 = 125.00
        openai pay as you go  use  10 * 10.00                 = 100.00
        openai pay as you go  use  8 * 1.25 * 2               =  20.00
        openai pay as you go  use  1 * 10.00 * 2              =  20.00
        openai pay as you go  use  40 * 1.25 / 2              =  25.00
        openai pay as you go  use  8 * 0.125 / 2              =   0.50
        openai pay as you go  use  4 * 10.00 / 2              =  20.00
        openai pay as you go  use  200 * 1.25 / 2             = 125.00
        openai pay as you go  use  20 * 10.00 / 2             = 100.00
        """,
    ),
    # 380 of 500 USD were used in March; with September's 50 they leave 70, and the year is over.
    "openai-prepaid": Month(
        SEPTEMBER,
        """
        2026-03-10T08  gpt-5  input=304,000,000
        2026-09-10T08  gpt-5  input=40,000,000
        """,
        """
        openai pay as you go  use      40 * 1.25              =  50.00
        openai credit         credit   -50                    = -50.00
        openai credit         expired  500 - 304 * 1.25 - 50  =  70.00 (memo)
        """,
        before=(date(2026, 3, 1),),
    ),
    # 140,000 before and 10,000 in September are 50,000 short of the milestone.
    "azure-macc": Month(
        SEPTEMBER,
        """
        2026-02-10T08  gpt-4.1  input=70,000,000,000
        2026-09-10T08  gpt-4.1  input=5,000,000,000
        """,
        """
        azure on demand  use        5,000 * 2.00               = 10,000.00
        MACC             shortfall  200,000 - 140,000 - 10,000 = 50,000.00
        MACC             balance    50,000                     = 50,000.00 (memo)
        """,
        before=(date(2026, 2, 1),),
    ),
    "coreweave-reserved": Month(
        SEPTEMBER,
        "2026-09-10T08 x10  llama-70b  input=10,000,000",
        "coreweave reserved  fee  2 * 720 * 20                = 28,800.00",
    ),
    # Three nodes ran for 100 hours; then, untold, 60,000,000 + 5 x 3,000,000 = 75,000,000 in an hour: a node
    # takes 54,000,000, so two ran.
    "coreweave-flex": Month(
        SEPTEMBER,
        """
        2026-09-01T00 x100  llama-70b  input=10,000,000 units=3
        2026-09-10T08       llama-70b  input=60,000,000 output=3,000,000
        """,
        """
        coreweave flex  fee  4 * 720 * 6                      = 17,280.00
        coreweave flex  use  (3 * 100 + 2) * 18               =  5,436.00
        """,
    ),
    # 3,200,001 input tokens are four started millions, 900 output tokens are one.
    "stackit": Month(
        SEPTEMBER,
        """
        2026-09-01T08  llama-3.3-70b  input=3,200,000 output=800
        2026-09-29T08  llama-3.3-70b  input=1 output=100
        """,
        """
        stackit model serving  use  4 * 0.45                  = 1.80
        stackit model serving  use  1 * 0.65                  = 0.65
        """,
    ),
    # Scaleway's own example: 3.20 EUR.
    "scaleway": Month(
        SEPTEMBER,
        """
        2026-09-01T08  llama-3.3-70b  input=800,000 output=2,500,000
        2026-09-02T08  mistral-small  input=100,000 output=100,000
        """,
        """
        scaleway generative APIs  free  1 * 0.00              = 0.00
        scaleway generative APIs  use   3 * 0.90              = 2.70
        scaleway generative APIs  use   1 * 0.15              = 0.15
        scaleway generative APIs  use   1 * 0.35              = 0.35
        """,
    ),
    "dedicated-endpoint": Month(
        SEPTEMBER,
        "",
        "endpoint  fee  1 * 720 * 2.50                         = 1,800.00",
    ),
    # Idle: 2 kW for 240 hours at 0.18 and 480 at 0.30, a quarter more for the site. Load: 6 kW more for ten
    # hours at full load by day (36,000,000 an hour), half of that for four hours by night.
    "own-gpu-server": Month(
        SEPTEMBER,
        """
        2026-09-01T08 x10  llama-70b  input=16,000,000 output=5,000,000
        2026-09-02T00 x4   llama-70b  input=18,000,000
        """,
        """
        gpu server  depreciation  (320,000 - 20,000) / 60                      = 5,000.00
        gpu server  upkeep        900                                          =   900.00
        gpu server  energy        2 * (240 * 0.18 + 480 * 0.30) * 1.25         =   468.00
        gpu server  energy        (6 * 10 * 0.30 + 6 / 2 * 4 * 0.18) * 1.25    =    25.20
        """,
    ),
    # 90,000 seconds on four GPUs are 100 GPU-hours.
    "public-grant": Month(
        SEPTEMBER,
        "2026-09-10T08 x10  llama-70b  input=2,000,000 output=2,000,000",
        """
        AI factory grant  use      (20,000,000 + 20,000,000 * 4) / 1,000,000 * 0 = 0.00
        AI factory grant  balance  0                          = 0.00 (memo)
        """,
    ),
}


def expected(bill: str) -> list[tuple[str, str, str]]:
    """Lines as contract, sort, amount; checks the arithmetic of the table."""
    found = []
    for line in bill.strip().splitlines():
        left, _, result = line.rpartition("=")
        parts = left.split("  ")
        name, sort, sum_ = (part.strip() for part in parts if part.strip())
        amount, memo, _ = result.strip().partition(" (memo)")
        assert cents(calculate(sum_) * 10**9) == amount, f"{sum_} is not {amount}"
        found.append((name, f"{sort}{memo}", amount))
    return found


@pytest.mark.parametrize("name", MONTHS)
def test_a_month_by_hand(name: str) -> None:
    read, month = example(name), MONTHS[name]
    bills = statements(
        read.contracts, read.deployments, uses(month.use), (*month.before, month.day), read.energy
    )
    of_month = [bill for bill in bills if bill.starts <= _second(month.day) < bill.ends]
    lines = [
        (bill.contract, f"{line.sort}{' (memo)' if line.memo else ''}", cents(line.amount))
        for bill in of_month
        for line in bill.lines
        if not (line.memo and line.sort == "spill")
    ]
    wanted = expected(month.bill)
    assert sorted(lines) == sorted(wanted)
    due = sum(calculate(amount) for _, sort, amount in wanted if "memo" not in sort)
    assert cents(sum(bill.due for bill in of_month)) == f"{float(due):,.2f}"


def _second(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86400


def test_a_grant_counts_its_own_unit() -> None:
    read = example("public-grant")
    (bill,) = statements(
        read.contracts, read.deployments, uses(MONTHS["public-grant"].use), [SEPTEMBER], read.energy
    )
    assert [f"{line.sort} {line.quantity} {line.unit}" for line in bill.lines] == [
        "use 100 GPU-hour",
        "balance 4900 GPU-hour",
    ]


def test_a_missed_milestone_pays_the_next_months() -> None:
    """50,000 were invoiced for September; October's 8,000 come out of them, 42,000 are left for a year."""
    read = example("azure-macc")
    use = [*uses(MONTHS["azure-macc"].use), *uses("2026-10-10T08  gpt-4.1  input=4,000,000,000")]
    days = [date(2026, 2, 1), SEPTEMBER, date(2026, 10, 1), date(2027, 9, 1), date(2027, 10, 1)]
    bills = statements(read.contracts, read.deployments, use, days, read.energy)
    told = [
        (bill.starts, line.sort, cents(line.amount))
        for bill in bills
        if bill.contract == "MACC" and bill.starts >= _second(date(2026, 10, 1))
        for line in bill.lines
    ]
    october, end = _second(date(2026, 10, 1)), _second(date(2027, 9, 1))
    assert told == [
        (october, "prepayment", "-8,000.00"),
        (october, "balance", "42,000.00"),
        (
            end,
            "shortfall",
            "300,000.00",
        ),  # 500,000 - 200,000 that were met or paid; the 8,000 counted already
        (end, "expired", "42,000.00"),
        (end, "balance", "300,000.00"),
        (_second(date(2027, 10, 1)), "balance", "300,000.00"),
    ]


@pytest.mark.parametrize("name", MONTHS)
def test_an_example_is_a_whole_configuration(name: str) -> None:
    configured = parse((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    assert [row.terms for row in configured.contracts] == example(name).contracts


def test_every_example_has_its_month() -> None:
    assert set(MONTHS) == {path.stem for path in FOLDER.glob("*.toml")}
