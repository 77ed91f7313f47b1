"""FOCUS datasets that leave the books, as FOCUS's validator and a linter judge them, and their sums."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests import verifiers
from tests.flows.exporting import Books

SUPPORTED = (
    "ACCOUNT_NAMING_SUPPORTED",
    "COMMITMENT_DISCOUNT_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "REGION_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
INVERTED = frozenset(
    {
        "CommitmentDiscountStatus-C-000-C",
        "CommitmentDiscountStatus-C-002-C",
        "CommitmentDiscountStatus-C-004-C",
    }
)
"""Rules that no file with charges under no commitment keeps: in the validator's rules 1.2.0.1 the condition
of C-004-C is the opposite of its words: it asks for a status without a commitment, which C-003-C forbids."""

COSTS = ("cost", "failed", "unresolved_cost", "fixed", "idle", "absorbed", "difference")
Row = dict[str, str]
Change = Callable[[list[Row]], list[Row]]


def read(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write(file: Path, rows: list[Row]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def in_ascii(file: Path) -> Path:
    """The file as the validator wants it: it refuses what is not ASCII, where FOCUS asks for Unicode."""
    file.write_text(file.read_text(encoding="utf-8").encode("ascii", "replace").decode(), encoding="ascii")
    return file


def total(rows: list[Row], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def booked(books: Books, kinds: tuple[str, ...], ends: str) -> Decimal:
    """What accounts of these kinds held before a day; what was paid to providers left out."""
    (row,) = books.office.sql(
        "select coalesce(sum(e.amount), 0) as amount from entry e"
        " join account a on a.organisation_id = e.organisation_id and a.id = e.account_id"
        " left join call c on c.organisation_id = e.organisation_id and c.id = e.call_id"
        " left join voucher v on v.organisation_id = e.organisation_id and v.id = e.call_id"
        " where e.organisation_id = $1 and a.kind = any($2)"
        " and coalesce(c.started_at, v.at) < $3::text::timestamptz",
        books.organisation,
        list(kinds),
        ends,
    )
    return Decimal(int(row["amount"])) / 10**9


@pytest.mark.parametrize("version", ["focus-1.2", "focus-1.4"])
def test_costs_are_those_of_the_books(full: Books, tmp_path: Path, version: str) -> None:
    before = Decimal(0)
    owed = Decimal(0)
    for period, ends in (("2026-02", "2026-03-01Z"), ("2026-03", "2026-04-01Z"), ("2026-04", "2026-05-01Z")):
        rows = read(full.write(tmp_path, version, period))
        after = booked(full, COSTS, ends)
        assert total(rows, "EffectiveCost") == after - before
        then = -booked(full, ("payable", "accrued"), ends)
        assert total(rows, "BilledCost") == then - owed
        before, owed = after, then
        assert {row["BillingPeriodStart"] for row in rows} == {f"{period}-01T00:00:00Z"}
    whole = read(full.write(tmp_path, version))
    assert total(whole, "EffectiveCost") == before
    assert total(whole, "BilledCost") == owed


def test_every_kind_of_charge_stands_where_focus_wants_it(full: Books, tmp_path: Path) -> None:
    rows = read(full.write(tmp_path, "focus-1.4", "2026-03"))
    found = {
        (
            row["ChargeCategory"],
            row["CommitmentDiscountId"],
            row["CommitmentDiscountStatus"],
            row["ChargeClass"],
        )
        for row in rows
    }
    assert found == {
        ("Usage", "", "", ""),
        ("Usage", "Rahmen 2026", "Used", ""),
        ("Usage", "PTU", "Used", ""),
        ("Usage", "PTU", "Unused", ""),
        ("Purchase", "PTU", "", ""),
        ("Adjustment", "Rahmen 2026", "", ""),
        ("Adjustment", "Rahmen 2026", "", "Correction"),
        ("Credit", "Rahmen 2026", "", ""),
    }
    bought = [row for row in rows if row["CommitmentDiscountId"] == "PTU"]
    used = [row for row in bought if row["ChargeCategory"] == "Usage"]
    (purchase,) = [row for row in bought if row["ChargeCategory"] == "Purchase"]
    assert total(used, "EffectiveCost") == Decimal(purchase["BilledCost"])
    assert Decimal(purchase["EffectiveCost"]) == 0
    (call,) = [row for row in used if row["x_Calls"] == "1"]
    costs = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
    assert [call[name] for name in costs] == ["0.000000000", "0.000000000", "0.000000400", "0.000000400"]


def test_the_validator_of_1_2_accepts_it(full: Books, tmp_path: Path) -> None:
    for period in ("2026-03", None):
        judged = verifiers.focus_1_2(in_ascii(full.write(tmp_path, "focus-1.2", period)), SUPPORTED)
        assert judged.failed == INVERTED, judged.said[-3000:]
        assert len(judged.passed) > 200


def test_names_that_are_not_ascii_are_all_that_it_minds(full: Books, tmp_path: Path) -> None:
    judged = verifiers.focus_1_2(full.write(tmp_path, "focus-1.2", "2026-03"), SUPPORTED)
    leaves = [rule for rule in judged.failed - INVERTED if "-C-000-" not in rule]
    assert leaves
    for rule in leaves:
        assert f"{rule}: FAIL" in judged.said
        (line,) = [one for one in judged.said.splitlines() if f" {rule}: FAIL" in one]
        assert "must contain only ascii" in line.lower(), line


def without(column: str) -> Change:
    return lambda rows: [{name: value for name, value in row.items() if name != column} for row in rows]


def changed(column: str, value: str, category: str = "Usage") -> Change:
    def change(rows: list[Row]) -> list[Row]:
        first = next(number for number, row in enumerate(rows) if row["ChargeCategory"] == category)
        return [row | {column: value} if number == first else row for number, row in enumerate(rows)]

    return change


def test_the_validator_of_1_2_rejects_what_is_broken(full: Books, tmp_path: Path) -> None:
    file = in_ascii(full.write(tmp_path, "focus-1.2", "2026-03"))
    assert verifiers.focus_1_2(file, SUPPORTED).failed == INVERTED  # as it is, only the inverted rules fail
    rows = read(file)
    write(file, without("SubAccountId")(without("BilledCost")(rows)))
    missing = verifiers.focus_1_2(file, SUPPORTED).failed
    assert {"CostAndUsage-D-006-M", "CostAndUsage-D-019-C"} <= missing
    changes = (
        changed("ContractedCost", "1,5"),
        changed("BillingCurrency", "Euro"),
        changed("ConsumedQuantity", "3.0", "Purchase"),
        changed("EffectiveCost", ""),
        changed("ChargeFrequency", "Usage-Based", "Purchase"),
    )
    for change in changes:
        rows = change(rows)
    write(file, rows)
    assert verifiers.focus_1_2(file, SUPPORTED).failed >= {
        "ContractedCost-C-001-M",
        "BillingCurrency-C-003-M",
        "ConsumedQuantity-C-004-C",
        "EffectiveCost-C-003-M",
        "ChargeFrequency-C-004-C",
    }


def test_the_linter_of_1_4_accepts_both_datasets_and_that_they_belong_together(
    full: Books, tmp_path: Path
) -> None:
    for period in ("2026-03", None):
        costs = full.write(tmp_path, "focus-1.4", period)
        verdict = verifiers.focus_1_4(costs, "cost-and-usage", "SupportsMultiplePricingCategories")
        assert verdict.accepted, verdict.said
        contracts = full.write(tmp_path, "focus-1.4-contracts", period)
        verdict = verifiers.focus_1_4(contracts, "contract-commitment")
        assert verdict.accepted, verdict.said
        together = verifiers.focus_1_4_bundle(costs, contracts)
        assert together["ok"], together
        assert {row["ContractCommitmentId"] for row in read(contracts)} >= {"Rahmen 2026", "PTU", "machine 1"}


def test_the_linter_of_1_4_rejects_what_is_broken(full: Books, tmp_path: Path) -> None:
    costs, contracts = (
        full.write(tmp_path, form, "2026-03") for form in ("focus-1.4", "focus-1.4-contracts")
    )
    rows = read(costs)
    broken: tuple[tuple[str, Change], ...] = (
        ("missing_mandatory_column", without("HostProviderName")),
        ("effective_cost_differs_from_billed", changed("EffectiveCost", "-0.000000010", "Credit")),
        ("bad_numeric_format", changed("ListCost", "1,5")),
        ("null_not_allowed", changed("BilledCost", "")),
        ("not_in_allowed_values", changed("ChargeFrequency", "Sometimes")),
        ("unit_without_quantity", changed("PricingQuantity", "")),
    )
    for rule, change in broken:
        write(costs, change(rows))
        verdict = verifiers.focus_1_4(costs, "cost-and-usage")
        assert not verdict.accepted, rule
        assert rule in verdict.said
    write(costs, rows)
    commitments = read(contracts)
    write(contracts, [row for row in commitments if row["ContractCommitmentId"] != "PTU"])
    assert not verifiers.focus_1_4_bundle(costs, contracts)["ok"], "a charge counts towards no commitment"
    write(contracts, [row | {"ContractCommitmentModel": "Now and then"} for row in commitments])
    assert not verifiers.focus_1_4(contracts, "contract-commitment").accepted
    nameless = [{name: row[name] for name in row if name != "ContractId"} for row in commitments]
    write(contracts, nameless)
    assert not verifiers.focus_1_4(contracts, "contract-commitment").accepted
