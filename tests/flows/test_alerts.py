"""Alerts reach people: told once, kept until taken, signed, in their language, nowhere they may not go."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from standardwebhooks import Webhook, WebhookVerificationError

from rechenwerk.base.money import NANO
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.office.budgets.courier import CLAIM, RETRIES, Courier
from rechenwerk.office.budgets.mail import Mails, MailServer, read_server
from rechenwerk.office.budgets.sending import Sender
from rechenwerk.office.budgets.webhooks import Webhooks, read_networks
from rechenwerk.store.budgets.alerts import StoredAlerts
from tests.fakes.receivers import Hook, running_hook, running_mailbox, tls_for
from tests.flows.office_desk import SECRET_KEY, Bookkeeper, Office

HERE = "127.0.0.0/8"
WHEN_ENTERED = f"{HERE},169.254.0.0/16"
"""What the operator allowed when alerts were entered; what he allows when they are sent is the courier's."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with running_hook() as hook:
        yield hook


class Post:
    """The courier of an office, and what the tests ask of it."""

    def __init__(self, office: Office, networks: str = HERE, mails: Sender | None = None) -> None:
        self.office = office
        office.clock.at = time.time()
        inside = office.app.state.office
        office.app.state.office = msgspec.structs.replace(
            inside, webhook_networks=read_networks(WHEN_ENTERED)
        )
        senders: Mapping[str, Sender] = {
            "webhook": Webhooks(SecretBox(SECRET_KEY), read_networks(networks)),
            "mail": mails or Mails(None),
        }
        self.courier = Courier(office.app.state.office, senders)

    def add(self, key: str = "", **body: Any) -> Any:
        return self.office.ok("POST", "/alerts", key, json={"name": "a", **body})

    def look(self) -> int:
        return self.office.runner.run(self.courier.look())

    def deliver(self) -> int:
        return self.office.runner.run(self.courier.deliver())

    def log(self) -> list[Any]:
        found: list[Any] = self.office.ok("GET", "/alerts/log")["notices"]
        return found

    def wait(self, seconds: float) -> None:
        self.office.clock.at += seconds


def spend(bookkeeper: Bookkeeper, euros: int) -> None:
    bookkeeper.post(bookkeeper.hold("default", euros * NANO), "posted", euros * NANO, 1)


def test_a_threshold_is_told_once_signed_and_again_until_somebody_takes_it(
    office: Office, bookkeeper: Bookkeeper, hook: Hook
) -> None:
    post = Post(office)
    secret = post.add(webhook=hook.url)["secret"]
    assert post.look() == 0
    spend(bookkeeper, 55)  # of 100
    assert (post.look(), post.look()) == (1, 0)
    hook.answers = [500, 302, 200]
    for retry in RETRIES[:2]:
        assert post.deliver() == 0
        assert post.deliver() == 0  # not before its time
        post.wait(retry)
    assert "answered 302; redirects are not followed" in post.log()[0]["answer"]
    assert post.deliver() == 1
    assert post.deliver() == 0
    assert [len(hook.received), {headers.get("followed") for headers, _ in hook.received}] == [3, {None}]
    (headers, body), *others = hook.received
    for one in ((headers, body), *others):
        Webhook(secret).verify(one[1], one[0])
        assert one[0]["webhook-id"] == headers["webhook-id"]
        assert one[1] == body
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"55", b"56"), headers)
    told = json.loads(body)
    assert told["type"] == "budget.threshold"
    assert (told["data"]["threshold"], told["data"]["used"], told["data"]["left"]) == (50, "55.00", "45.00")
    (notice,) = post.log()
    assert (notice["state"], notice["attempts"], notice["answer"]) == ("delivered", 3, "answered 200")
    spend(bookkeeper, 45)
    assert post.look() == 2
    assert post.deliver() == 1  # 100 %; that 80 % was passed at the same time is kept, not sent
    assert [(one["data"]["threshold"], one["state"]) for one in post.log()] == [
        (100, "delivered"),
        (80, "passed over"),
        (50, "delivered"),
    ]


def test_who_dies_while_he_sends_leaves_it_to_the_next(
    office: Office, bookkeeper: Bookkeeper, hook: Hook
) -> None:
    post = Post(office)
    post.add(webhook=hook.url)
    spend(bookkeeper, 55)
    assert post.look() == 1
    now = office.app.state.office.now()
    until = type(now).fromtimestamp(office.clock.at + CLAIM, now.tzinfo)
    outbox = StoredAlerts(office.pool)
    (claimed,) = office.runner.run(outbox.claim(now, until, 10))  # and then nothing is heard of it
    assert post.deliver() == 0
    post.wait(CLAIM)
    assert post.deliver() == 1
    assert hook.received[0][0]["webhook-id"] == claimed.message_id


def test_two_couriers_never_send_the_same(office: Office, bookkeeper: Bookkeeper, hook: Hook) -> None:
    post = Post(office)
    for number in range(12):
        post.add(name=f"a{number}", webhook=hook.url)
    spend(bookkeeper, 55)

    async def both() -> int:
        looked = await asyncio.gather(post.courier.look(), post.courier.look())
        taken = await asyncio.gather(post.courier.deliver(), post.courier.deliver())
        assert sum(looked) == sum(taken) == 12
        return len({headers["webhook-id"] for headers, _ in hook.received})

    assert office.runner.run(both()) == len(hook.received) == 12


def test_what_nobody_takes_is_given_up_after_days(office: Office, hook: Hook) -> None:
    post = Post(office)
    post.add(webhook=hook.url, watch="wallets")
    office.ok("POST", "/wallets", json={})
    assert post.look() == 1  # empty from the first
    hook.answers = [503] * 20
    for retry in (*RETRIES, 1):
        assert post.deliver() == 0
        post.wait(retry)
    (notice,) = post.log()
    assert (notice["state"], notice["attempts"], notice["next_at"]) == ("given up", len(RETRIES) + 1, None)
    assert post.deliver() == 0
    assert sum(RETRIES) > 3 * 86_400


def test_a_receiver_that_wants_no_more_is_not_asked_again(office: Office, hook: Hook) -> None:
    post = Post(office)
    post.add(webhook=hook.url)
    hook.answers = [410]
    shown = office.ok("POST", "/alerts/a/test")
    assert (shown["state"], shown["kind"]) == ("waiting", "test")
    assert post.deliver() == 0
    assert post.log()[0]["state"] == "given up"


@pytest.mark.parametrize(
    ("networks", "url", "why"),
    [
        ("", "https://127.0.0.1:{port}/", "that is not public"),
        ("", "https://localhost:{port}/", "that is not public"),
        ("", "https://169.254.169.254/latest/meta-data", "that is not public"),
        ("", "https://[::ffff:127.0.0.1]:{port}/", "that is not public"),
        ("", "https://2130706433:{port}/", "not"),  # 127.0.0.1 as one number
        ("10.0.0.0/8", "http://127.0.0.1:{port}/", "that is not public"),
        ("", "https://nowhere.invalid/", "is not found"),
    ],
)
def test_a_webhook_reaches_nothing_that_it_may_not(
    office: Office, hook: Hook, networks: str, url: str, why: str
) -> None:
    post = Post(office, networks)
    post.add(webhook=url.format(port=hook.url.split(":")[2].split("/")[0]))
    office.ok("POST", "/alerts/a/test")
    assert post.deliver() == 0
    assert why in post.log()[0]["answer"]
    assert hook.received == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
    ],
)
def test_a_webhook_that_may_not_be_reached_is_refused_when_it_is_entered(office: Office, url: str) -> None:
    error = office.refused(422, "POST", "/alerts", json={"name": "a", "webhook": url})
    assert error["param"] == "webhook"
    assert "that is not public" in error["message"]
    assert office.ok("GET", "/alerts")["alerts"] == []


@pytest.mark.parametrize(("shown", "taken"), [("localhost", 1), ("elsewhere.example.org", 0)])
def test_the_certificate_is_of_the_name_though_the_address_is_called(
    office: Office, tmp_path: Path, shown: str, taken: int
) -> None:
    offered, trust = tls_for(tmp_path, x509.DNSName(shown))
    with running_hook(tls=offered) as hook:
        post = Post(office)
        sender = Webhooks(SecretBox(SECRET_KEY), read_networks(f"{HERE},::1/128"), trust)
        post.courier = Courier(office.app.state.office, {"webhook": sender})
        post.add(webhook=hook.url)
        office.ok("POST", "/alerts/a/test")
        assert post.deliver() == taken
        assert len(hook.received) == taken
        if taken:
            assert hook.received[0][0]["host"] == hook.url.split("/")[2]
        else:
            assert "certificate" in post.log()[0]["answer"]


def test_tests_are_bounded(office: Office) -> None:
    post = Post(office)
    post.add(mail="a@example.org")
    for _ in range(20):
        office.ok("POST", "/alerts/a/test")
    office.refused(429, "POST", "/alerts/a/test")
    post.wait(3_601)
    office.ok("POST", "/alerts/a/test")


def test_mails_go_out_sealed_in_the_recipients_language_and_again_when_refused(
    office: Office, bookkeeper: Bookkeeper, tmp_path: Path
) -> None:
    with running_mailbox(tmp_path) as box:
        server = read_server(f"smtp://rechenwerk:secret@127.0.0.1:{box.port}", "alerts@example.org")
        post = Post(office, mails=Mails(server, box.trust))
        post.add(mail="controller@example.org", language="de", at=[80])
        post.add(name="b", mail="boss@example.org", at=[80])
        spend(bookkeeper, 85)
        assert post.look() == 2
        box.refuse = 2
        assert post.deliver() == 0
        assert "451" in post.log()[0]["answer"]
        post.wait(RETRIES[0])
        assert post.deliver() == 2
        assert box.sealed == [True, True]
        german, english = sorted(box.mails, key=lambda mail: str(mail["To"]), reverse=True)
        assert german["Subject"] == "Monatsbudget von default: 85 % verbraucht"
        assert "85,00 EUR von 100,00 EUR sind verbraucht" in german.get_content()
        assert english["Subject"] == "Monthly budget of default: 85 % used"
        assert english["Message-ID"] != german["Message-ID"]
        assert english["From"] == "alerts@example.org"


def test_a_mail_never_goes_out_in_the_clear_instead(office: Office, tmp_path: Path) -> None:
    with running_mailbox(tmp_path, tls=False) as box:
        server = MailServer("smtp", "127.0.0.1", box.port, "", "", "alerts@example.org")
        post = Post(office, mails=Mails(server))
        post.add(mail="a@example.org")
        office.ok("POST", "/alerts/a/test")
        assert post.deliver() == 0
        assert "STARTTLS" in post.log()[0]["answer"]
        assert box.mails == []
        plain = MailServer("smtp+plain", "127.0.0.1", box.port, "", "", "alerts@example.org")
        other = Post(office, mails=Mails(plain))
        other.wait(RETRIES[0] + 1)
        assert other.deliver() == 1
        assert box.sealed == [False]


def test_without_a_mail_server_mails_wait_and_say_why(office: Office) -> None:
    post = Post(office)
    post.add(mail="a@example.org")
    office.ok("POST", "/alerts/a/test")
    assert post.deliver() == 0
    (notice,) = post.log()
    assert (notice["state"], notice["answer"]) == (
        "waiting",
        "this installation has no mail server; set RECHENWERK_SMTP_URL",
    )


CONTRACT = """
[[provider]]
name = "cloud"
kind = "openai"
base_url = "https://cloud.example.org/v1"
[[contract]]
name = "credit"
provider = "cloud"
kind = "prepaid-credit"
starts = 2026-01-01
ends = {ends}
balance = "100"
"""


def test_contracts_and_concentration_go_the_same_way(office: Office, hook: Hook) -> None:
    post = Post(office)
    soon = time.strftime("%Y-%m-%d", time.gmtime(office.clock.at + 9 * 86_400))
    text = 'currency = "EUR"\n' + CONTRACT.format(ends=soon)
    office.ok("POST", "/apply", json={"text": text, "organisation": "default"})
    post.add(webhook=hook.url, watch="contracts")
    assert post.look() > 0
    assert post.look() == 0
    assert post.deliver() > 0
    told = [json.loads(body) for _, body in hook.received]
    assert {one["type"] for one in told} == {"contract.warning"}
    assert {one["data"]["contract"] for one in told} == {"credit"}
    assert "ends" in {one["data"]["warning"] for one in told}


def test_a_removed_alert_tells_nobody(office: Office, bookkeeper: Bookkeeper, hook: Hook) -> None:
    post = Post(office)
    post.add(webhook=hook.url)
    spend(bookkeeper, 55)
    assert post.look() == 1
    assert office.ok("DELETE", "/alerts/a")["alerts"] == []
    assert (post.deliver(), post.look()) == (0, 0)
    assert post.log()[0]["answer"] == "the alert was removed"
    post.add(webhook=hook.url)  # the name is free again, and so is what it tells
    assert (post.look(), post.deliver()) == (1, 1)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 422, "webhook"),
        ({"webhook": "https://example.org", "mail": "a@example.org"}, 422, "webhook"),
        ({"webhook": "gopher://example.org"}, 422, "webhook"),
        ({"mail": "a@example.org, b@example.org"}, 422, "mail"),
        ({"mail": "a@example.org", "at": [0]}, 422, "at.0"),
        ({"mail": "a@example.org", "below": "1"}, 422, "below"),
        ({"mail": "a@example.org", "watch": "wallets", "at": [50]}, 422, "at"),
        ({"mail": "a@example.org", "watch": "contracts", "project": "default"}, 422, "project"),
        ({"mail": "a@example.org", "language": "fr"}, 422, "language"),
        ({"mail": "a@example.org", "project": "nowhere"}, 404, "project"),
    ],
)
def test_an_alert_that_makes_no_sense_is_refused(
    office: Office, body: dict[str, Any], status: int, param: str
) -> None:
    assert office.refused(status, "POST", "/alerts", json={"name": "a", **body})["param"] == param
    assert office.ok("GET", "/alerts")["alerts"] == []


def test_a_neighbour_hears_and_sees_nothing_of_ours(
    office: Office, neighbour: str, bookkeeper: Bookkeeper
) -> None:
    with ExitStack() as stack:
        mine, theirs = (stack.enter_context(running_hook()) for _ in range(2))
        post = Post(office)
        post.add(webhook=mine.url)
        post.add(neighbour, webhook=theirs.url)  # the same name in another organisation
        office.refused(
            403,
            "POST",
            "/alerts",
            neighbour,
            json={"name": "c", "watch": "concentration", "webhook": theirs.url},
        )
        spend(bookkeeper, 55)
        assert (post.look(), post.deliver()) == (1, 1)
        assert (len(mine.received), len(theirs.received)) == (1, 0)
        assert office.ok("GET", "/alerts/log", neighbour)["notices"] == []
        assert [one["target"] for one in office.ok("GET", "/alerts", neighbour)["alerts"]] == [theirs.url]
        for method, path in (("GET", "/alerts"), ("GET", "/alerts/log"), ("DELETE", "/alerts/a")):
            office.refused(404, method, path, neighbour, params={"organisation": "default"})
        office.ok("DELETE", "/alerts/a", neighbour)
        assert [one["name"] for one in office.ok("GET", "/alerts")["alerts"]] == ["a"]
        office.refused(403, "GET", "/alerts", office.key("default", "books"))


def test_a_secret_is_shown_once_and_rests_sealed(office: Office, hook: Hook) -> None:
    post = Post(office)
    secret = post.add(webhook=hook.url)["secret"]
    assert secret.startswith("whsec_")
    assert secret not in json.dumps(office.ok("GET", "/alerts"))
    (row,) = office.sql("select secret from alert")
    assert secret.encode() not in row["secret"]
    office.sql("update alert set name = 'b'")  # what is sealed opens in its own row only
    office.ok("POST", "/alerts/b/test")
    assert post.deliver() == 0
    assert hook.received == []
