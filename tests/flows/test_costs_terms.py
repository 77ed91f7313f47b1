"""Costs when terms, prices, sites and configurations change, and when months are closed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tests.flows.cost_desk import APRIL, CONTRACTS, MARCH, Till, accrue, balances, uses, verify
from tests.flows.office_desk import Office

MIDDLE = datetime(2026, 3, 16, tzinfo=UTC)


def close_books(office: Office, organisation: str) -> None:
    """No voucher of March is taken any more, with whatever documents that brings."""
    params = {"organisation": organisation}
    office.ok("POST", "/books/periods/2026-03/close", json={}, params=params)


def test_new_terms_leave_the_first_half_as_it_was(office: Office, till: Till) -> None:
    # From the 16th on 4 units instead of 2: 15 days of 2, 16 of 4.
    text = CONTRACTS.replace('units = "2"', 'units = "4"')
    text = text.replace('name = "north units"\n', 'name = "north units"\nsince = 2026-03-16\n', 1)
    till.calls(uses("2026-03-15 0-24  steady  town/clerks  input=300,000"))
    office.ok("POST", "/apply", json={"text": text})
    till.calls(uses("2026-03-20 0-24  steady  town/clerks  input=300,000"))
    office.clock.at = APRIL
    accrue(office)
    verify(office)
    books = balances(office, "operator")
    assert books["fixed", "north units"] == (15 * 2 + 16 * 4) * 24 * Decimal("0.25")
    # A day of 300,000 an hour is half of two units, a quarter of four.
    assert balances(office, "town")["cost", "north units"] == 12 * 2 * Decimal("0.25") + 6 * 4 * Decimal(
        "0.25"
    )


def test_another_list_price_counts_from_its_hour(office: Office, till: Till) -> None:
    # 15 days of 6.00 and 16 of 12.00 are 282 of 500.
    office.sql("update cost_price set valid_from = $1", datetime(2026, 1, 1, tzinfo=UTC))
    till.calls([use for use in uses(MARCH) if use.model == "big" and use.at < MIDDLE])
    office.sql(
        "insert into cost_price select organisation_id, deployment_id, $1, currency,"
        ' \'{"input": "4.00", "output": "16.00"}\' from cost_price where deployment_id ='
        " (select id from deployment where model = 'big')",
        MIDDLE,
    )
    till.forget()
    till.calls([use for use in uses(MARCH) if use.model == "big" and use.at >= MIDDLE])
    accrue(office)
    verify(office)
    assert balances(office, "town")["cost", "north minimum"] == 282
    assert balances(office, "operator")["idle", "north minimum"] == 218
    assert balances(office, "operator")["fixed", "north minimum"] == 218


def test_another_price_of_energy_counts_from_its_hour(office: Office, till: Till) -> None:
    del till
    office.sql(
        "insert into site_version select organisation_id, site_id, $1, pue, array[0.50] from site_version",
        MIDDLE,
    )
    accrue(office)
    verify(office)
    # 0.75 kW: 15 days at 0.25 in the mean, 16 at 0.50.
    energy = Decimal("0.75") * 24 * (15 * Decimal("0.25") + 16 * Decimal("0.50"))
    assert balances(office, "operator")["idle", "gpu server"] == Decimal("1100.50") + energy


def test_a_contract_that_left_the_configuration_costs_no_more(office: Office, till: Till) -> None:
    del till
    start = CONTRACTS.index('[[contract]]\nname = "north units"')
    without = CONTRACTS[:start] + CONTRACTS[CONTRACTS.index('[[contract]]\nname = "north minimum"') :]
    start = without.index('[[deployment]]\nmodel = "steady"')
    without = without[:start] + without[without.index('[[deployment]]\nmodel = "big"') :]
    without = without.replace('[[tariff]]\nmodel = "steady"\nprice = { input = "1.00" }\n', "")
    office.ok("POST", "/apply", json={"text": without})
    (row,) = office.sql("select ended_at from contract where name = 'north units'")
    assert row["ended_at"] is not None
    office.sql("update contract set ended_at = $1 where name = 'north units'", MIDDLE)
    accrue(office)
    verify(office)
    assert balances(office, "operator")["idle", "north units"] == 15 * 24 * 2 * Decimal("0.25")
    office.ok("POST", "/apply", json={"text": CONTRACTS})
    (row,) = office.sql("select ended_at from contract where name = 'north units'")
    assert row["ended_at"] is None


def test_a_proposed_contract_costs_nothing(office: Office) -> None:
    kind = 'kind = "own-hardware"\n'
    office.ok("POST", "/apply", json={"text": CONTRACTS.replace(kind, f'{kind}status = "proposed"\n')})
    office.clock.at = APRIL
    accrue(office)
    assert ("fixed", "gpu server") not in balances(office, "operator")
    assert ("fixed", "north units") in balances(office, "operator")


def test_what_comes_after_a_closed_month_stays_with_the_operator(office: Office, till: Till) -> None:
    till.calls(uses(MARCH))
    accrue(office)
    close_books(office, "school")
    # The town uses as much again of the machine by night as both did before: its part of what is borne grows.
    till.calls(uses("every day 0-8  local  town/citizens  input=3,000,000"))
    accrue(office)
    verify(office)
    operator, town, school = (balances(office, name) for name in ("operator", "town", "school"))
    assert school["accrued", "gpu server"] == Decimal("-91.45")
    assert operator["passed_on", "gpu server"] == -town["accrued", "gpu server"] + Decimal("91.45")
    assert operator["difference", "gpu server"] != 0
    rest = (
        operator["idle", "gpu server"]
        + operator["difference", "gpu server"]
        + operator["passed_on", "gpu server"]
    )
    assert rest == operator["fixed", "gpu server"]
    assert accrue(office) == 0


def test_nothing_is_booked_where_the_operator_s_month_is_closed(office: Office, till: Till) -> None:
    till.calls(uses(MARCH))
    close_books(office, "operator")
    # The close had everything booked first.
    assert balances(office, "town")["accrued", "gpu server"] == Decimal("-274.35")
    till.calls(uses("every day 0-8  local  town/citizens  input=3,000,000"))
    assert accrue(office) == 0
    verify(office)
    assert balances(office, "town")["accrued", "gpu server"] == Decimal("-274.35")


def test_what_had_accrued_for_a_contract_that_expired_goes_back(office: Office, till: Till) -> None:
    till.calls(uses(MARCH))
    office.clock.at = APRIL
    accrue(office)
    assert balances(office, "town")["accrued", "gpu server"] != 0
    kind = 'kind = "own-hardware"\n'
    office.ok("POST", "/apply", json={"text": CONTRACTS.replace(kind, f'{kind}status = "expired"\n')})
    office.sql("alter table contract_version disable trigger user")
    office.sql(f"delete from contract_version where terms ->> 'kind' = 'own-hardware' and {_BEFORE}")
    accrue(office)
    verify(office)
    for name in ("operator", "town", "school"):
        books = balances(office, name)
        gone = {"accrued", "fixed", "idle", "absorbed", "passed_on"}
        assert not [key for key in books if key[1] == "gpu server" and key[0] in gone], name
    # What the calls were booked at stands as it was.
    assert balances(office, "town")["payable", "gpu server"] == -9 * 31 * 3 * Decimal("0.10")
    assert accrue(office) == 0


def test_a_contract_without_calls_that_expired_leaves_nothing(office: Office, till: Till) -> None:
    del till
    office.clock.at = APRIL
    accrue(office)
    assert balances(office, "operator")["idle", "gpu server"] > 1_000
    kind = 'kind = "own-hardware"\n'
    office.ok("POST", "/apply", json={"text": CONTRACTS.replace(kind, f'{kind}status = "expired"\n')})
    office.sql("alter table contract_version disable trigger user")
    office.sql(f"delete from contract_version where terms ->> 'kind' = 'own-hardware' and {_BEFORE}")
    accrue(office)
    verify(office)
    assert not [key for key in balances(office, "operator") if key[1] == "gpu server"]


_BEFORE = "terms ->> 'status' is distinct from 'expired'"


def test_a_contract_that_renews_goes_on_costing(office: Office, till: Till) -> None:
    del till
    head, tail = CONTRACTS.split('name = "north units"\n', 1)
    tail = tail.replace("starts = 2026-01-01\n", "starts = 2025-03-11\nends = 2026-03-10\nRENEWS", 1)
    written = f'{head}name = "north units"\n{tail}'
    office.clock.at = APRIL
    office.ok("POST", "/apply", json={"text": written.replace("RENEWS", "")})
    office.sql("alter table contract_version disable trigger user")
    office.sql("update contract_version set valid_from = '-infinity'")
    accrue(office)
    ended = balances(office, "operator")["fixed", "north units"]
    assert ended == 10 * 24 * 2 * Decimal("0.25")
    office.ok("POST", "/apply", json={"text": written.replace("RENEWS", 'renews = "year"\n')})
    office.sql("delete from contract_version where terms ->> 'ends' is not null and not terms ? 'renews'")
    office.sql("update contract_version set valid_from = '-infinity'")
    accrue(office)
    verify(office)
    assert balances(office, "operator")["fixed", "north units"] == 31 * 24 * 2 * Decimal("0.25")
