"""A town that works on documents: office, gateway, a provider with constrained JSON, worker processes."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from rechenwerk.base.clock import SystemClock
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.office_ports import Setup
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.main_documents_keeper import JobBell
from rechenwerk.main_documents_office import mount_documents
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.office.app import create_app
from rechenwerk.office.budgets.webhooks import Webhooks, read_networks
from rechenwerk.store.control import open_desk
from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.fakes.receivers import Hook, running_hook
from tests.flows.served import Ended, Served
from tests.installation import CONFIG, Process, gateway_process

KEY = base64.b64encode(bytes(32)).decode()
"""What `served.Served` seals with."""
INVOICE = """Stadtwerke Musterstadt GmbH
Rechnung
Rechnungsnummer: {number}
Rechnungsdatum: 03.04.2025
Gesamtbetrag: 119,00 EUR
Gesamtbetrag: 120,00 EUR
"""


class WorkerProcess:
    """A worker in a process of its own."""

    def __init__(self, url: str, endpoint: str, models: Path | None = None, **environment: str) -> None:
        options = () if models is None else ("--models", str(models))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rechenwerk.main_documents", "--url", endpoint, "--parent-pipe", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "RECHENWERK_DATABASE_URL": url,
                "RECHENWERK_SECRET_KEY": KEY,
                "RECHENWERK_DOCUMENTS_LEASE": "2",
                **environment,
            },
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert json.loads(line)["pid"] == self.process.pid

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=30)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class DocumentTown:
    """Asks the office, as the admin or with another key."""

    def __init__(self, url: str, served: Served, fake: FakeProvider, gateway: Process) -> None:
        self.url = url
        self.served = served
        self.fake = fake
        self.gateway = gateway
        self.hook = Hook()
        self._workers: list[WorkerProcess] = []

    def worker(self, models: Path | None = None, **environment: str) -> WorkerProcess:
        """One more worker; with a folder of models it reads scans."""
        worker = WorkerProcess(self.url, self.gateway.address, models, **environment)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()

    def answer(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx2.Response:
        """One request to the routes of documents."""
        headers = {"authorization": f"Bearer {key or self.served.first.key}"}
        address = f"{self.served.url}/api/v1/documents{path}"
        return httpx2.request(method, address, headers=headers, timeout=60, verify=False, **more)

    def ok(self, method: str, path: str, **more: Any) -> Any:
        """The body of an answer that must be good."""
        answer = self.answer(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **more: Any) -> Any:
        """The error of an answer that must be a refusal."""
        answer = self.answer(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]

    def job(self, **fields: Any) -> int:
        """A new job."""
        made: int = self.ok("POST", "/jobs", json={"schema": "invoice", "model": "fake-model", **fields})[
            "id"
        ]
        return made

    def upload(self, job: int, name: str, data: bytes | str) -> Any:
        """Add a file."""
        content = data.encode() if isinstance(data, str) else data
        return self.ok("POST", f"/jobs/{job}/files", params={"name": name}, content=content)

    def invoices(self, job: int, number: int) -> None:
        """Add so many different invoices."""
        for at in range(number):
            self.upload(job, f"rechnung-{at}.txt", INVOICE.format(number=f"R-2025-{at:04}"))

    def wait(self, job: int, *states: str, seconds: float = 60) -> Any:
        """The job, once it is in one of the states."""
        ends = time.monotonic() + seconds
        while True:
            found = self.ok("GET", f"/jobs/{job}")
            if found["state"] in states:
                return found
            assert time.monotonic() < ends, found

    def events(self, job: int) -> Iterator[Any]:
        """What a browser sees of a job, until it has ended."""
        headers = {"authorization": f"Bearer {self.served.first.key}"}
        address = f"{self.served.url}/api/v1/documents/jobs/{job}/events"
        with httpx2.stream("GET", address, headers=headers, timeout=120, verify=False) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def until(self, job: int, seconds: float = 60, **documents: int) -> Any:
        """The job, once it has at least so many documents of these states."""
        ends = time.monotonic() + seconds
        while True:
            found = self.ok("GET", f"/jobs/{job}")
            if all(found["documents"][state] >= number for state, number in documents.items()):
                return found
            assert time.monotonic() < ends, found

    def until_reason(self, job: int, seconds: float = 60) -> Any:
        """The job, once it says what it waits for."""
        ends = time.monotonic() + seconds
        while not (found := self.ok("GET", f"/jobs/{job}"))["reason"]:
            assert time.monotonic() < ends, found
        return found

    def settled(self, job: int, seconds: float = 30) -> Any:
        """The job, once all its calls stand in the books."""
        ends = time.monotonic() + seconds
        while (found := self.ok("GET", f"/jobs/{job}"))["held"] != "0.00":
            assert time.monotonic() < ends, found
        return found

    def until_revoked(self, key: int, seconds: float = 30) -> None:
        """Wait until a key opens nothing any more."""
        ends = time.monotonic() + seconds
        while not next(one for one in self.office("GET", "/keys")["keys"] if one["id"] == key)["revoked_at"]:
            assert time.monotonic() < ends

    def lease_over(self, job: int, seconds: float = 30) -> None:
        """Wait until the lease of whoever had the job's documents is over."""
        query = "select count(*) from job_document where job_id = $1 and lease_until > now()"

        async def look() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                async with asyncio.timeout(seconds):
                    while await connection.fetchval(query, job):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
            finally:
                await connection.close()

        asyncio.run(look())

    def office(self, method: str, path: str, **more: Any) -> Any:
        """The office's answer beside documents."""
        headers = {"authorization": f"Bearer {self.served.first.key}"}
        address = f"{self.served.url}/api/v1{path}"
        json = more.pop("json", None)
        answer = httpx2.request(method, address, headers=headers, json=json, params=more, verify=False)
        assert answer.is_success, answer.text
        return answer.json()

    def archive(self, files: dict[str, str]) -> bytes:
        """A ZIP of these."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return out.getvalue()

    def type(self, *words: str, **environment: str) -> str:
        """Run a command in a process of its own, with keys typed; what it printed.

        Args:
            words: the keys, one a line, and from "docs" on the command.
            environment: of the process, beside ours.
        """
        at = words.index("docs")
        options = ("--office-url", self.served.url, "--key", self.served.first.key)
        done = subprocess.run(
            [sys.executable, "-m", "rechenwerk", *options, *words[at:]],
            input="".join(f"{key}\n" for key in words[:at]),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ring(self) -> None:
        """Tell what is to be told, as `serve` does."""

        async def once() -> None:
            async with asyncpg.create_pool(self.url, min_size=1, max_size=2) as pool:
                app = create_app(
                    open_desk(pool), SystemClock(), secrets.token_bytes, box=SecretBox(bytes(32))
                )
                office = mount_documents(app, pool, self.url, LazyViewer(), WriterProcess(), Setup())
                sender = Webhooks(app.state.office.box, read_networks("127.0.0.0/8"))
                await JobBell(office, sender).ring()

        asyncio.run(once())

    def cli(self, *arguments: str, **more: Any) -> Ended:
        """Run one command."""
        return self.served.cli(*arguments, **more)


@contextmanager
def document_town(url: str, folder: Path, knobs: Knobs | None = None) -> Iterator[DocumentTown]:
    """A town over a fresh database."""
    served = Served(url)
    try:
        with running_fake(knobs) as fake:
            text = CONFIG.format(url=fake.base_url, kind="openai-compatible")
            headers = {"authorization": f"Bearer {served.first.key}"}
            done = httpx2.post(
                f"{served.url}/api/v1/apply", headers=headers, json={"text": text}, verify=False
            )
            assert done.is_success, done.text
            with gateway_process(url, GRACE="1", SPOOL=str(folder / "spool"), ATTEMPTS="1") as gateway:
                town = DocumentTown(url, served, fake, gateway)
                try:
                    with running_hook() as town.hook:
                        yield town
                finally:
                    town.close()
    finally:
        served.close()
