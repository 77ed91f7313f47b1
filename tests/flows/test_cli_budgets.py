"""The commands of budgets, wallets and alerts: an office on a real port, and a whole `serve` that tells."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standardwebhooks import Webhook

from tests.fakes.receivers import running_hook
from tests.flows.served import Served


def test_budgets_are_a_tree(served: Served) -> None:
    assert served.cli("project", "create", "web").code == 0
    made = served.cli(
        *("key", "create", "--name", "night job", "--project", "web", "--budget-week", "3", "--json"),
        *("--budget-quarter", "20", "--budget-year", "70"),
    ).json()
    assert [one["period"] for one in made["budgets"]] == ["quarter", "week", "year"]
    assert served.cli("budget", "set", "500", "--period", "year").code == 0
    assert served.cli("budget", "set", "80", "--project", "web", "--soft").code == 0
    assert served.cli("budget", "set", "4", "--key", "night job", "--period", "week").code == 0
    lines = served.cli("budget", "list").out.splitlines()
    order = [
        next(number for number, line in enumerate(lines) if word in line)
        for word in ("500.00", "── default", "── web", "── night job")
    ]
    assert order == sorted(order)
    (week,) = [line for line in lines if "night job" in line]
    assert "week" in week
    assert "4.00" in week
    assert "░" * 20 in week
    assert "soft" in next(line for line in lines if "── web" in line)
    shown = served.cli("budget", "set", "--remove", "--period", "year", "--json").json()
    assert "year" not in {one["period"] for one in shown["budgets"] if one["project"] is None}
    assert served.cli("budget", "set").code == 2
    assert served.cli("budget", "set", "1", "--remove").code == 2
    assert "period" in served.cli("budget", "set", "1", "--period", "decade").one_line()
    assert "no key 'nobody'" in served.cli("budget", "set", "1", "--key", "nobody").one_line()


def test_a_wallet_from_opening_to_closing(served: Served) -> None:
    assert "empty" in served.cli("wallet", "open").out
    paid = served.cli("wallet", "topup", "100", "--reference", "RE-1")
    assert "booked as voucher" in paid.out
    assert "100.00" in paid.out
    assert "booked before" in served.cli("wallet", "topup", "100", "--reference", "RE-1").one_line()
    assert "pay back no more than is free" in served.cli("wallet", "refund", "200").one_line()
    assert served.cli("wallet", "refund", "40", "--json").json()["wallets"][0]["left"] == "60.00"
    german = served.cli("wallet", "statement", "--language", "de").out
    assert "Kontoauszug des Guthabens von default" in german
    assert "Einzahlung" in german
    assert "Endsaldo" in german
    assert "closing balance" in served.cli("wallet", "statement").out
    assert "pay it back first" in served.cli("wallet", "close").one_line()
    assert served.cli("wallet", "refund").code == 0
    assert served.cli("wallet", "close", "--json").json()["wallets"] == []
    assert "no wallet" in served.cli("wallet", "statement").one_line()
    assert served.cli("wallet", "statement", "--language", "fr").code == 2
    assert served.cli("books", "verify").code == 0


def test_alerts_from_adding_to_removing(served: Served) -> None:
    made = served.cli(
        "alert", "add", "over", "--webhook", "https://example.org/hook", "--forecast", "--at", "75"
    )
    assert "whsec_" in made.out
    assert "shown only now" in made.out
    listed = served.cli("alert", "list").out
    assert "75 %, forecast" in listed
    assert "whsec_" not in listed
    mail = served.cli("alert", "add", "low", "--watch", "wallets", "--below", "20", "--mail", "a@example.org")
    assert "below 20.00" in mail.out
    assert "whsec_" not in mail.out
    assert "another name" in served.cli("alert", "add", "low", "--mail", "a@example.org").one_line()
    assert "one of them" in served.cli("alert", "add", "none").one_line()
    assert served.cli("alert", "remove", "over").code == 0
    assert [one["name"] for one in served.cli("alert", "list", "--json").json()["alerts"]] == ["low"]
    assert "no alert 'over'" in served.cli("alert", "test", "over").one_line()
    assert served.cli("alert", "log", "--json").json()["notices"] == []


@contextmanager
def installation(folder: Path, **environment: str) -> Iterator[dict[str, str]]:
    """A whole installation without models; what it says when it is ready."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = ["--port", str(one.getsockname()[1]), "--office-port", str(other.getsockname()[1])]
    command = [sys.executable, "-m", "rechenwerk", "serve", "--without-model", "--json", *ports]
    program = subprocess.Popen(
        [*command, "--data-dir", str(folder)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    try:
        yield json.loads(program.stdout.readline())
    finally:
        program.terminate()
        program.wait(60)
        program.stdout.close()


def test_a_running_installation_tells(tmp_path: Path) -> None:
    """The office's own courier: nobody but `serve` looks, signs and sends."""
    with (
        running_hook([500]) as hook,
        installation(tmp_path / "data", RECHENWERK_WEBHOOK_NETWORKS="127.0.0.0/8") as line,
    ):

        def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "rechenwerk", *arguments],
                env={
                    **os.environ,
                    "RECHENWERK_OFFICE_URL": line["office_url"],
                    "RECHENWERK_KEY": line["key"],
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        secret = json.loads(cli("alert", "add", "hook", "--webhook", hook.url, "--json").stdout)["secret"]
        refused = cli("alert", "test", "hook")
        assert refused.returncode == 1
        assert "waiting; answered 500" in refused.stdout
        assert cli("alert", "test", "hook").returncode == 0
        headers, body = hook.received[-1]
        assert Webhook(secret).verify(body, headers)["type"] == "test"
        assert "delivered" in cli("alert", "log").stdout
