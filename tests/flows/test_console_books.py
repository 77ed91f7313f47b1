"""The books' pages: months closed, corrected, drilled into; bills, alerts, wallets, tariffs, margins."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from rechenwerk.main_console import mount_console
from tests.flows.browsing import NASTY
from tests.flows.closing import Ledger, day, ledger_of
from tests.flows.office_desk import Office
from tests.flows.test_console import Browser

APRIL_2 = 1_775_120_400.0
BILL = "date,model,amount,currency\n2026-03-02,smollm2-135m,0.5,EUR\n"


@pytest.fixture
def admin(office: Office) -> Browser:
    mount_console(office.app, office.clock, 8080)
    return Browser(office, office.first.key)


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """February and March 2026 of a project whose name is markup."""
    office.clock.at = APRIL_2
    with ledger_of(office, database_url) as ledger:
        for at in ("2026-02-03", "2026-02-20", "2026-03-02"):
            ledger.call(NASTY, day(at), input=1_000_000, output=2_000)
        ledger.charge("adjustment", NASTY, day("2026-02-10"), NASTY, -5)
        ledger.unresolved("recht", day("2026-03-20"), 500_000_000)
        yield ledger


def test_a_month_is_closed_drilled_into_and_corrected(office: Office, ledger: Ledger, admin: Browser) -> None:
    months = admin.page("/console/books/documents")
    assert 'href="/console/books/close/2026-02"' in months
    looked = admin.page("/console/books/close/2026-02")
    assert "RW-2026-000001 \u2013 RW-2026-000002" in looked
    assert "No call that began in February 2026" in looked
    for unsure in ("", "yes", "2026-03"):
        assert admin.post("/console/books/close/2026-02", sure=unsure).status_code == 422
    assert admin.post("/console/books/close/2026-02", accrue="yes").status_code == 303
    assert office.ok("GET", "/books/documents")["documents"] == []
    done = admin.post("/console/books/close/2026-02", sure="2026-02")
    assert "is closed" in admin.page(done.headers["location"])
    page = admin.page("/console/books/documents/RW-2026-000001")
    assert "<img" not in page
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/console/journal\?[^"]+)"', page)]
    assert links
    for link in links:
        assert "2 calls on this page" in admin.page(link)
    call = office.ok("GET", "/books/journal", params={"period": "2026-02"})["calls"][0]["id"]
    assert 'href="/console/books/documents/RW-2026-000001"' in admin.page(f"/console/journal/{call}")
    gone = admin.post("/console/books/documents/RW-2026-000001/reverse", reason="wrong recipient")
    assert gone.headers["location"] == "/console/books/documents/RW-2026-000004"
    assert "RW-2026-000003" in admin.page("/console/books/documents/RW-2026-000001")
    assert admin.post("/console/books/documents/RW-2026-000001/reverse", reason="again").status_code == 409
    march = admin.page("/console/books/close/2026-03")
    assert "1 calls are unresolved" in march
    assert admin.post("/console/books/close/2026-03", sure="2026-03").status_code == 409


def test_accounts_lead_to_calls(office: Office, ledger: Ledger, admin: Browser) -> None:
    balance = admin.page("/console/books")
    accounts = re.findall(r'href="(/console/books/accounts/\d+)"', balance)
    assert len(accounts) == len(office.ok("GET", "/books/balance")["accounts"])
    linked = 0
    for path in accounts:
        for of in ("calls", "vouchers"):
            text = admin.page(f"{path}?of={of}")
            assert "<img" not in text
            linked += len(re.findall(r'href="/console/journal/call_', text))
    assert linked > 4
    assert admin.get("/console/books/accounts/999999").status_code == 404


def test_a_bill_is_looked_at_settled_and_taken_back(office: Office, ledger: Ledger, admin: Browser) -> None:
    form = {"provider": "embedded", "text": BILL, "name": NASTY}
    looked = admin.post("/console/books/bills", None, **form)
    assert looked.status_code == 200
    assert "<img" not in looked.text
    assert office.ok("GET", "/books/bills")["bills"] == []
    kept = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', looked.text, re.DOTALL)
    assert kept is not None
    assert kept[1] == BILL, "what is settled is what was looked at"
    done = admin.post("/console/books/bills", None, **form, settle="yes")
    assert done.headers["location"] == "/console/books/bills/1"
    assert "/api/v1/books/bills/1.pdf?language=de" in admin.page("/console/books/bills/1")
    assert "embedded" in admin.page("/console/books/bills")
    assert admin.post("/console/books/bills/1", reason="").status_code == 422
    assert admin.post("/console/books/bills/1", reason="wrong month").status_code == 303
    assert "Taken back: wrong month" in admin.page("/console/books/bills/1")
    wrong = admin.post("/console/books/bills", provider="embedded", text=NASTY)
    assert wrong.status_code == 422
    assert "<img" not in wrong.text
    assert admin.get("/console/books/bills/7").status_code == 404


def test_budgets_alerts_wallets_payments(office: Office, ledger: Ledger, admin: Browser) -> None:
    ledger.call(NASTY, day("2026-04-01"), input=1)
    assert admin.post("/console/books/budgets", period="month", amount="100", hard="yes").status_code == 303
    wrong = admin.post("/console/books/budgets", period="month", amount="much")
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (422, True)
    assert "data-chart" in admin.page("/console/books/budgets")
    made = admin.post(
        "/console/books/alerts", name="full", watch="budgets", at="50, 80", mail="a@b.de", language="de"
    )
    assert "full watches from now on" in made.text
    assert [one["at"] for one in office.ok("GET", "/alerts")["alerts"] if one["name"] == "full"] == [[50, 80]]
    assert admin.post("/console/books/alerts/full/test").status_code == 303
    assert "full" in admin.page("/console/books/alerts")
    assert admin.post("/console/books/alerts/full/remove").status_code == 303
    assert (
        admin.post("/console/books/wallets", do="topup", amount="10,50", project="recht").status_code == 303
    )
    assert "10.50" in admin.page("/console/books/wallets?of=recht&period=2026-04")
    assert admin.post("/console/books/wallets", do="steal").status_code == 404
    paid = admin.post("/console/books/owed", do="payment", amount="0.01", reference="SEPA 1", reason="paid")
    assert paid.status_code == 303
    again = admin.post("/console/books/owed", do="payment", amount="0.01", reference="SEPA 1", reason="paid")
    assert again.status_code == 409


def test_a_month_under_other_tariffs(ledger: Ledger, admin: Browser) -> None:
    text = 'currency = "EUR"\n[[tariff]]\nmodel = "groß"\nprice = { input = "6", output = "30" }\n'
    tried = admin.post("/console/books/tariffs", text=text, period="2026-02")
    assert tried.status_code == 200
    assert "Would be" in tried.text
    wrong = admin.post("/console/books/tariffs", text=NASTY, period="2026-02")
    assert wrong.status_code == 422
    assert "<img" not in wrong.text


CHANGES = """
    /console/books/close/2026-02
    /console/books/documents/RW-2026-000001/reverse
    /console/books/budgets
    /console/books/alerts
    /console/books/alerts/a/test
    /console/books/alerts/a/remove
    /console/books/wallets
    /console/books/bills
    /console/books/bills/1
    /console/books/owed
    /console/books/tariffs
"""
FORM = {
    "sure": "2026-02",
    "reason": "spite",
    "period": "2026-02",
    "amount": "1",
    "name": "a",
    "watch": "budgets",
    "mail": "a@b.de",
    "do": "topup",
    "provider": "embedded",
    "text": BILL,
}


def test_who_reads_changes_nothing(office: Office, ledger: Ledger, admin: Browser) -> None:
    assert admin.cookies
    reader = Browser(office, office.key("default", "audit"))
    for path in CHANGES.split():
        assert reader.post(path, None, **FORM).status_code == 403, path
        assert admin.post(path, {"sec-fetch-site": "cross-site"}, **FORM).status_code == 403, path
    for path in ("", "/budgets", "/alerts", "/wallets", "/documents", "/owed", "/tariffs", "/margin"):
        text = reader.page(f"/console/books{path}")
        posted = re.findall(r'method="post" action="([^"]*)"', text)
        assert set(posted) <= {"/console/sign-out", "/console/preferences"}, path
    assert office.ok("GET", "/books/documents")["documents"] == []


def test_a_neighbour_sees_none_of_it(office: Office, ledger: Ledger, neighbour: str, admin: Browser) -> None:
    admin.post("/console/books/close/2026-02", sure="2026-02")
    account = office.ok("GET", "/books/balance")["accounts"][0]["id"]
    visitor = Browser(office, neighbour)
    for path in (
        f"/console/books/accounts/{account}",
        "/console/books/documents/RW-2026-000001",
    ):
        assert visitor.get(path).status_code == 404, path
    for path in ("/console/books/bills", "/console/books/close/2026-02"):
        assert visitor.get(path).status_code == 403, path
    for path in ("/console/books/documents", "/console/books/owed", "/console/journal"):
        assert "RW-2026" not in visitor.page(path)
        assert "onerror" not in visitor.page(path)
