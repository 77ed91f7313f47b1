"""The commands of payments against a real office on a real port."""

from __future__ import annotations

from tests.flows.served import Served


def test_a_customer_pays_and_it_is_taken_back(served: Served) -> None:
    assert "is more than the 0.00 that default owes; pay no more, or say --beyond" in (
        served.cli("books", "payment", "5", "--project", "default").one_line()
    )
    paid = served.cli(
        *("books", "payment", "5", "--project", "default", "--beyond", "--reference", "RE-1", "--json")
    ).json()
    assert paid["open"] == "-5.00"
    again = ("books", "payment", "5", "--project", "default", "--beyond", "--reference", "RE-1")
    assert "the reference 'RE-1' was booked before" in served.cli(*again).one_line()
    german = served.cli("books", "receivables", "--language", "de").out
    assert "Was default schuldet, in EUR, ohne Steuer" in german
    assert "-5,00" in german
    assert "-5.00" not in german
    assert "there are en and de" in served.cli("books", "receivables", "--language", "fr").err
    voucher = str(paid["voucher"])
    assert served.cli("books", "reverse-voucher", "--reason", "another customer's", "--", voucher).code == 0
    assert served.cli("books", "receivables", "--json").json()["open"] == "0.00"
    booked = served.cli(*again)
    assert "booked as voucher" in booked.out
    assert "What default owes in EUR, without tax" in booked.out
    wrong = served.cli("books", "write-off", "1", "--reason", "insolvent")
    assert "say --beyond" in wrong.one_line()
    assert served.cli("books", "verify", "--all").code == 0


def test_a_provider_is_paid_in_advance(served: Served) -> None:
    refused = served.cli("books", "pay-provider", "embedded", "3")
    assert "3.00 is more than the 0.00 that are owed; pay that or say --beyond" in refused.one_line()
    paid = served.cli("books", "pay-provider", "embedded", "3", "--beyond")
    assert "Booked in EUR" in paid.out
    assert "-3.00" in served.cli("books", "payables").out
    assert served.cli("books", "payables", "--json").json()["payables"][0]["payable"] == "-3.00"
    assert served.cli("books", "clear-shares", "--json").json()["vouchers"] == []
    assert served.cli("books", "verify", "--all").code == 0
