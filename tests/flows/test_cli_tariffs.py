"""The commands of tariffs against a real office on a real port."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rechenwerk.ledger.periods import month_of
from tests.flows.served import Served

MODEL = "smollm2-135m"
MONTH = month_of(datetime.now(UTC)).name
FLAT = f'currency = "EUR"\n[[tariff]]\nmodel = "{MODEL}"\nfee = "99"\nowed = "always"\n'


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A file with a flat rate that everybody owes."""
    path = tmp_path / "flat.toml"
    path.write_text(FLAT, encoding="utf-8")
    return path


def test_what_is_sold_is_listed_and_shown(served: Served) -> None:
    listed = served.cli("tariff", "list")
    assert MODEL in listed.out
    assert "per unit" in listed.out
    assert "price input 0.015, output 0.075" in listed.out
    assert {one["model"] for one in served.cli("tariff", "list", "--json").json()["tariffs"]} == {
        MODEL,
        "potion-multilingual",
    }
    shown = served.cli("tariff", "show", MODEL)
    assert "input 0.015, output 0.075" in shown.out
    nothing = served.cli("tariff", "show", "gpt")
    assert nothing.code == 1
    assert "'gpt' is not sold to 'default'; `rechenwerk tariff list`" in nothing.err


def test_a_file_is_checked(served: Served, flat: Path) -> None:
    good = served.cli("tariff", "check", str(flat))
    assert good.code == 0
    assert "flat" in good.out
    assert served.cli("tariff", "check", str(flat), "--json").json()["tariffs"][0]["terms"]["fee"] == "99"
    flat.write_text(FLAT + 'minimum = "5"\nvalid_to = 2026-13-01\n', encoding="utf-8")
    assert "7: this is not TOML" in served.cli("tariff", "check", str(flat)).one_line()
    flat.write_text(FLAT + 'minimum = "5"\n', encoding="utf-8")
    wrong = served.cli("tariff", "check", str(flat)).one_line()
    assert wrong == f"{flat}:6: a flat rate has no minimum: use is included; leave minimum out\n"
    assert "cannot read" in served.cli("tariff", "check", str(flat.parent / "none.toml")).one_line()


def test_a_discount_is_given_and_listed(served: Served) -> None:
    options = (
        "--reason",
        "framework agreement",
        "--project",
        "default",
        "--model",
        MODEL,
        "--to",
        "2031-12-31",
    )
    given = served.cli("tariff", "discount", "12.5%", *options)
    assert f": 12.5 % on {MODEL} from " in given.out
    assert given.out.endswith(" to 2031-12-31\n")
    listed = served.cli("tariff", "list")
    assert "framework agreement" in listed.out
    assert served.cli("tariff", "list", "--json").json()["discounts"][0]["share"] == "0.125"
    refused = served.cli("tariff", "discount", "200%", "--reason", "generous").one_line()
    assert "'200%' is not a share from 0 to 100%; write it like 10% or 0.10" in refused


def test_a_dry_run_and_cover(served: Served, flat: Path) -> None:
    run = served.cli("tariff", "dry-run", "--period", MONTH, "--file", str(flat))
    assert run.code == 0, run.err
    assert "+99.00" in run.out
    found = served.cli("tariff", "dry-run", "--period", MONTH, "--file", str(flat), "--json").json()
    assert (found["old"], found["new"], found["difference"]) == ("0.00", "99.00", "99.00")
    assert "write a month" in served.cli("tariff", "dry-run", "--period", "x", "--file", str(flat)).one_line()
    covered = served.cli("tariff", "cover", "--margin", "10%")
    assert covered.code == 0
    assert "margin 10 %" in covered.out
    assert served.cli("tariff", "cover", "--period", MONTH, "--json").json()["models"] == []
