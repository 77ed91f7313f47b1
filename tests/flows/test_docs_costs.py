"""docs/costs.md, executed: its month by hand, to the cent, and what its commands print."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cost_desk import Till, accrue, balances, uses, verify, vouchers
from tests.flows.listening import Listening
from tests.flows.office_desk import Office
from tests.unit.contract_examples import calculate

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "costs.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table with this heading."""
    lines = TEXT.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |")) + 2
    found = []
    while lines[at].startswith("|"):
        found.append([cell.strip() for cell in lines[at].strip("|").split("|")])
        at += 1
    return found


def euros(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def by_hand(text: str) -> Decimal:
    exact = calculate(text)
    return Decimal(exact.numerator) / Decimal(exact.denominator)


@pytest.fixture
def march(office: Office, till: Till) -> Office:
    """The page's contracts and calls."""
    blocks = re.findall(r"^```\n(every day .*?)```", TEXT, re.MULTILINE | re.DOTALL)
    till.calls(uses(blocks[0]))
    return office


def statement(office: Office, contract: str) -> Any:
    """The lines of a contract's accrual."""
    for one in vouchers(office, "operator"):
        details: Any = one["details"]
        if one["kind"] == "accrual" and details["contract"] == contract:
            return details["lines"]
    return None


def test_the_month_by_hand_is_the_month_in_the_books(march: Office) -> None:
    accrue(march)
    verify(march)
    lines: dict[str, list[Decimal]] = {}
    for contract, _, calculation, amount in rows("contract | line"):
        assert by_hand(calculation) == euros(amount), calculation
        lines.setdefault(contract, []).append(euros(amount))
    for contract, amounts in lines.items():
        assert [Decimal(one["amount"]) for one in statement(march, contract)] == amounts, contract
    operator = balances(march, "operator")
    others = [balances(march, "town"), balances(march, "school")]
    for contract, borne, amount, booked, calls, allocated, idle in rows("contract | borne by use"):
        assert by_hand(borne) == euros(amount), borne
        assert by_hand(booked) == euros(calls), booked
        assert euros(amount) - euros(calls) == euros(allocated)
        assert sum(books.get(("cost", contract), Decimal(0)) for books in others) == euros(amount)
        assert -sum(books.get(("payable", contract), Decimal(0)) for books in others) == euros(calls)
        assert operator.get(("passed_on", contract), 0) == euros(allocated)
        assert operator.get(("idle", contract), 0) == euros(idle)
        assert sum(lines[contract]) == euros(amount) + euros(idle)
    shares = re.search(r"so ([\d.]+) of the ([\d.]+) are the town's, ([\d.]+) the school's", TEXT)
    assert shares is not None
    town, both, school = map(Decimal, shares.groups())
    assert town + school == both == operator["passed_on", "gpu server"]
    assert -others[0]["accrued", "gpu server"] == town


def test_the_page_shows_what_the_commands_print(march: Office, database_url: str, tmp_path: Path) -> None:
    listening = Listening(database_url, march.first.key)
    try:
        code, out, err = listening.cli("books", "accrue", "--period", "2026-03", "--everyone")
        assert (code, err) == (0, "")
        assert "contract costs" in out
        asked = ("books", "margin", "--period", "2026-03", "--by", "model", "--everyone")
        code, out, err = listening.cli(*asked)
        assert (code, err) == (0, "")
        printed = "\n".join(line.rstrip() for line in out.strip().splitlines())
        shown = re.search(
            r"^```\n(\$ rechenwerk books margin .*?\n)(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL
        )
        assert shown is not None
        if os.environ.get("RW_WRITE_DOCS"):
            PAGE.write_text(TEXT.replace(shown[2], printed), encoding="utf-8")
            listening.cli(*asked, "--chart", str(DOCS / "costs.png"))
        else:
            assert shown[2] == printed
        assert json.loads(listening.cli(*asked, "--json")[1])["result"] == "-1248.42"
        for name in ("chart.svg", "chart.png"):
            file = tmp_path / name
            code, out, err = listening.cli(*asked, "--chart", str(file), "--language", "de")
            assert (code, err) == (0, "")
            assert "Leerstand: gpu server, davon 25,00 % genutzt" in out
            assert "mit Verlust verkauft: small brachte 142,60 und kostete 149,50 EUR" in out
            assert file.stat().st_size > 10_000
        code, _, err = listening.cli(*asked, "--chart", str(tmp_path / "chart.doc"))
        assert code != 0
        assert "--chart must end in .png, .svg, .pdf" in err
        code, _, err = listening.cli("books", "margin", "--period", "soon")
        assert (code, err) == (1, "rechenwerk: 'soon' is not a period; write a month such as 2026-03\n")
    finally:
        listening.close()
