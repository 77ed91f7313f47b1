"""FOCUS 1.4's Contract Commitment dataset: out and back, and what others write."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.as_toml import to_toml
from rechenwerk.contracts.focus import COLUMNS, from_csv, from_row, to_csv, to_row
from rechenwerk.contracts.terms import Contract, TakeOrPay
from tests.unit.contract_examples import FOLDER, example
from tests.unit.contract_strategies import contracts

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.toml"))


@settings(deadline=None, max_examples=150)
@given(st.lists(contracts(), max_size=3, unique_by=lambda contract: contract.name))
def test_out_and_back_is_the_same(some: list[Contract]) -> None:
    assert from_csv(to_csv(some, "EUR", NOW)) == some


@settings(deadline=None, max_examples=150)
@given(st.lists(contracts(), max_size=3))
def test_tables_for_a_file_say_the_same(some: list[Contract]) -> None:
    read = tomllib.loads(to_toml(some)).get("contract", [])
    assert [msgspec.convert(table, Contract) for table in read] == some


def test_a_table_for_a_file() -> None:
    assert to_toml(example("aws-edp").contracts[1:]) == (
        "[[contract]]\n"
        'name = "aws commitment"\n'
        'provider = "bedrock"\n'
        'kind = "take-or-pay"\n'
        "starts = 2025-10-01\n"
        "ends = 2028-09-30\n"
        'covers = ["bedrock on demand"]\n'
        'anchor = "starts"\n'
        'pricing = { discount = "0.09" }\n'
        'minimum = "1200000"\n'
        'period = "year"\n'
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_go_out_and_back(name: str) -> None:
    read = example(name).contracts
    assert from_csv(to_csv(read, "USD", NOW)) == read


@settings(deadline=None, max_examples=100)
@given(contracts())
def test_rows_are_what_focus_allows(contract: Contract) -> None:
    """The rules of the columns' own pages: nulls and values as they allow, one of two amounts."""
    row = to_row(contract, "EUR", NOW)
    assert set(COLUMNS) <= set(row)
    nullable = {
        "ContractCommitmentCost",
        "ContractCommitmentDescription",
        "ContractCommitmentDiscountPercentage",
        "ContractCommitmentQuantity",
        "ContractCommitmentUnit",
    }
    assert all(row[column] for column in set(COLUMNS) - nullable)
    assert row["ContractCommitmentCost"] or row["ContractCommitmentQuantity"]
    assert bool(row["ContractCommitmentUnit"]) == bool(row["ContractCommitmentQuantity"])
    assert row["ContractCommitmentBenefitCategory"] in {"Discount", "Entitlement", "Availability", "Other"}
    off = row["ContractCommitmentDiscountPercentage"]
    assert (off == "") == (row["ContractCommitmentBenefitCategory"] == "Availability")
    assert 0 <= Decimal(off or 0) <= 1
    continuous = row["ContractCommitmentModel"] == "Continuous"
    assert not (continuous and row["ContractCommitmentFulfillmentInterval"] == "Full Period")
    share = Decimal(row["ContractCommitmentPaymentUpfrontPercentage"])
    model = {Decimal(0): "No Upfront", Decimal(1): "All Upfront"}.get(share, "Partial Upfront")
    assert row["ContractCommitmentPaymentModel"] == model
    assert (row["ContractCommitmentPaymentInterval"] == "One-Time") == (model == "All Upfront")
    assert all(column in COLUMNS or column.startswith("x_") for column in row)


def test_a_commitment_as_a_row() -> None:
    edp = example("aws-edp").contracts[1]
    row = to_row(edp, "USD", NOW)
    told = {key: row[key] for key in row if key.startswith("ContractCommitment") and row[key]}
    assert told == {
        "ContractCommitmentApplicability": '{"InclusionOperator":"Or","Inclusions":'
        '[{"Dimension":"x_Contract","Operator":"In","Values":["bedrock on demand"]}]}',
        "ContractCommitmentBenefitCategory": "Discount",
        "ContractCommitmentCategory": "Spend",
        "ContractCommitmentCost": "3600000",  # three years
        "ContractCommitmentCreated": "2026-09-15T12:00:00Z",
        "ContractCommitmentDiscountPercentage": "0.09",
        "ContractCommitmentDurationType": "3 Years",
        "ContractCommitmentFulfillmentInterval": "Annual",
        "ContractCommitmentId": "aws commitment",
        "ContractCommitmentLastUpdated": "2026-09-15T12:00:00Z",
        "ContractCommitmentLifecycleStatus": "Active",
        "ContractCommitmentModel": "Discontinuous",
        "ContractCommitmentOfferCategory": "Negotiated",
        "ContractCommitmentPaymentInterval": "Monthly",
        "ContractCommitmentPaymentModel": "No Upfront",
        "ContractCommitmentPaymentUpfrontPercentage": "0",
        "ContractCommitmentPeriodEnd": "2028-10-01T00:00:00Z",
        "ContractCommitmentPeriodStart": "2025-10-01T00:00:00Z",
        "ContractCommitmentType": "Take or pay",
    }
    assert row["x_Terms"] == '{"anchor":"starts"}'  # everything else stands in FOCUS's own columns


def test_a_term_is_changed_where_it_stands() -> None:
    edp = example("aws-edp").contracts[1]
    row = to_row(edp, "USD", NOW) | {
        "x_PerInterval": "1500000",
        "ContractCommitmentDiscountPercentage": "0.11",
        "ContractCommitmentPeriodEnd": "2027-10-01T00:00:00Z",
    }
    read = from_row(row)
    assert isinstance(read, TakeOrPay)
    assert (read.minimum, read.pricing.discount, read.ends) == (
        Decimal(1500000),
        Decimal("0.11"),
        date(2027, 9, 30),
    )
    assert msgspec.structs.replace(edp, minimum=read.minimum, pricing=read.pricing, ends=read.ends) == read


FOREIGN = """
ContractCommitmentId,ServiceProviderName,ContractCommitmentCategory,ContractCommitmentBenefitCategory,\
ContractCommitmentCost,ContractCommitmentQuantity,ContractCommitmentUnit,ContractCommitmentPaymentModel,\
ContractCommitmentFulfillmentInterval,ContractCommitmentDiscountPercentage,ContractCommitmentPeriodStart,\
ContractCommitmentPeriodEnd
sp-1,AWS,Spend,Discount,8760,,,No Upfront,Hourly,0.2,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z
pool,Snowflake,Spend,Entitlement,50000,,,All Upfront,Full Period,,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z
cap,CoreWeave,Usage,Availability,70080,2,node,No Upfront,Hourly,,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z
use,Vercel,Usage,Other,1200,12000,MIU,No Upfront,Monthly,,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z
"""


def test_what_others_export() -> None:
    told = msgspec.json.decode(msgspec.json.encode(from_csv(FOREIGN.lstrip())))
    year = {"starts": "2026-01-01", "ends": "2026-12-31"}
    off = {"pricing": {"discount": "0.2"}}
    assert told == [
        {
            "kind": "take-or-pay",
            "name": "sp-1",
            "provider": "AWS",
            **year,
            "minimum": "1",
            "period": "hour",
            **off,
        },
        {"kind": "prepaid-credit", "name": "pool", "provider": "Snowflake", **year, "balance": "50000"},
        {
            "kind": "provisioned",
            "name": "cap",
            "provider": "CoreWeave",
            **year,
            "blocks": [{"name": "node", "units": "2", "hold_fee": "35040", "per": "term"}],
        },
        {
            "kind": "take-or-pay",
            "name": "use",
            "provider": "Vercel",
            **year,
            "minimum": "1000",
            "period": "month",
            "measure": "quantity",
            "unit_price": "0.1",
        },
    ]


WRONG = {
    "ContractCommitmentId": ("", "ContractCommitmentId is empty"),
    "ContractCommitmentLifecycleStatus": ("Gone", "choose from Proposed, Pending, Active"),
    "x_Kind": ("lease", "choose from on-demand, prepaid-credit"),
    "x_PerInterval": ("lots", "x_PerInterval is 'lots', which is no number"),
    "x_Terms": ("{", "x_Terms is no JSON object"),
    "ContractCommitmentPeriodStart": ("soon", "which is no time; write it like 2026-01-31T00:00:00Z"),
    "ContractCommitmentApplicability": ("all", 'no JSON object; {"IsGlobalScope": true} is everything'),
    "ContractCommitmentDiscountPercentage": ("much", "which is no number; write it like 12.50"),
}


@pytest.mark.parametrize("column", WRONG)
def test_what_cannot_be_read_is_told_with_its_column(column: str) -> None:
    says, wanted = WRONG[column]
    rows = list(csv.DictReader(io.StringIO(to_csv(example("aws-edp").contracts, "USD", NOW))))
    rows[1][column] = says
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    with pytest.raises(RechenwerkError, match=r"^line 3: ") as caught:
        from_csv(out.getvalue())
    assert wanted in str(caught.value)


def test_what_is_missing_or_twice() -> None:
    with pytest.raises(RechenwerkError, match="there is no column ServiceProviderName"):
        from_csv("ContractCommitmentId\nx\n")
    text = to_csv(example("aws-edp").contracts, "USD", NOW)
    with pytest.raises(RechenwerkError, match="'bedrock on demand' stands on line 2 too; keep one"):
        from_csv(text + text.splitlines()[1] + "\n")
    row = to_row(example("aws-edp").contracts[1], "USD", NOW) | {"x_Terms": '{"minimum": "1", "speed": 3}'}
    with pytest.raises(RechenwerkError, match="unknown field `speed`"):
        from_row(row)
