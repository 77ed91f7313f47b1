"""Organisations that train: office, gateway, the process that answers, the embedded embeddings."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from rechenwerk.providers.embedded_child import Embedded
from tests.flows.document_town import KEY
from tests.flows.served import Ended, Served
from tests.installation import Process, gateway_process

EXAMPLES = """
invoice | Rechnung Nr. 17 über 119,00 EUR, zahlbar bis Monatsende
invoice | please pay invoice 4711 of 35 euro within two weeks
invoice | Rechnungsbetrag 80 Euro, bitte überweisen Sie auf unser Konto
invoice | the amount due on this invoice is 12.50
offer | gern bieten wir Ihnen 20 Stühle zum Preis von je 45 Euro an
offer | our offer for the new roof is valid until May
offer | Angebot 12: Reinigung der Büros, gültig 30 Tage
offer | we are pleased to quote you for 300 chairs
complaint | die Lieferung war beschädigt und wir sind verärgert
complaint | I am not satisfied, the chair arrived broken
complaint | schon wieder zu spät geliefert, das geht so nicht
complaint | this is the third broken delivery, I want my money back
"""


def examples(text: str = EXAMPLES) -> list[dict[str, str]]:
    """Rows of a table 'label | text' as the API takes them."""
    rows = [line.split("|", 1) for line in text.strip().splitlines()]
    return [{"label": label.strip(), "text": words.strip()} for label, words in rows]


class LearningTown:
    """Asks the office and the endpoint, as the admin of 'default' or with another key."""

    def __init__(self, served: Served, gateway: Process) -> None:
        self.served = served
        self.gateway = gateway
        self.neighbour = self._neighbour()

    def _neighbour(self) -> str:
        """The key of another organisation."""
        self.ok("POST", "/organisations", json={"name": "neighbour"})
        self.ok("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
        made = self.ok(
            "POST",
            "/keys",
            json={
                "project": "default",
                "name": "other",
                "organisation": "neighbour",
                "scopes": ["inference", "documents", "keys", "books"],
            },
        )
        key: str = made["key"]
        return key

    def answer(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx2.Response:
        """One request to the office."""
        headers = {"authorization": f"Bearer {key or self.served.first.key}"}
        return httpx2.request(
            method, f"{self.served.url}/api/v1{path}", headers=headers, timeout=120, verify=False, **more
        )

    def ok(self, method: str, path: str, **more: Any) -> Any:
        """The body of an answer that must be good."""
        answer = self.answer(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **more: Any) -> str:
        """The message of an answer that must be a refusal."""
        answer = self.answer(method, path, **more)
        assert answer.status_code == status, answer.text
        message: str = answer.json()["error"]["message"]
        return message

    def train(self, name: str, rows: list[dict[str, str]], key: str | None = None, **more: Any) -> Any:
        """Add examples and train."""
        base = f"/documents/trained/{name}"
        self.ok("POST", f"{base}/examples", key=key, json={"examples": rows})
        return self.ok("POST", f"{base}/train", key=key, json={"vectors": "none", **more})

    def ask(self, model: str, text: str, key: str | None = None, **more: Any) -> httpx2.Response:
        """A chat at the public endpoint."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        headers = {"authorization": f"Bearer {key or self.served.first.key}"}
        return httpx2.post(
            f"{self.gateway.address}/v1/chat/completions", json=body, headers=headers, timeout=60
        )

    def label(self, model: str, text: str, key: str | None = None) -> Any:
        """The answer's JSON, as soon as the gateway knows the model."""
        ends = time.monotonic() + 20
        while (answer := self.ask(model, text, key)).status_code in {404, 503}:
            assert time.monotonic() < ends, answer.text
        assert answer.status_code == 200, answer.text
        return json.loads(answer.json()["choices"][0]["message"]["content"])

    def models(self, key: str | None = None) -> set[str]:
        """What the endpoint lists."""
        headers = {"authorization": f"Bearer {key or self.served.first.key}"}
        answer = httpx2.get(f"{self.gateway.address}/v1/models", headers=headers, verify=False)
        return {one["id"] for one in answer.json()["data"]}

    def booked(self, call: str) -> Any:
        """A call, once it is booked."""
        ends = time.monotonic() + 20
        while (answer := self.answer("GET", f"/books/calls/{call}")).status_code == 404:
            assert time.monotonic() < ends, answer.text
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in a loop of its own."""
        return asyncio.run(work)

    def cli(self, *arguments: str, **more: Any) -> Ended:
        """Run one command."""
        return self.served.cli(*arguments, **more)


@contextmanager
def trained_process(url: str) -> Iterator[str]:
    """The process that answers for trained models; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rechenwerk.main_trained", "--parent-pipe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "RECHENWERK_DATABASE_URL": url, "RECHENWERK_SECRET_KEY": KEY},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdin.close()
        process.stdout.close()


async def _announce(url: str, address: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "update provider set runtime_url = $1 where kind = $2", address, "embedded-embeddings"
    )
    await connection.close()


@contextmanager
def learning_town(url: str, folder: Path, child: Embedded | None = None) -> Iterator[LearningTown]:
    """A town over a fresh database."""
    served = Served(url)
    try:
        if child is not None:
            asyncio.run(_announce(url, f"{child.embeddings_url}/v1"))
        with (
            gateway_process(url, GRACE="1", SPOOL=str(folder / "spool"), ATTEMPTS="1") as gateway,
            trained_process(url),
        ):
            served.endpoint = gateway.address
            yield LearningTown(served, gateway)
    finally:
        served.close()
