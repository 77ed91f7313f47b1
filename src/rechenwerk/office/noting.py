"""Nothing changes without a note: who changed what, from where, for the audit.

A route that knows what stood before and what stands after writes its own note (`Realm.changed`). Where it
does not, this middleware writes one after the route has succeeded and before anybody is told so: what it is
called and which fields of the body it keeps say the table below. A route that is not in the table gets a note
that names its address. Fields are named one by one, so that no secret and nobody's document goes into what is
kept for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/api/v1"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_KEPT = 200_000
"""Bytes of a body that fields are taken from; a larger one is a text or a file."""
_LONGEST = 500


class Event(msgspec.Struct, frozen=True):
    """How a route's success is written down.

    Attributes:
        what: happened.
        subject: to what; names in braces are the path's and the body's.
        fields: of the body that are kept: never secrets, nothing out of documents.
    """

    what: str
    subject: str = ""
    fields: tuple[str, ...] = ()


EVENTS: Mapping[str, Event] = MappingProxyType(
    {
        "POST /organisations": Event("organisation made", "organisation {name}"),
        "PUT /providers/{name}/secret": Event("provider's key stored", "provider {name}"),
        "DELETE /providers/{name}/secret": Event("provider's key removed", "provider {name}"),
        "PUT /sites/{name}/out": Event("site switched off", "site {name}", ("reason",)),
        "DELETE /sites/{name}/out": Event("site switched on", "site {name}"),
        "POST /alerts": Event(
            "alert made",
            "alert {name}",
            ("watch", "project", "key", "period", "at", "forecast", "below", "mail", "language"),
        ),
        "DELETE /alerts/{name}": Event("alert removed", "alert {name}"),
        "POST /alerts/{name}/test": Event("alert tested", "alert {name}"),
        "POST /wallets": Event("wallet opened", "wallet {project}"),
        "POST /wallets/topup": Event("wallet paid in", "wallet {project}", ("amount", "reference", "reason")),
        "POST /wallets/refund": Event(
            "wallet paid out", "wallet {project}", ("amount", "reference", "reason")
        ),
        "POST /wallets/close": Event("wallet closed", "wallet {project}"),
        "POST /tariffs/discounts": Event(
            "discount given",
            "discount {project}",
            ("model", "share", "reason", "since", "until", "from", "to"),
        ),
        "POST /books/payments": Event(
            "payment booked", "document {document}", ("amount", "reference", "document", "paid_on", "reason")
        ),
        "POST /books/write-offs": Event(
            "claim written off", "document {document}", ("amount", "reason", "document")
        ),
        "POST /books/provider-payments": Event(
            "provider paid", "provider {provider}", ("amount", "reference", "contract", "paid_on", "reason")
        ),
        "POST /books/clearings": Event("shares cleared", "clearings", ("reason",)),
        "POST /books/accrue": Event("costs accrued", "costs", ("period", "until")),
        "POST /books/seal": Event("day sealed", "books", ("day", "until")),
        "POST /books/roots/rotate": Event("signing key changed", "books"),
        "POST /books/periods/{period}/close": Event(
            "month closed", "month {period}", ("with_unresolved", "draft", "partial")
        ),
        "POST /books/documents/{number}/reverse": Event(
            "document reversed", "document {number}", ("reason",)
        ),
        "POST /books/vouchers/{voucher_id}/reverse": Event(
            "voucher reversed", "voucher {voucher_id}", ("reason",)
        ),
        "PUT /books/cost-centres/{project}": Event("cost centre set", "project {project}", ("cost_centre",)),
        "POST /books/reconcile": Event(
            "bill reconciled", "provider {provider}", ("number", "period", "total", "book", "apply")
        ),
        "POST /books/bills/{bill}/undo": Event("bill undone", "bill {bill}", ("reason",)),
        "POST /documents/jobs": Event(
            "documents job made",
            "job {name}",
            ("schema", "schemas", "model", "project", "data_class", "budget", "mask"),
        ),
        "DELETE /documents/jobs/{job}": Event("documents job deleted", "job {job}"),
        "POST /documents/jobs/{job}/start": Event("documents job started", "job {job}"),
        "POST /documents/jobs/{job}/pause": Event("documents job paused", "job {job}"),
        "POST /documents/jobs/{job}/resume": Event("documents job resumed", "job {job}", ("budget",)),
        "POST /documents/jobs/{job}/reopen": Event("documents job reopened", "job {job}"),
        "POST /documents/jobs/{job}/cancel": Event("documents job cancelled", "job {job}"),
        "POST /documents/jobs/{job}/files": Event("document added", "job {job}"),
        "POST /documents/files/{document}/kind": Event(
            "document's kind said", "document {document}", ("schema",)
        ),
        "POST /documents/files/{document}/values/{field}/decision": Event(
            "value decided", "document {document}: {field}", ("action", "version")
        ),
        "POST /documents/contradictions/{contradiction}/decision": Event(
            "contradiction decided", "contradiction {contradiction}", ("action", "version")
        ),
        "PUT /documents/schemas/{name}": Event("schema stored", "schema {name}"),
        "POST /documents/known/import": Event("known entities imported", "known entities"),
        "DELETE /documents/known/{entity}": Event("known entity forgotten", "known entity {entity}"),
        "POST /documents/trained/{name}/examples": Event("examples added", "trained model {name}"),
        "DELETE /documents/trained/{name}/examples/{example}": Event(
            "example removed", "trained model {name}: {example}"
        ),
        "POST /documents/trained/{name}/train": Event("model trained", "trained model {name}"),
        "POST /documents/trained/{name}/rollback": Event(
            "model rolled back", "trained model {name}", ("version",)
        ),
        "DELETE /documents/trained/{name}": Event("trained model deleted", "trained model {name}"),
        "POST /chats": Event("conversation begun", "conversations"),
        "PATCH /chats/{chat}": Event("conversation changed", "conversation {chat}"),
        "DELETE /chats/{chat}": Event("conversation deleted", "conversation {chat}"),
        "POST /chats/{chat}/copy": Event("conversation copied", "conversation {chat}"),
        "POST /chats/{chat}/files": Event("file added", "conversation {chat}"),
        "DELETE /chats/{chat}/files/{file}": Event("file removed", "conversation {chat}"),
        "POST /chat-templates": Event("template made", "templates"),
        "PUT /chat-templates/{template}": Event("template changed", "template {template}"),
        "DELETE /chat-templates/{template}": Event("template deleted", "template {template}"),
        "POST /plans/{plan}/runs": Event("plan calculated", "plan {plan}", ("scenario", "paths", "seed")),
        "DELETE /plans/{plan}/runs/{run}": Event("calculation cancelled", "plan {plan}"),
        "POST /providers/{name}/try": Event("provider tried", "provider {name}", ("model",)),
        # What leaves the house with people's data in it, although it changes nothing.
        "GET /documents/jobs/{job}/export/{form}": Event("documents exported", "job {job}: {form}"),
        "GET /books/export/{format}": Event("books exported", "books: {format}"),
        "GET /books/archive/{period}": Event("archive downloaded", "month {period}"),
        "GET /audit/export": Event("audit exported", "audit"),
    }
)
"""By method and route, below `PREFIX`."""

QUIET: Mapping[str, str] = MappingProxyType(
    {
        "POST /tariffs/check": "looks at a text and keeps nothing",
        "POST /tariffs/dry-run": "computes and keeps nothing",
        "POST /books/verify": "reads the books",
        "POST /plans/check": "looks at a text and keeps nothing",
        "POST /plans/{plan}/try": "computes and keeps nothing",
        "POST /providers/check": "asks a provider and keeps nothing",
        "POST /chats/{chat}/messages": "a call of a model: the journal has it",
        "POST /chats/{chat}/messages/{message}/stop": "ends a call: the journal has it",
    }
)
"""Routes that change nothing, with the reason."""


class Noted(Protocol):
    """The realm that a request works in."""

    async def changed(
        self,
        what: str,
        subject: str,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        """Write a note."""
        ...


class Notes:
    """What is noted of one request.

    Attributes:
        address: where it came from.
        realm: that it works in; None where nobody was asked for a key.
        done: whether the route wrote a note itself, in the transaction of the change or after it.
        quiet: whether the route says that it changed nothing.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.realm: Noted | None = None
        self.done = False
        self.quiet = False

    async def finish(self, scope: Scope, body: bytes) -> None:
        """After a success: write the note that the route did not."""
        name = route_name(scope)
        if self.done or self.quiet or self.realm is None or name in QUIET:
            return
        event = EVENTS.get(name)
        if event is None:
            if scope["method"] in SAFE:
                return
            event = Event(name)
        facts = _facts(body)
        known = {key: str(value)[:_LONGEST] for key, value in facts.items() if isinstance(value, str | int)}
        names = _Names({**known, **{key: str(value) for key, value in scope.get("path_params", {}).items()}})
        after = {key: _short(facts[key]) for key in event.fields if facts.get(key) is not None}
        await self.realm.changed(event.what, event.subject.format_map(names).strip(), None, after or None)


class _Names(dict[str, str]):
    """Names for a text; one that was not sent is left out."""

    def __missing__(self, key: str) -> str:
        return ""


def _facts(body: bytes) -> Mapping[str, object]:
    if not body or len(body) > _KEPT:
        return {}
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _short(value: object) -> object:
    return value[:_LONGEST] if isinstance(value, str) else value


def route_name(scope: Scope) -> str:
    """The route that answered, such as ``POST /projects``."""
    path = str(getattr(scope.get("route"), "path", scope["path"])).replace(":path}", "}")
    return f"{scope['method']} {path.removeprefix(PREFIX)}"


NOTES: ContextVar[Notes | None] = ContextVar("notes", default=None)
"""Of the request that is answered; None outside of one."""


def asked_from() -> str:
    """The address that the request came from; '' where there is none."""
    notes = NOTES.get()
    return "" if notes is None else notes.address


def note_realm(realm: Noted) -> None:
    """A request works in this realm from now on."""
    notes = NOTES.get()
    if notes is not None:
        notes.realm = realm


def note_done(*, changed: bool = True) -> None:
    """The route has written its note, or says that it changed nothing."""
    notes = NOTES.get()
    if notes is not None:
        notes.done, notes.quiet = notes.done or changed, notes.quiet or not changed


class Noting:
    """Sees to it that every success of a route that changes something leaves a note.

    Args:
        app: what comes next: the routes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        notes = Notes(client[0] if client else "")
        body = bytearray()

        async def heard() -> Message:
            message = await receive()
            if len(body) <= _KEPT:
                body.extend(message.get("body", b""))
            return message

        async def told(message: Message) -> None:
            # Before anybody hears of the success: a change whose note cannot be written is a failure.
            if message["type"] == "http.response.start" and message["status"] < 400:
                await notes.finish(scope, bytes(body))
            await send(message)

        token = NOTES.set(notes)
        try:
            await self._app(scope, heard, told)
        finally:
            NOTES.reset(token)
