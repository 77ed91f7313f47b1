"""The command line against a real office on a real port, and a real provider for chat."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.fakes.provider import Knobs, running_fake
from tests.flows.office_desk import DEFAULT
from tests.flows.served import Served


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """The default configuration as a file."""
    path = tmp_path / "rechenwerk.toml"
    path.write_text(DEFAULT, encoding="utf-8")
    return path


def test_keys_from_creation_to_revocation(served: Served) -> None:
    made = served.cli(
        *("key", "create", "--name", "app", "--scope", "inference", "--scope", "books", "--json"),
        *("--budget-day", "1.50", "--soft", "--rpm", "60", "--expires-days", "30"),
    ).json()
    assert made["key"].startswith("rw-")
    assert made["budgets"][0]["amount"] == "1.50"
    assert made["budgets"][0]["hard"] is False
    assert made["limits"]["requests_per_minute"] == 60
    assert made["expires_at"] is not None
    listed = served.cli("key", "list")
    assert made["hint"] in listed.out
    assert made["key"] not in listed.out
    assert served.cli("books", "balance", key=made["key"]).code == 0
    assert "scope 'keys'" in served.cli("key", "list", key=made["key"]).one_line()
    assert "revoked at" in served.cli("key", "revoke", "app").out
    assert "RECHENWERK_KEY" in served.cli("books", "balance", key=made["key"]).one_line()
    shown = served.cli("key", "create", "--name", "human")
    assert "shown only now" in shown.out


def test_projects_and_organisations(served: Served) -> None:
    assert served.cli("organisation", "create", "town").code == 0
    assert [one["name"] for one in served.cli("organisation", "list", "--json").json()["organisations"]] == [
        "operator",
        "default",
        "town",
    ]
    assert served.cli("project", "create", "lab [bold]", "--organisation", "town").code == 0
    budget = served.cli("project", "budget", "lab [bold]", "--amount", "5.00", "--organisation", "town")
    assert "5.00" in budget.out
    assert "lab [bold]" in served.cli("project", "list", "--organisation", "town").out
    limits = served.cli("project", "limits", "default", "--rpm", "60", "--tpm", "none", "--json").json()
    assert limits["limits"]["requests_per_minute"] == 60
    assert served.cli("project", "limits", "default").out.count("none") == 2
    removed = served.cli("project", "budget", "default", "--remove", "--json").json()
    assert removed["budgets"] == []
    assert served.cli("project", "limits", "default", "--rpm", "many").code == 2
    assert served.cli("project", "budget", "nowhere").code == 2
    assert "no project 'nowhere'" in served.cli("project", "budget", "nowhere", "--amount", "1").one_line()
    assert "amount" in served.cli("project", "budget", "default", "--amount", "much").one_line()


def test_data_classes_of_projects(served: Served) -> None:
    assert served.cli("project", "create", "files", "--data-class", "confidential").code == 0
    assert "data_class" in served.cli("project", "create", "more", "--data-class", "secret").one_line()
    assert "restricted" in served.cli("project", "data-class", "files", "restricted").out
    shown = served.cli("project", "data-class", "files", "public", "--json").json()
    assert shown["data_class"] == "public"
    assert "public" in served.cli("project", "list").out
    assert "no project 'nowhere'" in served.cli("project", "data-class", "nowhere", "public").one_line()


def test_keys_of_providers_are_read_from_standard_input(served: Served) -> None:
    command = [sys.executable, "-m", "rechenwerk", "provider", "secret", "embedded"]
    environment = {"RECHENWERK_OFFICE_URL": served.url, "RECHENWERK_KEY": served.first.key}

    def give(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, timeout=60, check=False
        )

    assert "no key on standard input" in give("\n").stderr
    ended = give("sk-very-secret\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "key of provider 'embedded' stored\n"
    listed = served.cli("provider", "list")
    assert listed.out.count("yes") == 3
    assert "very-secret" not in ended.stdout + listed.out
    removed = served.cli("provider", "secret", "embedded", "--remove", "--json").json()
    assert removed["has_secret"] is False
    assert "no provider 'nobody'" in served.cli("provider", "secret", "nobody", "--remove").one_line()


def test_apply_shows_asks_applies_and_is_idempotent(served: Served, toml: Path) -> None:
    assert "nothing to change" in served.cli("apply", str(toml)).out
    toml.write_text(DEFAULT.replace('"0.075"', '"0.08"'), encoding="utf-8")
    planned = served.cli("apply", str(toml), "--dry-run")
    assert "output 0.075 → 0.08" in planned.out
    assert len(served.cli("apply", str(toml), "--dry-run", "--json").json()["changes"]) == 1
    assert "--yes" in served.cli("apply", str(toml)).one_line()
    assert served.cli("apply", str(toml), "--json").code == 2
    assert "applied: 1 change" in served.cli("apply", str(toml), "--yes").out
    again = served.cli("apply", str(toml), "--yes", "--json").json()
    assert (again["changes"], again["applied"]) == ([], True)


def test_apply_points_at_the_line_of_every_mistake(served: Served, toml: Path, tmp_path: Path) -> None:
    toml.write_text(
        DEFAULT.replace('"0.075"', "0.08").replace('"on-demand"', '"monthly"', 1), encoding="utf-8"
    )
    ended = served.cli("apply", str(toml), "--yes")
    assert ended.code == 1
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{toml}:") for line in lines)
    wrong = served.cli("apply", str(toml), "--yes", "--json")
    assert (wrong.code, len(json.loads(wrong.out)["errors"])) == (1, 2)
    assert "cannot read" in served.cli("apply", str(tmp_path / "none.toml")).one_line()
    toml.write_bytes(b"\xff\xfe")
    assert "UTF-8" in served.cli("apply", str(toml)).one_line()


def test_books_of_a_new_installation(served: Served) -> None:
    assert served.cli("books", "balance", "--json").json()["total"]["balance"] == "0.00"
    assert served.cli("books", "journal", "--json").json()["calls"] == []
    assert served.cli("books", "verify").code == 0
    everyone = served.cli("books", "verify", "--all", "--json").json()
    assert [one["organisation"] for one in everyone["organisations"]] == ["operator", "default"]
    assert "call id" in served.cli("books", "call", "nonsense").one_line()
    assert "no call" in served.cli("books", "call", "call_0000000000000001").one_line()


def test_verify_ends_with_1_when_the_books_are_wrong(served: Served, database_url: str) -> None:
    async def damage() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "insert into guard_window (guard_id, starts_at, amount, granted, hard)"
            " select id, 'epoch', amount, 1, true from guard"
        )
        await connection.close()

    asyncio.run(damage())
    ended = served.cli("books", "verify")
    assert ended.code == 1
    assert "WRONG" in ended.out
    verified = served.cli("books", "verify", "--json")
    assert (verified.code, json.loads(verified.out)["ok"]) == (1, False)


def test_chat_streams_an_answer_and_counts_it(served: Served) -> None:
    with running_fake(Knobs(answer_text="Guten Tag", answer_tokens=2)) as fake:
        said = served.cli("chat", "--model", fake.knobs.models[0], "--once", "hello", url=fake.url)
        assert said.code == 0, said.err
        assert "Guten" in said.out
        assert "tokens in" in said.out
        answer = served.cli(
            *("chat", "--model", fake.knobs.models[0], "--once", "hello", "--system", "Be brief.", "--json"),
            url=fake.url,
        ).json()
        assert answer["usage"]["completion_tokens"] > 0
        assert answer["text"].startswith("Guten")
        fake.set_knobs({"status": 503})
        assert served.cli("chat", "--once", "hello", url=fake.url).one_line()
    assert served.cli("chat", "--json").code == 2


def test_a_conversation_is_kept_and_ends_at_quit(served: Served) -> None:
    with running_fake() as fake:
        ended = subprocess.run(
            [sys.executable, "-m", "rechenwerk", "chat", "--model", fake.knobs.models[0]],
            env={"RECHENWERK_URL": fake.url, "RECHENWERK_OFFICE_URL": served.url, "RECHENWERK_KEY": "rw-x"},
            input="first\nsecond\n/quit\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        bodies = [seen.body for seen in fake.requests if seen.body]
    assert [len(body["messages"]) for body in bodies] == [1, 3]
    assert [one["role"] for one in bodies[1]["messages"]] == ["user", "assistant", "user"]


def test_ctrl_c_ends_a_chat_cleanly(served: Served) -> None:
    with running_fake(Knobs(pace_ms=50, answer_tokens=2000)) as fake:
        chat = subprocess.Popen(
            [sys.executable, "-m", "rechenwerk", "chat", "--model", fake.knobs.models[0], "--once", "go on"],
            env={"RECHENWERK_URL": fake.url, "RECHENWERK_OFFICE_URL": served.url, "RECHENWERK_KEY": "rw-x"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert chat.stdout
        assert chat.stdout.read(5)
        chat.send_signal(signal.SIGINT)
        _, errors = chat.communicate(timeout=60)
    assert (chat.returncode, errors) == (0, b"")


def test_nobody_there_no_key_or_a_wrong_address(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    served.url = f"http://127.0.0.1:{free}"
    assert "nobody answers" in served.cli("key", "list").one_line()
    assert "nobody answers" in served.cli("chat", "--once", "x", url=served.url).one_line()
    assert "RECHENWERK_KEY" in served.cli("key", "list", key="").one_line()
    assert "characters" in served.cli("key", "list", key="rw-…").one_line()
    served.url = "not an address"
    assert "RECHENWERK_OFFICE_URL" in served.cli("key", "list").one_line()
