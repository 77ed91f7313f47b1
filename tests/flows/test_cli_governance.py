"""The commands of governance against a real office on a real port."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.flows.served import Served

MEMBER = "smollm2-135m@embedded=100000"
DAY = timedelta(days=1)


def day(number: int) -> str:
    """So many days from today."""
    return str((datetime.now(UTC) + number * DAY).date())


def role(served: Served, name: str, *scopes: str) -> str:
    """A key of the admin's organisation that also has rights of the operator."""
    wanted = [part for scope in (*scopes, "operator") for part in ("--scope", scope)]
    made: str = served.cli("key", "create", "--name", name, *wanted, "--json").json()["key"]
    return made


def test_a_pool_is_made_sold_and_given_back(served: Served) -> None:
    cli = served.cli
    shown = cli("capacity", "pool", "gpus", "--member", MEMBER)
    assert "smollm2-135m@embedded 100,000" in shown.out
    cli("capacity", "tariff", "gpus", "2.50", "--json").json()
    cli("organisation", "create", "town")
    cli("project", "create", "default", "--organisation", "town")
    sell = ("capacity", "sell", "gpus", "--organisation", "town", "--from", day(0), "--to", day(10))
    sold = cli(*sell, "--tokens-per-minute", "40000")
    assert "40,000 tokens per minute of gpus for town, fee 1000.00 EUR" in sold.out
    refused = cli(*sell, "--tokens-per-minute", "60001").one_line()
    assert "has 60,000 tokens per minute free" in refused
    listed = cli("capacity", "list", "--all")
    assert "town" in listed.out
    assert "active" in listed.out
    assert cli("capacity", "list", "--json").json() == {"sales": []}
    assert cli("capacity", "pools", "--json").json()["pools"][0]["free"] == 60_000
    assert "for 1,000 a minute and day" in cli("capacity", "pools").out
    assert "paid back" in cli("capacity", "cancel", "1").out
    assert "already" in cli("capacity", "cancel", "1").one_line()
    fees = cli("books", "fees", "--organisation", "town")
    assert "sale 1 cancelled" in fees.out
    audit = cli("capacity", "audit", "--limit", "2")
    assert "sale cancelled" in audit.out
    assert "--before" in audit.out
    assert cli("books", "verify", "--all").code == 0


def test_wrong_words_are_said_before_anything_is_sent(served: Served) -> None:
    sell = ("capacity", "sell", "gpus", "--organisation", "x", "--from", day(0), "--to", day(1))
    for arguments, words in (
        (("capacity", "pool", "gpus", "--member", "smollm=1"), "llama@own-gpu=60000"),
        (sell, "--tokens-per-day"),
        ((*sell, "--tokens-per-day", "5", "--tokens-per-minute", "5"), "--tokens-per-day"),
        (("utilisation", "--days", "93"), "92"),
    ):
        ended = served.cli(*arguments)
        assert ended.code == 2
        assert words in ended.err
    ended = served.cli(
        *("capacity", "sell", "gpus", "--organisation", "x", "--from", "tomorrow", "--to", day(1)),
        *("--tokens-per-day", "5"),
    )
    assert ended.code == 2
    assert "2027-01-31" in ended.err


def test_a_draw_takes_two_people(served: Served) -> None:
    served.cli("capacity", "pool", "gpus", "--member", MEMBER)
    anna, bela = role(served, "Anna", "emergency"), role(served, "Bela", "approve")
    keep = ("reserve", "set", "gpus", "critical", "--nominal", "30000", "--draw-most", "9000")
    assert "9,000" in served.cli(*keep).out
    ask = ("reserve", "draw", "gpus", "--amount", "5000", "--minutes", "30", "--reason", "a [bold] flood")
    assert "'emergency'" in served.cli(*ask).one_line()
    asked = served.cli(*ask, key=anna)
    assert "rechenwerk reserve approve 1" in asked.out
    assert "another person" in served.cli("reserve", "approve", "1", key=anna).one_line()
    assert "standard draws 5,000" in served.cli("reserve", "approve", "1", key=bela).out
    shown = served.cli("reserve", "show").out
    assert "active" in shown
    assert "a [bold] flood" in shown
    assert (
        served.cli(
            "reserve",
            "end",
            "1",
            key=bela,
        ).out.strip()
        == "emergency draw 1 is ended"
    )
    assert served.cli("reserve", "show", "--json").json()["draws"][0]["approved_by"] == "Bela"


def test_a_grant_is_applied_for_approved_and_looked_after(served: Served) -> None:
    served.cli("capacity", "pool", "gpus", "--member", MEMBER)
    anna = role(served, "Anna", "approve")
    apply = ("grant", "apply", "gpus", "--project", "default", "--purpose", "maps", "--to", day(30))
    assert "(small, 5,000 tokens of gpus): granted" in served.cli(*apply, "--amount", "5000").out
    waits = served.cli(*apply, "--amount", "500000000")
    assert "needs 1 more: rechenwerk grant approve 2" in waits.out
    assert "granted" in served.cli("grant", "approve", "2", key=anna).out
    served.cli(*apply, "--amount", "2000000000")
    assert "declined" in served.cli("grant", "decline", "3", "--reason", "too much", key=anna).out
    listed = served.cli("grant", "list").out
    assert "maps" in listed
    assert "Anna" in listed
    assert served.cli("grant", "reclaim", "--dry-run", "--json", key=anna).json() == {
        "steps": [],
        "dry_run": True,
    }
    assert "'approve'" in served.cli("grant", "reclaim").one_line()
    assert "Idle grants" in served.cli("grant", "reclaim", key=anna).out


def test_utilisation_is_drawn_for_anybody(served: Served) -> None:
    served.cli("capacity", "pool", "gpus", "--member", MEMBER)
    shown = served.cli("utilisation", "--days", "2", key="")
    assert shown.code == 0, shown.err
    assert "gpus" in shown.out
    assert "░░░░" in shown.out
    assert len(served.cli("utilisation", "--json", key="").json()["days"]) == 7
