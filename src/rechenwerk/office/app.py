"""The control plane as a JSON API."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rechenwerk.base.clock import Clock
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.ledger.ports import PeriodStep
from rechenwerk.office import bodies
from rechenwerk.office.access import Office, OperatorRealm, Whose
from rechenwerk.office.applying import leaves, wanted_of
from rechenwerk.office.archives import add_archive_routes
from rechenwerk.office.audits import add_audit_routes
from rechenwerk.office.bills import add_bill_routes
from rechenwerk.office.books import add_book_routes
from rechenwerk.office.budgets.alert_routes import add_alert_routes
from rechenwerk.office.budgets.routes import add_budget_routes
from rechenwerk.office.budgets.wallets import add_wallet_routes
from rechenwerk.office.budgets.webhooks import Network
from rechenwerk.office.check_routes import add_check_routes
from rechenwerk.office.closing.routes import add_closing_routes
from rechenwerk.office.concentration_routes import add_concentration_routes
from rechenwerk.office.config import diff
from rechenwerk.office.costing.routes import add_cost_routes
from rechenwerk.office.errors import add_handlers
from rechenwerk.office.events import Events, add_event_routes
from rechenwerk.office.exports import add_export_routes
from rechenwerk.office.governance.capacity import add_capacity_routes
from rechenwerk.office.governance.grants import add_grant_routes
from rechenwerk.office.governance.records import add_record_routes
from rechenwerk.office.governance.reserve import add_reserve_routes
from rechenwerk.office.joining import join
from rechenwerk.office.journal import add_journal_routes
from rechenwerk.office.noting import Noting, note_done
from rechenwerk.office.payments import add_payment_routes
from rechenwerk.office.people.routes import add_people_routes
from rechenwerk.office.people.sessions import Sessions
from rechenwerk.office.people.single_sign_on import SingleSignOn
from rechenwerk.office.people.sso_routes import add_sign_on_routes, add_single_sign_on
from rechenwerk.office.planning.asking import add_planning_routes
from rechenwerk.office.ports import Change, Configured, Desk
from rechenwerk.office.positions import add_position_routes
from rechenwerk.office.providers import add_provider_routes
from rechenwerk.office.pulse import add_pulse_routes
from rechenwerk.office.seal_ports import Signing
from rechenwerk.office.seals import add_seal_routes
from rechenwerk.office.site_routes import add_site_routes
from rechenwerk.office.switches import add_switch_routes
from rechenwerk.office.tariffs import add_tariff_routes
from rechenwerk.office.tenants import add_tenant_routes
from rechenwerk.office.totals import add_total_routes
from rechenwerk.office.trail import add_trail_routes
from rechenwerk.office.verifying import add_verify_routes
from rechenwerk.office.vouchers import add_voucher_routes

LARGEST_BODY = 4_000_000


class BodyLimit:
    """Stops reading a body that is too large, before anybody knows who sends it.

    Args:
        app: what comes next.
        largest: bytes.
        larger: bytes that are allowed at a path beyond that; 0 for none.
    """

    def __init__(self, app: ASGIApp, largest: int, larger: Callable[[str], int]) -> None:
        self._app = app
        self._largest = largest
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        seen = 0
        largest = max(self._largest, self._larger(scope.get("path", "")))

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > largest:
                raise HTTPException(413, f"the body is larger than {largest} bytes; send less")
            return message

        await self._app(scope, counted, send)


async def apply(
    realm: OperatorRealm, body: bodies.ApplyBody, organisation: Whose = None
) -> bodies.AppliedView:
    """Compare a configuration with the one that stands, and apply it in one transaction.

    Without `organisation` it is the operator's configuration, shared with all.
    """
    realm = await realm.enter_configuration(body.organisation or organisation)
    wanted = await wanted_of(realm, body.text)

    def plan(current: Configured) -> list[Change]:
        changes = diff(current, wanted)
        return [one for one in changes if not leaves(one, wanted)] if body.add else changes

    configuration = realm.desk.configuration
    if body.dry_run:
        changes = plan(await configuration.read(realm.organisation_id))
        note_done(changed=False)
    else:
        changes = list(await configuration.apply(realm.organisation_id, plan))
        named = [(f"{one.what} {one.name}", one) for one in changes]
        await realm.changed(
            "configuration applied",
            f"configuration of {realm.organisation}",
            {name: msgspec.to_builtins(one.before) for name, one in named},
            {name: msgspec.to_builtins(one.after) for name, one in named},
        )
    return bodies.AppliedView(
        organisation=realm.organisation,
        changes=[
            bodies.ChangeView(
                what=one.what,
                name=one.name,
                action=one.action,
                before=msgspec.to_builtins(one.before),
                after=msgspec.to_builtins(one.after),
            )
            for one in changes
        ],
        applied=not body.dry_run,
    )


def _add_supply_routes(router: APIRouter) -> None:
    """Providers, where they stand, whether they serve, and how they do."""
    add_provider_routes(router)
    add_site_routes(router)
    add_switch_routes(router)
    add_check_routes(router)
    add_pulse_routes(router)


def _add_period_routes(router: APIRouter) -> None:
    """Days that are sealed, months that are closed, what is owed for them, and what leaves the house."""
    add_seal_routes(router)
    add_closing_routes(router)
    add_bill_routes(router)
    add_payment_routes(router)
    add_export_routes(router)
    add_archive_routes(router)


@cache
def office_routes() -> tuple[BaseRoute, ...]:
    """The office's own routes; they know no app and no storage, so that a process makes them once."""
    router = APIRouter(prefix="/api/v1")
    add_people_routes(router)
    add_sign_on_routes(router)
    add_tenant_routes(router)
    add_book_routes(router)
    add_journal_routes(router)
    add_verify_routes(router)
    add_voucher_routes(router)
    add_cost_routes(router)
    add_tariff_routes(router)
    add_total_routes(router)
    add_event_routes(router)
    _add_supply_routes(router)
    _add_period_routes(router)
    add_planning_routes(router)
    add_capacity_routes(router)
    add_reserve_routes(router)
    add_grant_routes(router)
    add_trail_routes(router)
    add_concentration_routes(router)
    add_position_routes(router)
    add_audit_routes(router)
    add_budget_routes(router)
    add_wallet_routes(router)
    add_alert_routes(router)
    router.add_api_route("/apply", apply, methods=["POST"], tags=["configuration"])
    return tuple(router.routes)


def create_app(
    desk: Desk,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    version: str = "0",
    box: SecretBox | None = None,
    steps: tuple[PeriodStep, ...] = (),
    signing: Signing | None = None,
    webhook_networks: tuple[Network, ...] = (),
    larger: Callable[[str], int] = lambda _: 0,
    single_sign_on: SingleSignOn | None = None,
    public_url: str = "",
    gateway_url: str = "",
) -> FastAPI:
    """The office over its storage.

    Args:
        desk: storage.
        clock: wall time: expiry of keys, windows of budgets.
        random_bytes: a cryptographic source for new keys.
        version: shown in the OpenAPI page.
        box: seals providers' keys; without one none can be stored.
        steps: what has to be booked before a period is closed, in this order.
        signing: the key that days are sealed with; without one none can be.
        webhook_networks: that webhooks may reach although they are not public.
        larger: how many bytes a body may have at a path, where that is more than elsewhere.
        single_sign_on: who else may say who somebody is.
        gateway_url: where models are called, for trials; empty: there are none.
        public_url: where browsers find the office; '' for where their requests say that they went.
    """
    app = FastAPIOffline(  # its page at /docs asks no other host
        redoc_url=None,
        title="Rechenwerk office",
        summary="Organisations, projects, keys, budgets, configuration and books.",
        version=version,
    )
    app.state.office = Office(desk, clock, random_bytes, box, steps, signing, webhook_networks, gateway_url)
    add_single_sign_on(app, single_sign_on, public_url)
    app.state.events = Events(desk.sums.marks)
    join(app, office_routes())
    add_record_routes(app)
    _guard(app, larger)
    add_handlers(app, desk.unfit)
    return app


def _guard(app: FastAPI, larger: Callable[[str], int]) -> None:
    """What stands before every route; the last one is asked first."""
    app.add_middleware(Noting)
    app.add_middleware(Sessions)
    app.add_middleware(BodyLimit, largest=LARGEST_BODY, larger=larger)
