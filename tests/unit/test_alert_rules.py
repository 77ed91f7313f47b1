"""What alerts tell, when, in which words, and where webhooks may go."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

import msgspec
import pytest
from standardwebhooks import Webhook

from rechenwerk.base.errors import SetupError
from rechenwerk.base.money import parse_money
from rechenwerk.office.budgets.mail import MailServer, read_server, sendable, written
from rechenwerk.office.budgets.outlook import forecast
from rechenwerk.office.budgets.ports import BudgetUse, Parcel, Rule
from rechenwerk.office.budgets.rules import of_budgets
from rechenwerk.office.budgets.webhooks import check_url, new_secret, reachable, read_networks, signature
from rechenwerk.office.budgets.words import amount_text, told

JAN_15 = datetime(2027, 1, 15, 12, tzinfo=UTC).timestamp()
RULE = Rule("a", "budgets", "mail", "a@example.org", thresholds=(50, 80, 100), organisation="town")


def use(
    amount: str, posted: str, *, held: str = "0", turned_away: str | None = None, **more: object
) -> BudgetUse:
    """A monthly budget of the project web."""
    fields: dict[str, object] = {
        "guard": 7,
        "project": "web",
        "key_id": None,
        "key": None,
        "period": "month",
        "amount": parse_money(amount),
        "hard": True,
        "wallet": False,
        "granted": 0,
        "held": parse_money(held),
        "posted": parse_money(posted),
        "turned_away": None if turned_away is None else parse_money(turned_away),
        **more,
    }
    return msgspec.convert(fields, BudgetUse)


THRESHOLDS: tuple[tuple[str, str, str, str | None, list[int], list[int]], ...] = (
    # amount, used, held, turned away -> what is sent, what is passed over
    ("100", "49.999999999", "0", None, [], []),
    ("100", "50", "0", None, [50], []),
    ("100", "80", "10", None, [80], [50]),
    ("100", "100", "0", None, [100], [50, 80]),
    ("100", "250", "0", None, [100], [50, 80]),
    ("100", "95", "0", "5.01", [100], [50, 80]),  # what is left is less than calls need
    ("100", "95", "0", "5", [80], [50]),
    ("100", "60", "39", "2", [100], [50, 80]),
    ("0", "0", "0", None, [100], [50, 80]),
)


@pytest.mark.parametrize(("amount", "posted", "held", "away", "sent", "passed"), THRESHOLDS)
def test_the_highest_threshold_that_is_passed_is_sent(
    amount: str, posted: str, held: str, away: str | None, sent: list[int], passed: list[int]
) -> None:
    found = of_budgets(RULE, [use(amount, posted, held=held, turned_away=away)], JAN_15, "EUR")
    assert [one.data["threshold"] for one in found if not one.passed_over] == sent
    assert [one.data["threshold"] for one in found if one.passed_over] == passed
    assert len({one.name for one in found}) == len(found)


def test_another_window_or_amount_is_another_cause() -> None:
    names = set()
    for amount, now in (("10", JAN_15), ("11", JAN_15), ("10", JAN_15 + 31 * 86_400)):
        (cause,) = of_budgets(msgspec.structs.replace(RULE, thresholds=(50,)), [use(amount, "9")], now, "EUR")
        names.add(cause.name)
    assert len(names) == 3


FORECASTS = (
    # used by noon of 15 January (14.5 of 31 days) -> told
    ("46.77", "100", False),
    ("46.78", "100", True),
    ("100", "100", False),  # it is passed: that is what thresholds tell
)


@pytest.mark.parametrize(("posted", "amount", "tells"), FORECASTS)
def test_a_forecast_is_told_before_the_budget_is_passed(posted: str, amount: str, tells: bool) -> None:
    rule = msgspec.structs.replace(RULE, thresholds=(), forecast=True)
    found = of_budgets(rule, [use(amount, posted)], JAN_15, "EUR")
    assert [one.kind for one in found] == ["budget.forecast"] * tells


def test_the_first_tenth_of_a_window_and_one_without_end_tell_nothing_ahead() -> None:
    first = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert forecast(10, "month", first + 3 * 86_400) is None
    assert forecast(10, "month", first + 3.1 * 86_400) == 100
    assert forecast(10, "total", first) is None


MEANT: tuple[tuple[str | None, int | None, str | None, list[str]], ...] = (
    # of the rule: project, key, period -> which of the four
    (None, None, None, ["", "web", "web/job", "shop"]),
    ("web", None, None, ["web"]),
    (None, 5, None, ["web/job"]),
    (None, None, "year", [""]),
    ("web", None, "year", []),
)


@pytest.mark.parametrize(("project", "key", "period", "names"), MEANT)
def test_a_rule_means_some_budgets(
    project: str | None, key: int | None, period: str | None, names: list[str]
) -> None:
    uses = [
        use("1", "1", project=None, period="year"),
        use("1", "1"),
        use("1", "1", key_id=5, key="job"),
        use("1", "1", project="shop"),
        use("1", "1", wallet=True, period="total"),
    ]
    rule = msgspec.structs.replace(RULE, thresholds=(100,), project=project, key_id=key, period=period)
    found = of_budgets(rule, uses, JAN_15, "EUR")
    shown = ["/".join(part for part in (one.data["project"], one.data["key"]) if part) for one in found]
    assert shown == names


WALLETS: tuple[tuple[str, str, str | None, list[str]], ...] = (
    ("10", "4", None, []),
    ("10", "5.01", None, ["wallet.low"]),
    ("10", "10", None, ["wallet.empty"]),
    ("10", "9", "1.5", ["wallet.empty"]),
)


@pytest.mark.parametrize(("amount", "posted", "away", "kinds"), WALLETS)
def test_a_wallet_is_low_and_then_empty(amount: str, posted: str, away: str | None, kinds: list[str]) -> None:
    rule = Rule("a", "wallets", "mail", "a@example.org", below=parse_money("5"))
    wallet = use(amount, posted, turned_away=away, wallet=True, period="total")
    found = of_budgets(rule, [wallet, use("1", "1")], JAN_15, "EUR")
    assert [one.kind for one in found if not one.passed_over] == kinds


# -- words -------------------------------------------------------------------------------------------


def test_money_and_mails_are_written_in_the_language_of_who_reads() -> None:
    assert amount_text("1234567.5", "EUR", "en") == "1,234,567.50 EUR"
    assert amount_text("1234567.123456789", "EUR", "de") == "1.234.567,123456789 EUR"
    (cause,) = of_budgets(
        msgspec.structs.replace(RULE, thresholds=(80,)), [use("1000", "812.5")], JAN_15, "EUR"
    )
    subject, text = told(cause.kind, cause.data, "de")
    assert subject == "Monatsbudget von web: 81 % verbraucht"
    assert "812,50 EUR von 1.000,00 EUR sind verbraucht; 187,50 EUR sind frei" in text
    subject, text = told(cause.kind, cause.data, "en")
    assert subject == "Monthly budget of web: 81 % used"
    assert "812.50 EUR of 1,000.00 EUR are used; 187.50 EUR are left" in text


def test_a_mail_is_the_same_however_often_it_is_sent_and_no_name_makes_a_header() -> None:
    data = {"organisation": "town", "alert": "x\r\nBcc: all@example.org", "asked_by": "admin"}
    parcel = Parcel(1, "msg_abc", "test", data, datetime(2027, 1, 1, tzinfo=UTC), 1, RULE)
    first, second = (written(parcel, "alerts@example.org") for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"] == "<msg_abc@example.org>"
    assert first["Subject"] == "Test of the alert x Bcc: all@example.org"
    assert first["Bcc"] is None


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("a@example.org", True),
        ("first.last+tag@sub.example.org", True),
        ("a", False),
        ("@example.org", False),
        ("a@", False),
        ("a@b@example.org", False),
        ("a@example.org,b@example.org", False),
        ("a@example.org\r\nBcc: b@example.org", False),
        ("Somebody <a@example.org>", False),
    ],
)
def test_one_address_is_one_address(address: str, good: bool) -> None:
    assert sendable(address) is good


def test_the_mail_server_is_read_from_its_address() -> None:
    found = read_server("smtp://me:p%40ss@mail.example.org", "alerts@example.org")
    assert found == MailServer("smtp", "mail.example.org", 587, "me", "p@ss", "alerts@example.org")
    assert "p@ss" not in repr(found)
    assert read_server("", "") is None
    for url, sender in (("http://x", "a@b.de"), ("smtp://", "a@b.de"), ("smtp://h:99999", "a@b.de")):
        with pytest.raises(SetupError, match="RECHENWERK_SMTP_URL"):
            read_server(url, sender)
    with pytest.raises(SetupError, match="RECHENWERK_SMTP_FROM"):
        read_server("smtp://h", "")


# -- webhooks ----------------------------------------------------------------------------------------


def test_signatures_are_those_of_the_standards_own_library() -> None:
    secret = new_secret(lambda count: bytes(range(count)))
    body = b'{"type":"test"}'
    theirs = Webhook(secret).sign("msg_1", datetime.fromtimestamp(1_800_000_000, UTC), body.decode())
    assert signature(secret, "msg_1", 1_800_000_000, body) == theirs


ADDRESSES = (
    ("93.184.216.34", True),
    ("2606:2800:220:1:248:1893:25c8:1946", True),
    ("127.0.0.1", False),
    ("10.0.0.1", False),
    ("172.16.0.1", False),
    ("192.168.1.1", False),
    ("169.254.169.254", False),  # the metadata service of clouds
    ("100.64.0.1", False),
    ("0.0.0.0", False),
    ("224.0.0.1", False),
    ("255.255.255.255", False),
    ("::1", False),
    ("::", False),
    ("fe80::1", False),
    ("fd00::1", False),
    ("ff02::1", False),
    ("::ffff:127.0.0.1", False),
    ("::ffff:93.184.216.34", True),
    ("64:ff9b::7f00:1", False),  # 127.0.0.1 behind NAT64
    ("2002:7f00:1::", False),  # 127.0.0.1 behind 6to4
    ("10.1.2.3", True),  # what the operator allows
    ("10.2.0.1", False),
)


@pytest.mark.parametrize(("address", "may"), ADDRESSES)
def test_webhooks_reach_public_addresses_and_what_the_operator_allows(address: str, may: bool) -> None:
    allowed = read_networks("10.1.0.0/16, fd12::/16")
    assert reachable(ipaddress.ip_address(address), allowed) is may


def test_networks_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(SetupError, match=r"RECHENWERK_WEBHOOK_NETWORKS: .*10\.0\.0\.1/8"):
        read_networks("10.0.0.1/8")


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example.org/hook?x=1", True),
        ("http://10.1.0.1:8080/", True),
        ("https://[::1]/", True),
        ("ftp://example.org", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https://me:secret@example.org", False),
        ("https://example.org:99999/", False),
        ("https://example.org/a b", False),
        ("https://example.org/\r\nx: y", False),
        ("example.org", False),
    ],
)
def test_what_is_no_address_for_a_webhook(url: str, good: bool) -> None:
    assert (check_url(url) == "") is good
