"""Commands of the books as people meet them: what is proved, what totals say, and one line where it fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rechenwerk.cli.show import progress_bar
from rechenwerk.main_doctor import doctor
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.served import Served

CENT = 10_000_000


def test_a_proof_of_everybody_is_one_document(served: Served) -> None:
    found = served.cli("books", "verify", "--all", "--json").json()
    assert found["ok"]
    assert {one["organisation"] for one in found["organisations"]} == {"default", "operator"}
    shown = served.cli("books", "verify")
    assert (shown.code, shown.err) == (0, "")
    assert "all entries sum to zero" in shown.out
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    days = served.cli("books", "verify", "--from", today, "--to", today, "--json").json()
    assert len(days["checks"]) < len(found["organisations"][0]["checks"])
    assert "is not here yet" in served.cli("books", "verify", "--from", "2999-01-01").one_line()


def test_what_does_not_agree_ends_with_one_and_speaks_in_currency(
    office: Office, bookkeeper: Bookkeeper
) -> None:
    hold = bookkeeper.hold("default", 10 * CENT, started=office.clock.at)
    bookkeeper.post(hold, "posted", 4 * CENT, 3 * CENT)
    office.sql("alter table guard_window disable trigger all")
    office.sql("update guard_window set granted = granted + 12345678901 where granted > 0")
    checks = office.ok("GET", "/books/verify")["checks"]
    wrong = {one["name"]: one["detail"] for one in checks if not one["ok"]}
    assert "12.445678901 EUR, should be 0.10 EUR" in wrong["every guard has granted what its slices have"]


def test_costs_are_booked_organisation_by_organisation(served: Served) -> None:
    served.cli("organisation", "create", "school")
    month = f"{datetime.now(UTC):%Y-%m}"
    found = served.cli("books", "accrue", "--everyone", "--json").json()
    assert found["period"] == month
    both = served.cli("books", "accrue", "--everyone", "--organisation", "school")
    assert (both.code, "not both" in both.err) == (2, True)


def test_totals_end_with_their_last_day_and_a_sum(served: Served) -> None:
    today = datetime.now(UTC).date()
    found = served.cli("books", "totals", "--days", "7", "--json").json()
    assert (found["starts"], found["ends"]) == (f"{today - timedelta(days=6)}", f"{today}")
    assert found["total"] == {**found["total"], "calls": 0, "price": "0.00", "name": ""}
    month = served.cli("books", "totals", "--period", "2026-02", "--json").json()
    assert (month["starts"], month["ends"]) == ("2026-02-01", "2026-02-28")
    shown = served.cli("books", "totals", "--period", "2026-02")
    assert "from 2026-02-01 to 2026-02-28, both days included" in shown.out
    assert "│ total" in shown.out


def test_totals_add_up(office: Office, bookkeeper: Bookkeeper) -> None:
    for price in (4, 5):
        bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", price * CENT, 3 * CENT)
    office.clock.at = datetime.now(UTC).timestamp()
    found = office.ok("GET", "/books/totals", params={"by": "key", "step": "day"})
    assert (found["total"]["calls"], found["total"]["price"], found["total"]["cost"]) == (2, "0.09", "0.06")
    assert found["total"]["usage"]["output"] == 40
    assert found["ends"] == f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.mark.parametrize(
    "command",
    [
        "tariff cover --period 2999-03",
        "tariff dry-run --period 2999-03 --file {file}",
        "books export calls-csv --period 2999-03",
        "books accrue --period 2999-03",
        "books margin --period 2999-03",
    ],
)
def test_a_month_that_has_not_begun_has_nothing_to_tell(served: Served, tmp_path: Path, command: str) -> None:
    file = tmp_path / "t.toml"
    file.write_text('currency = "EUR"\n[[tariff]]\nmodel = "m"\nprice = { input = "1" }\n', encoding="utf-8")
    told = served.cli(*command.format(file=file).split()).one_line()
    assert "2999-03 has not begun; name" in told


# command | what to do next
MISSING = """
tariff show gpt | `rechenwerk tariff list` shows what is
books document RW-2026-000001 | `rechenwerk books documents` lists them
wallet statement | `rechenwerk wallet open` opens one
key create --name app --organisation school | `project create` makes one
"""


@pytest.mark.parametrize("line", MISSING.strip().splitlines())
def test_what_is_missing_says_what_to_do(served: Served, line: str) -> None:
    command, hint = line.split(" | ")
    served.cli("organisation", "create", "school")
    assert hint in served.cli(*command.split()).one_line()


# a file's head and tariff | what is wrong with it
TARIFFS = """
currency = "USD" | valid_from = 2999-01-01 | cannot change to USD
currency = "EUR" | valid_from = 2026-01-01 | cannot begin on 2026-01-01, which is past
"""


@pytest.mark.parametrize("line", TARIFFS.strip().splitlines())
def test_a_tariff_is_checked_as_it_would_be_applied(served: Served, tmp_path: Path, line: str) -> None:
    head, valid, said = line.split(" | ")
    file = tmp_path / "t.toml"
    table = f'[[tariff]]\nmodel = "smollm2-135m"\n{valid}\nprice = {{ input = "9" }}\n'
    file.write_text(f"{head}\n{table}", encoding="utf-8")
    served.cli("organisation", "create", "school")
    served.cli("apply", str(file), "--organisation", "school", "--yes")
    name = () if "EUR" in head else ("--organisation", "school")
    checked = served.cli("tariff", "check", str(file), *name)
    applied = served.cli("apply", str(file), "--yes", *name)
    assert checked.code == 1
    assert said in checked.err
    assert said in applied.err


# an address | why a webhook may not go there
FORBIDDEN = """
https://10.0.0.1/hook | an address that is not public
https://192.168.1.4:8443/hook | an address that is not public
https://[fd00::1]/hook | an address that is not public
http://93.184.215.14/hook | only https:// goes out
https://169.254.169.254/latest | RECHENWERK_WEBHOOK_NETWORKS
"""


@pytest.mark.parametrize("line", FORBIDDEN.strip().splitlines())
def test_a_webhook_that_may_not_go_out_is_refused_when_it_is_entered(served: Served, line: str) -> None:
    address, why = line.split(" | ")
    told = served.cli("alert", "add", "a", "--webhook", address).one_line()
    assert why in told
    assert served.cli("alert", "list", "--json").json()["alerts"] == []


def test_a_webhook_to_a_network_that_the_operator_allows_is_taken(served: Served) -> None:
    assert served.cli("alert", "add", "a", "--webhook", "http://127.0.0.1:9/hook").code == 0


def test_what_is_not_there_yet_is_not_said_to_be_well(tmp_path: Path) -> None:
    found = {one.name: one for one in doctor(tmp_path / "nowhere", "http://127.0.0.1:9")}
    assert {one.name for one in found.values() if one.later} >= {"data folder", "processes"}
    assert all(one.fix for one in found.values() if one.later)
    assert not found["settings"].later


def test_nobody_who_reads_json_sees_a_bar() -> None:
    assert progress_bar(quiet=True).disable
