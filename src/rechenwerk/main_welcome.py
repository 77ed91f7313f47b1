"""The first minute: one real call through the public endpoint, its booking, and how to go on."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx2
import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from rechenwerk.base.errors import SetupError
from rechenwerk.base.ids import decode_call
from rechenwerk.base.money import format_money
from rechenwerk.identity.keys import hash_key, hint, new_key
from rechenwerk.office.first_run import FirstRun
from rechenwerk.office.journal_ports import BookedCall
from rechenwerk.office.people.routes import WELCOME
from rechenwerk.office.ports import Desk, NewKey

_MODEL = "smollm2-135m"
_KEY_NAME = "start check"
_QUESTION = "In one sentence: what is double-entry bookkeeping?"


class FirstCall(msgspec.Struct, frozen=True):
    """A call as the client saw it and as it was booked."""

    text: str
    seconds: float
    booked: BookedCall


class Welcome(msgspec.Struct, frozen=True):
    """All that is shown when the installation is ready."""

    url: str
    office_url: str
    currency: str
    founded: FirstRun | None
    call: FirstCall | None
    model: str | None
    """One that answers here; None: there is none yet."""


async def model_offered(pool: asyncpg.Pool, *, embedded: bool) -> str | None:
    """A model for an example: the embedded one while it runs, else one that a provider serves for chat."""
    found: str | None = await pool.fetchval(
        "select d.model from deployment d join provider p on p.organisation_id = d.organisation_id"
        " and p.id = d.provider_id where d.active and p.active and 'chat' = any(d.endpoints)"
        " and d.organisation_id = 0 and ($2 or p.kind not like 'embedded%')"
        " order by d.model <> $1, d.model limit 1",
        _MODEL,
        embedded,
    )
    return found


async def first_call(pool: asyncpg.Pool, desk: Desk, url: str) -> FirstCall | None:
    """Send one real completion through the public endpoint, with a key of its own that is revoked after.

    None when the installation has no project any more or the operator does not offer the embedded model.

    Raises:
        SetupError: the endpoint does not answer as it should; says what it answered.
    """
    project = await pool.fetchrow("select organisation_id, id from project order by id limit 1")
    model = await pool.fetchval("select 1 from deployment where model = $1 and active", _MODEL)
    if project is None or model is None:
        return None
    organisation = project["organisation_id"]
    key = new_key(secrets.token_bytes)
    expires = datetime.now(UTC) + timedelta(minutes=5)
    # One row for all starts: a list of keys should not grow with every restart.
    key_id = await pool.fetchval(
        "update api_key set hash = $3, hint = $4, expires_at = $5, revoked_at = null"
        " where organisation_id = $1 and project_id = $2 and name = $6 returning id",
        organisation,
        project["id"],
        hash_key(key.encode()),
        hint(key),
        expires,
        _KEY_NAME,
    )
    if key_id is None:
        row = NewKey(_KEY_NAME, hash_key(key.encode()), hint(key), ("inference",), expires)
        key_id = await desk.tenants.create_key(organisation, project["id"], row)
    try:
        return await _call(desk, organisation, url, key)
    finally:
        await desk.tenants.revoke_key(organisation, key_id, datetime.now(UTC))


async def _call(desk: Desk, organisation: int, url: str, key: str) -> FirstCall:
    body = {
        "model": _MODEL,
        "messages": [{"role": "user", "content": _QUESTION}],
        "max_tokens": 48,
        "temperature": 0,
    }
    async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}) as client:
        await _until_known(client)
        began = time.perf_counter()
        answer = await client.post("/v1/chat/completions", json=body, timeout=120)
        seconds = time.perf_counter() - began
    if answer.status_code != 200:
        raise SetupError(f"the first call failed with status {answer.status_code}: {answer.text}")
    text = answer.json()["choices"][0]["message"]["content"]
    call = await _booked(desk, organisation, decode_call(answer.headers["x-request-id"]))
    return FirstCall(text.strip(), seconds, call)


async def _until_known(client: httpx2.AsyncClient) -> None:
    """Wait until every gateway process has heard of the new key and the model (at most two seconds)."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        models = await client.get("/v1/models")
        if models.status_code == 200 and any(one["id"] == _MODEL for one in models.json()["data"]):
            return


async def _booked(desk: Desk, organisation: int, call_id: int) -> BookedCall:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        call = await desk.books.call(organisation, call_id)
        if call is not None:
            return call
    raise SetupError("the first call was answered but not booked; run 'rechenwerk doctor'")


def show(console: Console, welcome: Welcome) -> None:
    """Print it for a person."""
    if welcome.founded is not None:
        founded = welcome.founded
        console.print(
            Panel(
                f"[bold]{founded.key}[/bold]\n\n"
                f"Key [cyan]{founded.key_name}[/cyan], project [cyan]{founded.project}[/cyan], organisation"
                f" [cyan]{founded.organisation}[/cyan]. It is shown once and stored only as a hash.\n\n"
                f"Your link to the console, for seven days: [link]{welcome.office_url}{WELCOME}"
                f"?token={founded.invitation}[/link]",
                title="Your admin key",
                border_style="yellow",
            )
        )
    if welcome.call is not None:
        _show_call(console, welcome.call, welcome.currency)
    if welcome.model is None:
        _show_configuring(console, welcome)
    else:
        _show_calling(console, welcome, welcome.model)
    console.print(
        f"\nReady: models [cyan]{welcome.url}/v1[/cyan], office [cyan]{welcome.office_url}[/cyan]."
        " Ctrl-C ends it and loses nothing.",
        highlight=False,
        soft_wrap=True,
    )


def _show_calling(console: Console, welcome: Welcome, model: str) -> None:
    """How a client calls a model that answers."""
    key = welcome.founded.key if welcome.founded is not None else "$RECHENWERK_KEY"
    curl = (
        f"curl {welcome.url}/v1/chat/completions \\\n"
        f'  -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}\''
    )
    quoted = f'"{key}"' if welcome.founded is not None else 'os.environ["RECHENWERK_KEY"]'
    sdk = (
        f"{'import os' + chr(10) if welcome.founded is None else ''}"
        "from openai import OpenAI\n"
        f'client = OpenAI(base_url="{welcome.url}/v1", api_key={quoted})\n'
        "answer = client.chat.completions.create(\n"
        f'    model="{model}", messages=[{{"role": "user", "content": "Hello!"}}]\n'
        ")\n"
        "print(answer.choices[0].message.content)"
    )
    for title, code, language in (("curl", curl, "bash"), ("Python", sdk, "python")):
        console.print(f"\n[dim]{title}[/dim]")
        console.print(Syntax(code, language, background_color="default", word_wrap=False), soft_wrap=True)


def _show_configuring(console: Console, welcome: Welcome) -> None:
    """How a model comes here where none answers yet."""
    key = welcome.founded.key if welcome.founded is not None else "..."
    shell = (
        f"export RECHENWERK_KEY={key}\n"
        f"export RECHENWERK_URL={welcome.url} RECHENWERK_OFFICE_URL={welcome.office_url}\n"
        "rechenwerk apply rechenwerk.toml     # providers, deployments, tariffs\n"
        "rechenwerk chat --model MODEL         # one of its models"
    )
    console.print("\n[dim]No model answers here yet: the embedded ones were left out.[/dim]")
    console.print(Syntax(shell, "bash", background_color="default", word_wrap=False), soft_wrap=True)


def _show_call(console: Console, call: FirstCall, currency: str) -> None:
    booked = call.booked
    console.print(f"\n[dim]{_QUESTION}[/dim]\n{call.text}\n")
    usage = booked.usage
    console.print(
        f"{usage['input'] + usage['cached_input']} tokens in, {usage['output']} out, {call.seconds:.2f} s,"
        f" outcome [green]{booked.outcome}[/green]"
    )
    table = Table(title="Booked in double entry", title_justify="left", title_style="bold")
    table.add_column("debit")
    table.add_column("credit")
    table.add_column(currency, justify="right")
    for transfer in booked.transfers:
        table.add_row(transfer.debit, transfer.credit, format_money(transfer.amount))
    console.print(table)
