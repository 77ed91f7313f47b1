"""Documents on the office: who may come in, whom a job may ask, whose money it spends; mounted on its app."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg
from fastapi import FastAPI

from rechenwerk.base.settings import Settings
from rechenwerk.documents.extracting.schemas import READY, ready
from rechenwerk.documents.office_ports import (
    DocumentOffice,
    Offered,
    ProjectRow,
    Setup,
    Viewer,
    Visitor,
    Writer,
)
from rechenwerk.documents.routes import document_routes
from rechenwerk.documents.sealing import RowSeal
from rechenwerk.documents.vault import Vault
from rechenwerk.gateway.plans import able
from rechenwerk.gateway.ports import Offer, Snapshot
from rechenwerk.identity.keys import hash_key, hint, new_key
from rechenwerk.identity.secrets import alert_context
from rechenwerk.ledger.tariffs import CallPrice
from rechenwerk.office.access import DOCUMENTS, Office, admit
from rechenwerk.office.budgets.courier import message_id
from rechenwerk.office.budgets.webhooks import check_url, new_secret
from rechenwerk.office.errors import refuse
from rechenwerk.office.joining import join
from rechenwerk.office.ports import Desk, Guard, NewKey
from rechenwerk.routing.ports import LOCAL
from rechenwerk.routing.residency import forbids
from rechenwerk.store.documents.desk import open_documents
from rechenwerk.store.snapshot import PostgresSource

_INPUT, _OUTPUT = 0, 3
"""Places of the buckets in a list of prices."""
_MILLION = 1_000_000


class JobKeys:
    """Keys of jobs through the office's storage. Fills `documents.working.Keys`.

    Args:
        desk: the office's storage.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def make(
        self, organisation_id: int, project_id: int, name: str, budget: int | None, data_class: str
    ) -> tuple[int, str]:
        """See `documents.working.Keys`."""
        text = new_key(secrets.token_bytes)
        guards = () if budget is None else (Guard("money", "total", budget),)
        key = NewKey(
            name, hash_key(text.encode()), hint(text), ("inference",), guards=guards, data_class=data_class
        )
        return await self._desk.tenants.create_key(organisation_id, project_id, key), text

    async def guard(self, organisation_id: int, project_id: int, key_id: int, budget: int | None) -> None:
        """See `documents.working.Keys`."""
        guard = Guard("money", "total", budget)
        await self._desk.tenants.guard_key(organisation_id, project_id, key_id, [guard])

    async def revoke(self, organisation_id: int, key_id: int) -> None:
        """See `documents.working.Keys`."""
        await self._desk.tenants.revoke_key(organisation_id, key_id, datetime.now(UTC))


class OfficeReception:
    """Who comes in, by the office's rules. Fills `documents.office_ports.Reception`.

    Args:
        office: with its storage, its clock and its box.
        source: what gateways know: where calls may go, and at what price.
    """

    def __init__(self, office: Callable[[], Office], source: PostgresSource) -> None:
        self._office = office
        self._source = source
        self._snapshot: Snapshot | None = None

    async def visitor(self, authorization: str | None, organisation: str | None) -> Visitor:
        """See `documents.office_ports.Reception`."""
        office = self._office()
        realm = await admit(office, authorization, organisation, DOCUMENTS, role=False, reads=False)
        caller = realm.caller
        project = ""
        if realm.organisation_id == caller.organisation_id:
            project = await office.desk.tenants.project_of_key(caller.organisation_id, caller.key_id) or ""
        return Visitor(
            realm.organisation_id,
            realm.organisation,
            caller.key_id,
            caller.key_name,
            project or "default",
            not caller.scopes.isdisjoint({"keys", "operator"}),
        )

    async def project(self, organisation_id: int, name: str) -> ProjectRow | None:
        """See `documents.office_ports.Reception`."""
        found = await self._office().desk.tenants.project_class(organisation_id, name)
        return None if found is None else ProjectRow(found[0], name, found[1])

    async def models(self, organisation_id: int, data_class: str) -> list[Offered]:
        """See `documents.office_ports.Reception`."""
        snapshot = await self._known()
        names = sorted({model for owner, model in snapshot.offers if owner in {0, organisation_id}})
        offers = [offer for name in names if (offer := snapshot.offer(organisation_id, name)) is not None]
        return [
            _offered(snapshot, offer, organisation_id, data_class) for offer in offers if able(offer, "chat")
        ]

    async def _known(self) -> Snapshot:
        """What gateways know, read again when it has changed."""
        version = await self._source.version()
        if self._snapshot is None or self._snapshot.version != version:
            self._snapshot = await self._source.snapshot()
        return self._snapshot

    async def currency(self) -> str:
        """See `documents.office_ports.Reception`."""
        return await self._office().desk.tenants.currency()

    def webhook(self, organisation_id: int, name: str, url: str) -> tuple[str, bytes, str]:
        """See `documents.office_ports.Reception`."""
        office = self._office()
        if mistake := check_url(url):
            raise refuse(422, f"webhook: {mistake}", "invalid_value", "webhook")
        if office.box is None:
            raise refuse(
                409,
                "this office has no key to seal secrets with; start it with RECHENWERK_SECRET_KEY_FILE",
                "no_secret_key",
            )
        secret = new_secret(office.random_bytes)
        sealed = office.box.seal(secret, alert_context(organisation_id, name))
        return secret, sealed, message_id(office.random_bytes(20))

    def now(self) -> datetime:
        """See `documents.office_ports.Reception`."""
        return self._office().now()


def _offered(snapshot: Snapshot, offer: Offer, organisation_id: int, data_class: str) -> Offered:
    permitted = snapshot.data_class(organisation_id, data_class)
    rows = able(offer, "chat")
    rules = [forbids(permitted, row.jurisdiction, row.level) for row in rows]
    price = _price(snapshot, organisation_id, offer.model)
    into, out = (None, None) if price is None else (_rate(price, _INPUT), _rate(price, _OUTPUT))
    refused = "" if None in rules else next((rule for rule in rules if rule is not None), "")
    local = any(row.jurisdiction == LOCAL for row in rows)
    embedded = all(row.provider.kind == "embedded" for row in rows)
    return Offered(offer.model, refused, local, into, out, embedded)


def _price(snapshot: Snapshot, organisation_id: int, model: str) -> CallPrice | None:
    sales = snapshot.sales.get((organisation_id, model)) or snapshot.sales.get((0, model), ())
    now = time.time()
    return next((one.price for one in sales if one.since <= now < one.until), None)


def _rate(price: CallPrice, bucket: int) -> int:
    return price.prices.numerators[bucket] * _MILLION // price.prices.denominator


def mount_documents(
    app: FastAPI,
    pool: asyncpg.Pool,
    url: str,
    viewer: Viewer,
    writer: Writer,
    setup: Setup,
    wanted: Callable[[], None] = lambda: None,
) -> DocumentOffice:
    """Put the routes of documents on the office's app.

    Args:
        app: the office's.
        pool: connections to the installation's database.
        url: of the database.
        viewer: shows pages.
        writer: writes workbooks.
        setup: of this installation.
        wanted: called when there is work for a worker.
    """

    def office() -> Office:
        found: Office = app.state.office
        return found

    desk = open_documents(pool, RowSeal(office().box))

    documents = DocumentOffice(
        desk=desk,
        vault=Vault(office().box, desk.files),
        keys=JobKeys(office().desk),
        reception=OfficeReception(office, PostgresSource(pool, url)),
        viewer=viewer,
        writer=writer,
        ready={name: ready(name) for name in READY},
        setup=setup,
        wanted=wanted,
    )
    app.state.documents = documents
    join(app, document_routes())
    return documents


def setup_of(settings: Settings) -> Setup:
    """How this installation handles documents, from its settings."""
    return Setup(settings.documents_largest, settings.documents_keep_days, settings.documents_model)
