"""A town that works on documents: office, gateway, a provider with constrained JSON, worker processes."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.served import Ended, Served
from tests.installation import CONFIG, Process, gateway_process

KEY = base64.b64encode(bytes(32)).decode()
"""What `served.Served` seals with."""
INVOICE = """Stadtwerke Musterstadt GmbH
Rechnung
Rechnungsnummer: {number}
Rechnungsdatum: 03.04.2025
Gesamtbetrag: 119,00 EUR
"""


class WorkerProcess:
    """A worker in a process of its own."""

    def __init__(self, url: str, endpoint: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rechenwerk.main_documents", "--url", endpoint, "--parent-pipe"],
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
        self._workers: list[WorkerProcess] = []

    def worker(self, **environment: str) -> WorkerProcess:
        """One more worker."""
        worker = WorkerProcess(self.url, self.gateway.address, **environment)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()

    def answer(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx2.Response:
        """One request to the routes of documents."""
        headers = {"authorization": f"Bearer {key or self.served.first.key}"}
        address = f"{self.served.url}/api/v1/documents{path}"
        return httpx2.request(method, address, headers=headers, timeout=60, **more)

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

    def until(self, job: int, seconds: float = 60, **documents: int) -> Any:
        """The job, once it has at least so many documents of these states."""
        ends = time.monotonic() + seconds
        while True:
            found = self.ok("GET", f"/jobs/{job}")
            if all(found["documents"][state] >= number for state, number in documents.items()):
                return found
            assert time.monotonic() < ends, found

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
            done = httpx2.post(f"{served.url}/api/v1/apply", headers=headers, json={"text": text})
            assert done.is_success, done.text
            with gateway_process(url, GRACE="1", SPOOL=str(folder / "spool"), ATTEMPTS="1") as gateway:
                town = DocumentTown(url, served, fake, gateway)
                try:
                    yield town
                finally:
                    town.close()
    finally:
        served.close()
