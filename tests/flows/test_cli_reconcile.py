"""The commands of reconciliation against a real office on a real port."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.flows.office_desk import DEFAULT
from tests.flows.served import Served

BILLS = Path(__file__).resolve().parents[2] / "docs" / "examples" / "bills"


@pytest.fixture
def mini(served: Served, tmp_path: Path) -> Served:
    """With a deployment whose name stands on the example's bill."""
    path = tmp_path / "rechenwerk.toml"
    path.write_text(
        DEFAULT.replace('cost = { input = "0.01"', 'upstream = "gpt-4o-mini"\ncost = { input = "0.01"')
    )
    served.cli("apply", str(path), "--yes", "--json").json()
    return served


def test_the_example_bill_from_looking_to_undoing(mini: Served, tmp_path: Path) -> None:
    command = ("books", "reconcile", str(BILLS / "openai-costs.json"), "--provider", "embedded")
    assert "one USD was worth: --rate USD=0.92" in mini.cli(*command).one_line()
    seen = mini.cli(*command, "--rate", "USD=0.9")
    assert seen.code == 0
    for said in (
        "1.44",
        "gpt-4o-mini",
        "not-booked",
        "on the bill: 1.6 USD, at 0.9",
        "nothing is booked yet",
    ):
        assert said in seen.out
    done = mini.cli(*command, "--rate", "USD=0.9", "--settle", "--json").json()
    assert (done["bill"], done["period"], done["total"]["difference"]) == (1, "2026-03", "1.44")
    listed = mini.cli("books", "bills")
    assert "2026-03-01 to 2026-03-01" in listed.out
    assert "not-booked" in mini.cli("books", "bills", "1").out
    assert mini.cli("books", "bills", "1", "--json").json()["total"] == done["total"]
    target = tmp_path / "report.pdf"
    assert f"{target} written" in mini.cli("books", "bills", "1", "--pdf", str(target)).out.replace("\n", "")
    assert target.read_bytes().startswith(b"%PDF")
    assert "say which bill" in mini.cli("books", "bills", "--pdf", str(target)).one_line()
    assert "there is no bill 2" in mini.cli("books", "bills", "2").one_line()
    undone = mini.cli("books", "undo-bill", "1", "--reason", "an example")
    assert "bill 1 is undone: 1 vouchers reversed" in undone.out
    assert "undone: an example" in mini.cli("books", "bills").out
    assert mini.cli("books", "verify", "--all").code == 0


def test_names_on_the_bill_are_mapped(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(f"date,model,amount,currency\n{datetime.now(UTC):%Y-%m-%d},House model,1.5,EUR\n")
    command = ("books", "reconcile", str(path), "--provider", "embedded", "--json")
    assert "--map 'House model=NAME'" in served.cli(*command).one_line()
    found = served.cli(*command, "--map", "House model=smollm2-135m").json()
    assert [row["model"] for row in found["rows"]] == ["smollm2-135m"]
    assert "write --map NAME=VALUE" in served.cli(*command, "--map", "House model").one_line()


def test_a_file_that_is_no_bill_is_said_with_its_place(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "bill.json"
    path.write_text(
        json.dumps({"data": [{"starting_at": "2026-03-01T00:00:00Z", "results": [{"model": ""}]}]})
    )
    command = ("books", "reconcile", str(path), "--provider", "embedded")
    assert f"{path}: data[0].results[0].model is empty" in served.cli(*command).one_line()
    assert (
        "nobody"
        in served.cli(*command[:2], str(BILLS / "openai-costs.json"), "--provider", "nobody").one_line()
    )


def test_a_voucher_of_a_bill_is_not_reversed_alone(mini: Served) -> None:
    bill = str(BILLS / "openai-costs.json")
    mini.cli(
        "books", "reconcile", bill, "--provider", "embedded", "--rate", "USD=0.9", "--settle", "--json"
    ).json()
    there = ("--organisation", "operator")
    (voucher,) = mini.cli("books", "vouchers", *there, "--json").json()["vouchers"]
    assert "what the books do not have" in mini.cli("books", "vouchers", *there).out
    command = ("books", "reverse-voucher", "--reason", "by hand", *there, "--", str(voucher["id"]))
    assert "is part of bill 1; undo the bill instead" in mini.cli(*command).one_line()
    assert "no voucher" in mini.cli(*command[:-1], "-77").one_line()
