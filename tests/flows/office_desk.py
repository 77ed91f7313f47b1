"""A whole office over a real database, for tests: called without a network."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import time
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec

from rechenwerk.base.ids import CallIds, encode_call
from rechenwerk.base.usage import Usage
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.office_ports import Setup
from rechenwerk.documents.routes import largest_body
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.identity.signing import KeyFile
from rechenwerk.ledger.guards import window_bounds
from rechenwerk.ledger.ports import Hold, Outcome, PeriodStep, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.main_chats import mount_chats
from rechenwerk.main_documents_office import mount_documents
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.main_learning import mount_learning
from rechenwerk.main_steps import period_steps
from rechenwerk.office.app import create_app
from rechenwerk.office.first_run import FirstRun, first_run
from rechenwerk.store.book import PostgresBook
from rechenwerk.store.control import open_desk
from tests.postgres import SPOOL

DEFAULT = (resources.files("rechenwerk.office") / "default.toml").read_text(encoding="utf-8")
SECRET_KEY = bytes(range(32))
"""What the office of the tests seals secrets with."""
NOON = 1_800_000_000.0  # 2027-01-15 08:00 UTC
ONLY = "the only deployment"


class HandClock:
    """Time that moves when the test says so."""

    def __init__(self, now: float = NOON) -> None:
        self.at = now

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class Office:
    """The office's API, the database below it and the first run's admin key."""

    def __init__(self, database_url: str) -> None:
        self.runner = asyncio.Runner()
        self.clock = HandClock()
        self.pool = self.runner.run(self._pool(database_url))
        self.desk = open_desk(self.pool)
        first = self.runner.run(first_run(self.desk, DEFAULT, clock=self.clock))
        assert isinstance(first, FirstRun)
        self.first = first
        self._folder = tempfile.TemporaryDirectory(prefix="rw-office-")
        self.signing = KeyFile(Path(self._folder.name) / "signing.key")
        self.app = create_app(
            self.desk,
            self.clock,
            secrets.token_bytes,
            box=SecretBox(SECRET_KEY),
            steps=period_steps(self.desk, self.clock, self.pool),
            signing=self.signing,
            larger=partial(largest_body, setting=Setup().largest),
        )
        mount_documents(self.app, self.pool, database_url, LazyViewer(), WriterProcess(), Setup())
        mount_chats(self.app, self.pool, "http://127.0.0.1:9", LazyViewer())
        mount_learning(self.app, self.pool, "http://127.0.0.1:9", "potion-multilingual")
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://office")

    async def _pool(self, url: str) -> asyncpg.Pool:
        return await asyncpg.create_pool(url, min_size=1, max_size=3)

    def close(self) -> None:
        self.runner.run(self.client.aclose())
        self.runner.run(self.pool.close())
        self.runner.close()
        self._folder.cleanup()

    def answer(self, method: str, path: str, key: str | None = "", **more: Any) -> httpx2.Response:
        """One request; the admin's key unless another is given, none for None."""
        headers = {} if key is None else {"authorization": f"Bearer {key or self.first.key}"}
        return self.runner.run(self.client.request(method, f"/api/v1{path}", headers=headers, **more))

    def ok(self, method: str, path: str, key: str | None = "", **more: Any) -> Any:
        """The body of an answer that must be good."""
        answer = self.answer(method, path, key, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, key: str | None = "", **more: Any) -> Any:
        """The error of an answer that must be a refusal in OpenAI's shape."""
        answer = self.answer(method, path, key, **more)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert "\n" not in error["message"]
        return error

    def sql(self, query: str, *arguments: Any) -> Any:
        """What the database itself says."""
        return self.runner.run(self.pool.fetch(query, *arguments))

    def step(self, step: PeriodStep) -> None:
        """One more thing that has to be booked before a period is closed."""
        office = self.app.state.office
        self.app.state.office = msgspec.structs.replace(office, steps=(*office.steps, step))

    def key(self, project: str = "default", *scopes: str, **more: Any) -> str:
        """A new key of the project with these scopes."""
        body = {"project": project, "name": "test", "scopes": list(scopes) or ["inference"], **more}
        made: str = self.ok("POST", "/keys", json=body)["key"]
        return made


class Bookkeeper:
    """Books calls as a gateway process does, through the same till."""

    def __init__(self, office: Office, database_url: str) -> None:
        self._office = office
        self._book = PostgresBook(database_url, "test", SPOOL)
        self._ids = CallIds(office.clock, 1000)
        office.runner.run(self._book.open(lambda *_: None))

    def close(self) -> None:
        # Where the books were damaged on purpose, the database refuses to end the process.
        with contextlib.suppress(OSError):
            self._office.runner.run(self._book.close())

    def hold(
        self,
        organisation: str,
        held: int,
        *,
        expires_s: int = 600,
        wallet: bool = False,
        started: float | None = None,
    ) -> Hold:
        """Take a hold for the organisation's default project on its monthly budget, or its wallet.

        It began when the wall's clock says, whatever the office's, unless `started` says otherwise.
        """
        row = self._office.sql(
            "select p.organisation_id, p.id, (select min(id) from api_key where project_id = p.id) as key,"
            " (select min(id) from guard where wallet = $2 and coalesce(project_id, p.id) = p.id"
            " and organisation_id = p.organisation_id and unit = 'money') as guard,"
            " d.id as deployment, d.contract_id from project p"
            " join organisation o on o.id = p.organisation_id and o.name = $1, deployment d"
            " where p.name = 'default' and d.model = 'smollm2-135m'",
            organisation,
            wallet,
        )[0]
        run = self._office.runner.run
        starts, _ = window_bounds("total" if wallet else "month", self._office.clock.now())
        grant = run(self._book.lease(row["guard"], starts, held))
        assert grant is not None
        assert grant.got == held
        hold = Hold(
            id=self._ids.next(),
            organisation=row["organisation_id"],
            project=row["id"],
            key=row["key"],
            deployment=row["deployment"],
            contract=row["contract_id"],
            endpoint="chat",
            model="smollm2-135m",
            streamed=False,
            amount=held,
            cost_bound=held,
            slices=f"{{{grant.slice_id}}}",
            started_us=int((time.time() if started is None else started) * 1e6),
            expires_s=expires_s,
        )
        run(self._book.write_holds([hold]))
        return hold

    def post(
        self,
        hold: Hold,
        outcome: Outcome,
        price: int,
        cost: int,
        *,
        moves: bool = True,
        tariff: int = 0,
        decision: str = ONLY,
    ) -> str:
        """Settle it; its call id. Without `moves` the transfers are forgotten, as no gateway may."""
        run = self._office.runner.run
        accounts = run(self._book.accounts(hold.organisation, hold.project, hold.contract))
        post = Post(
            hold=hold,
            deployment=hold.deployment,
            contract=hold.contract,
            outcome=outcome,
            reason=None if outcome == "posted" else "a reason",
            source="reported",
            usage=Usage(input=10, output=20),
            raw_usage='{"prompt_tokens":10}',
            price=price,
            cost=cost,
            status=200,
            first_byte_us=1000,
            total_us=2000,
            decision=decision,
            transfers=transfers(outcome, accounts, price, cost, hold.amount) if moves else (),
            tariff=tariff,
        )
        run(self._book.write_posts([post]))
        return encode_call(hold.id)
