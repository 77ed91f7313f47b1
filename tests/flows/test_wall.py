"""The wall between organisations: every route of the office is tried from the other side."""

from __future__ import annotations

import re
from typing import Any

from rechenwerk.base.money import NANO
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CENT = NANO // 100

APPLICATION = {"pool": "main", "project": "default", "amount": 1, "purpose": "x", "ends_on": "2027-02-01"}
ALERT = {"name": "low", "watch": "budgets", "mail": "a@example.org", "at": [80]}
JOB_ROUTES = (
    ("GET", ""),
    ("DELETE", ""),
    *(("POST", f"/{verb}") for verb in ("start", "pause", "reopen", "cancel")),
    *(
        ("GET", f"/{what}")
        for what in ("events", "files", "values", "review", "decisions", "facts", "contradictions")
    ),
    *(("GET", f"/export/{form}") for form in ("csv", "xlsx", "json", "parquet")),
)
"""Of a job of documents."""
TEMPLATE = {"name": "letter", "text": "Dear {{name}}"}
CHAT_ROUTES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "", {}),
    ("PATCH", "", {"json": {"shared": True}}),
    ("DELETE", "", {}),
    ("POST", "/copy", {"json": {}}),
    ("GET", "/export/json", {}),
    ("POST", "/messages", {"json": {"model": "fake-model", "text": "x"}}),
    ("GET", "/messages/1", {}),
    ("POST", "/messages/1/stop", {}),
    ("POST", "/files", {"params": {"name": "a.txt"}, "content": b"x"}),
    ("DELETE", "/files/1", {}),
)
"""Of a conversation that is shared in its own organisation."""
CROSSINGS: tuple[tuple[str, str, dict[str, Any], int], ...] = (
    # From the neighbour's key into the organisation "default". Named outright: there is no such thing.
    ("GET", "/projects", {"params": {"organisation": "default"}}, 404),
    ("POST", "/projects", {"json": {"name": "spy", "organisation": "default"}}, 404),
    ("PUT", "/projects/secret/budget", {"json": {"period": "day", "amount": "1"}}, 404),
    ("PUT", "/projects/secret/limits", {"json": {"requests_per_minute": 1}}, 404),
    (
        "PUT",
        "/projects/secret/budget",
        {"json": {"period": "day", "amount": "1", "organisation": "default"}},
        404,
    ),
    ("PUT", "/projects/secret/limits", {"json": {"requests_per_minute": 1, "organisation": "default"}}, 404),
    ("GET", "/projects/secret", {}, 404),
    ("GET", "/projects/secret", {"params": {"organisation": "default"}}, 404),
    ("GET", "/keys", {"params": {"organisation": "default"}}, 404),
    ("GET", "/keys/1", {}, 404),
    ("GET", "/keys/admin", {"params": {"organisation": "default"}}, 404),
    ("GET", "/events", {"params": {"organisation": "default"}}, 404),
    ("GET", "/health", {"params": {"organisation": "default"}}, 404),
    ("GET", "/health", {"params": {"everyone": True}}, 403),
    ("GET", "/pulse", {"params": {"organisation": "default"}}, 404),
    ("GET", "/people", {"params": {"organisation": "default"}}, 404),
    ("PUT", "/people/ada@example.org", {"json": {"role": "member"}}, 404),
    ("PUT", "/people/ada@example.org", {"json": {"role": "member", "organisation": "default"}}, 404),
    ("DELETE", "/people/ada@example.org", {}, 404),
    ("DELETE", "/people/ada@example.org", {"params": {"organisation": "default"}}, 404),
    ("GET", "/invitations", {"params": {"organisation": "default"}}, 404),
    ("POST", "/invitations", {"json": {"organisation": "default"}}, 404),
    ("POST", "/invitations", {"json": {"project": "secret"}}, 404),
    ("DELETE", "/invitations/1", {}, 404),
    ("DELETE", "/invitations/1", {"params": {"organisation": "default"}}, 404),
    ("POST", "/keys", {"json": {"project": "secret", "name": "spy"}}, 404),
    ("POST", "/keys", {"json": {"project": "default", "name": "spy", "organisation": "default"}}, 404),
    ("POST", "/keys/1/revoke", {}, 404),
    ("POST", "/keys/admin/revoke", {}, 404),
    ("POST", "/keys/admin/revoke", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/balance", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/journal", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/journal", {"params": {"project": "secret"}}, 404),
    ("GET", "/books/journal.csv", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/journal.csv", {"params": {"project": "secret"}}, 404),
    ("GET", "/books/accounts/1", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/periods/2026-03/close", {"params": {"organisation": "default"}}, 403),
    ("GET", "/books/verify", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/verify", {"params": {"organisation": "default"}, "json": {}}, 404),
    ("GET", "/books/verify/0000", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/calls/{call}", {}, 404),
    ("GET", "/books/calls/{call}", {"params": {"organisation": "default"}}, 404),
    ("GET", "/organisations", {}, 403),
    ("POST", "/organisations", {"json": {"name": "third"}}, 403),
    ("POST", "/apply", {"json": {"text": DEFAULT, "organisation": "default"}}, 403),
    ("POST", "/apply", {"json": {"text": DEFAULT}, "params": {"organisation": "neighbour"}}, 403),
    ("PUT", "/projects/secret/data-class", {"json": {"data_class": "public"}}, 404),
    (
        "PUT",
        "/projects/secret/data-class",
        {"json": {"data_class": "public", "organisation": "default"}},
        404,
    ),
    ("PUT", "/projects/secret/service", {"json": {"weight": 9}}, 403),
    ("PUT", "/projects/default/service", {"json": {"service_class": "critical"}}, 403),
    ("GET", "/contracts", {"params": {"organisation": "default"}}, 404),
    ("GET", "/contracts/none", {}, 404),
    ("GET", "/contracts/none", {"params": {"organisation": "default"}}, 404),
    ("GET", "/positions", {"params": {"organisation": "default"}}, 404),
    ("GET", "/warnings", {"params": {"organisation": "default"}}, 404),
    ("GET", "/energy", {"params": {"organisation": "default"}}, 404),
    ("GET", "/audit/residency", {"params": {"organisation": "default"}}, 404),
    ("GET", "/audit/residency", {"params": {"everyone": True}}, 403),
    ("GET", "/documents/trained", {"params": {"organisation": "default"}}, 404),
    ("GET", "/documents/trained/secret", {}, 404),
    ("DELETE", "/documents/trained/secret", {}, 404),
    ("GET", "/documents/trained/secret/examples", {}, 404),
    (
        "POST",
        "/documents/trained/secret/examples",
        {"json": {"examples": [{"text": "x", "label": "y"}]}, "params": {"organisation": "default"}},
        404,
    ),
    ("DELETE", "/documents/trained/secret/examples/1", {}, 404),
    ("POST", "/documents/trained/secret/train", {"json": {}}, 404),
    ("POST", "/documents/trained/secret/rollback", {"json": {}}, 404),
    ("GET", "/books/calls/{call}/why", {}, 404),
    ("GET", "/books/calls/{call}/why", {"params": {"organisation": "default"}}, 404),
    ("GET", "/sites", {}, 403),
    ("GET", "/sites", {"params": {"organisation": "default"}}, 403),
    ("PUT", "/sites/hall/out", {"json": {}}, 403),
    ("PUT", "/sites/hall/out", {"json": {"organisation": "default"}}, 403),
    ("DELETE", "/sites/hall/out", {}, 403),
    ("GET", "/providers", {}, 403),
    ("GET", "/providers", {"params": {"organisation": "default"}}, 403),
    ("GET", "/providers/kinds", {}, 403),
    ("POST", "/providers/check", {"json": {"kind": "openai"}}, 403),
    ("POST", "/providers/check", {"json": {"kind": "openai", "organisation": "default"}}, 403),
    ("POST", "/providers/embedded/try", {"json": {"model": "smollm2-135m"}}, 403),
    ("POST", "/providers/embedded/try", {"json": {"model": "x", "organisation": "default"}}, 403),
    ("PUT", "/providers/embedded/out", {"json": {}}, 403),
    ("PUT", "/providers/embedded/out", {"json": {"organisation": "default"}}, 403),
    ("DELETE", "/providers/embedded/out", {}, 403),
    ("GET", "/deployments", {}, 403),
    ("GET", "/deployments", {"params": {"organisation": "default"}}, 403),
    ("PUT", "/deployments/1/out", {"json": {}}, 403),
    ("PUT", "/deployments/1/out", {"json": {"organisation": "default"}}, 403),
    ("DELETE", "/deployments/1/out", {}, 403),
    ("PUT", "/deployments/1/limits", {"json": {}}, 403),
    ("PUT", "/deployments/1/limits", {"json": {"organisation": "default"}}, 403),
    ("PUT", "/providers/embedded/secret", {"json": {"secret": "sk-1"}}, 403),
    ("PUT", "/providers/embedded/secret", {"json": {"secret": "sk-1", "organisation": "default"}}, 403),
    ("DELETE", "/providers/embedded/secret", {}, 403),
    ("GET", "/pools", {"params": {"organisation": "default"}}, 404),
    ("PUT", "/pools/main", {"json": {"small_grant": 1}}, 403),
    ("PUT", "/pools/main/tariff", {"json": {"unit": "tokens per day", "rate": "0"}}, 403),
    ("GET", "/sales", {"params": {"organisation": "default"}}, 404),
    ("GET", "/sold", {}, 403),
    ("POST", "/sales", {"json": {"pool": "main"}}, 403),
    ("POST", "/sales/1/cancel", {}, 403),
    ("GET", "/books/fees", {"params": {"organisation": "default"}}, 404),
    ("GET", "/reserve", {"params": {"organisation": "default"}}, 404),
    ("PUT", "/reserve", {"json": {"pool": "main"}}, 403),
    ("POST", "/reserve/draws", {"json": {"pool": "main"}}, 403),
    ("POST", "/reserve/draws/1/approve", {}, 403),
    ("POST", "/reserve/draws/1/end", {}, 403),
    ("GET", "/grants", {"params": {"organisation": "default"}}, 404),
    ("POST", "/grants", {"json": {**APPLICATION, "project": "secret"}}, 404),
    ("POST", "/grants", {"json": {**APPLICATION, "organisation": "default"}}, 404),
    ("POST", "/grants/1/approve", {}, 403),
    ("POST", "/grants/1/decline", {"json": {"reason": "spite"}}, 403),
    ("POST", "/grants/reclaim", {"json": {}}, 403),
    ("GET", "/audit", {"params": {"organisation": "default"}}, 404),
    ("GET", "/audit/kinds", {"params": {"organisation": "default"}}, 404),
    ("GET", "/audit/export", {"params": {"organisation": "default"}}, 404),
    ("GET", "/audit/verify", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/usage", {"params": {"organisation": "default"}}, 404),
    ("GET", "/concentration", {"params": {"organisation": "default"}}, 403),
    ("GET", "/tariffs", {"params": {"organisation": "default"}}, 404),
    ("POST", "/tariffs/check", {"params": {"organisation": "default"}, "json": {"text": DEFAULT}}, 404),
    ("POST", "/tariffs/discounts", {"json": {"share": "1", "reason": "mine"}}, 403),
    (
        "POST",
        "/tariffs/discounts",
        {"json": {"share": "1", "reason": "mine", "organisation": "default", "project": "secret"}},
        403,
    ),
    ("POST", "/tariffs/dry-run", {"json": {"text": DEFAULT, "period": "2026-03"}}, 403),
    ("GET", "/tariffs/cover", {}, 403),
    ("GET", "/books/periods", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/periods/2026-03/close", {"json": {}, "params": {"organisation": "default"}}, 403),
    ("GET", "/books/documents", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/documents/RW-2026-000001.pdf", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/documents/RW-2026-000001/reverse", {"json": {"reason": "spite"}}, 403),
    ("GET", "/books/statement-settings", {"params": {"organisation": "default"}}, 404),
    ("PUT", "/books/statement-settings", {"json": {"vat_rate": "19"}}, 403),
    ("PUT", "/books/cost-centres/default", {"json": {"cost_centre": "1"}}, 403),
    ("GET", "/alerts", {"params": {"organisation": "default"}}, 404),
    ("GET", "/alerts/log", {"params": {"organisation": "default"}}, 404),
    ("POST", "/alerts", {"json": {**ALERT, "organisation": "default"}}, 404),
    ("DELETE", "/alerts/low", {"params": {"organisation": "default"}}, 404),
    ("POST", "/alerts/low/test", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/bills", {}, 403),
    ("GET", "/books/bills/1.pdf", {}, 403),
    ("POST", "/books/bills/1/undo", {"json": {"reason": "spite"}}, 403),
    ("POST", "/books/reconcile", {"json": {"provider": "embedded", "text": "x"}}, 403),
    ("GET", "/books/export/beancount", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/archive/2026-03", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/margin", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/accrue", {"json": {"organisation": "default"}}, 403),
    ("GET", "/books/proof/{call}", {}, 404),
    ("GET", "/books/proof/{call}", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/roots", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/roots/keys", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/roots/rotate", {}, 403),
    ("POST", "/books/seal", {}, 403),
    ("GET", "/books/totals", {"params": {"organisation": "default"}}, 404),
    ("GET", "/books/vouchers", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/vouchers/-1/reverse", {"json": {"reason": "spite"}}, 403),
    ("GET", "/budgets", {"params": {"organisation": "default"}}, 404),
    ("PUT", "/budgets/organisation", {"json": {"period": "day", "amount": "1"}}, 403),
    ("PUT", "/keys/admin/budget", {"json": {"period": "day", "amount": "1"}}, 404),
    ("GET", "/wallets", {"params": {"organisation": "default"}}, 404),
    ("GET", "/wallets/statement", {"params": {"organisation": "default"}}, 404),
    ("POST", "/wallets", {"json": {}}, 403),
    ("POST", "/wallets/close", {"json": {}}, 403),
    ("POST", "/wallets/refund", {"json": {"amount": "1"}}, 403),
    ("POST", "/wallets/topup", {"json": {"amount": "1", "reference": "x"}}, 403),
    ("GET", "/books/receivables", {"params": {"organisation": "default"}}, 404),
    ("POST", "/books/payments", {"json": {"amount": "1"}}, 403),
    ("POST", "/books/payments", {"json": {"amount": "1", "organisation": "default"}}, 403),
    ("POST", "/books/write-offs", {"json": {"amount": "1", "reason": "spite"}}, 403),
    ("GET", "/books/payables", {}, 403),
    ("GET", "/books/payables", {"params": {"organisation": "default"}}, 403),
    ("POST", "/books/provider-payments", {"json": {"provider": "embedded", "amount": "1"}}, 403),
    ("POST", "/books/clearings", {"json": {}}, 403),
    ("GET", "/documents/schemas", {"params": {"organisation": "default"}}, 404),
    ("GET", "/documents/schemas/dogs", {}, 404),
    ("PUT", "/documents/schemas/dogs", {"json": {"words": "x"}, "params": {"organisation": "default"}}, 404),
    ("GET", "/documents/choices", {"params": {"project": "secret"}}, 404),
    ("GET", "/documents/jobs", {"params": {"organisation": "default"}}, 404),
    ("POST", "/documents/jobs", {"json": {"schema": "invoice", "project": "secret"}}, 404),
    ("POST", "/documents/jobs", {"json": {"schema": "invoice"}, "params": {"organisation": "default"}}, 404),
    *((method, f"/documents/jobs/1{rest}", {}, 404) for method, rest in JOB_ROUTES),
    ("POST", "/documents/jobs/1/files", {"params": {"name": "a.txt"}, "content": b"x"}, 404),
    ("POST", "/documents/jobs/1/resume", {"json": {}}, 404),
    ("GET", "/documents/files/1", {}, 404),
    ("GET", "/documents/files/1/values", {}, 404),
    ("GET", "/documents/files/1/values/total", {}, 404),
    ("POST", "/documents/files/1/kind", {"json": {"schema": "dogs"}}, 404),
    ("GET", "/documents/files/1/bytes", {}, 404),
    ("GET", "/documents/files/1/pages/1.png", {}, 404),
    ("POST", "/documents/files/1/values/total/decision", {"json": {"action": "accept", "version": 1}}, 404),
    ("POST", "/documents/contradictions/1/decision", {"json": {"action": "both", "version": 1}}, 404),
    ("GET", "/documents/known", {"params": {"organisation": "default"}}, 404),
    ("POST", "/documents/known/import", {"json": {"text": "x"}, "params": {"organisation": "default"}}, 404),
    ("DELETE", "/documents/known/1", {}, 404),
    ("GET", "/chats", {"params": {"organisation": "default"}}, 404),
    ("POST", "/chats", {"json": {}, "params": {"organisation": "default"}}, 404),
    ("GET", "/chat-models", {"params": {"organisation": "default"}}, 404),
    ("GET", "/chat-templates", {"params": {"organisation": "default"}}, 404),
    ("POST", "/chat-templates", {"json": TEMPLATE, "params": {"organisation": "default"}}, 404),
    ("PUT", "/chat-templates/2", {"json": TEMPLATE}, 404),
    ("DELETE", "/chat-templates/2", {}, 404),
    *((method, f"/chats/1{rest}", more, 404) for method, rest, more in CHAT_ROUTES),
    ("GET", "/plans", {"params": {"organisation": "default"}}, 404),
    ("POST", "/plans", {"params": {"organisation": "default"}, "json": {"name": "spy", "text": ""}}, 404),
    ("POST", "/plans/check", {"params": {"organisation": "default"}, "json": {"text": ""}}, 404),
    ("POST", "/plans/example", {"params": {"organisation": "default"}, "json": {"example": "firm"}}, 404),
    ("POST", "/plans/from-books", {"params": {"organisation": "default"}, "json": {"name": "spy"}}, 404),
    ("PUT", "/plans/secret", {"json": {"text": "", "after": 1}}, 404),
    ("PUT", "/plans/secret/main", {}, 404),
    ("POST", "/plans/secret/runs", {"json": {}}, 404),
    ("POST", "/plans/secret/try", {"json": {}}, 404),
    ("DELETE", "/plans/secret/runs/1", {}, 404),
    *(
        ("GET", f"/plans/secret{part}", {"params": asked}, 404)
        for asked in ({"figure": "cash"}, {"organisation": "default", "figure": "cash"})
        for part in (
            "",
            "/versions",
            "/versions/1",
            "/runs",
            "/runs/1",
            "/runs/1/result",
            "/explain",
            "/sensitivity",
            "/stress",
            "/reverse",
            "/compare",
            "/network",
            "/files/csv",
        )
    ),
)
OPEN = frozenset(
    {
        ("GET", "/public/utilisation"),  # sums over everybody
        *(("GET", f"/sign-in{way}") for way in ("", "/single", "/back")),
        *(("POST", way) for way in ("/sign-in", "/sign-out", "/invitations/accept")),
        ("GET", "/invitations/by-token/{token}"),  # who has the token may know
        *(("PUT", f"/me/{what}") for what in ("password", "organisation")),  # test_people.py tries these
        ("GET", "/me"),
        ("PATCH", "/me"),
    }
)
"""What needs no key, or any: it tells and changes nothing but one's own."""


def test_nothing_crosses_the_wall(office: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    office.ok("POST", "/projects", json={"name": "secret"})
    call = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", CENT, CENT)
    _a_job_of_documents(office)
    _a_conversation(office)
    _a_plan(office)
    tables = (
        "organisation",
        "project",
        "api_key",
        "guard",
        "provider",
        "deployment",
        "document_job",
        "document_known",
        "person",
        "invitation",
        "chat",
        "chat_template",
        "plan",
        "plan_run",
    )
    before = [office.sql(f"select * from {table} order by id") for table in tables]
    for method, path, more, status in CROSSINGS:
        refusal = office.refused(status, method, path.format(call=call), neighbour, **more)
        unknown = {"organisation": "nobody"}
        if status == 404 and more.get("params") == {"organisation": "default"}:
            # The same words as for an organisation that does not exist: nothing is revealed.
            other = office.refused(status, method, path.format(call=call), neighbour, params=unknown)
            assert other["message"] == refusal["message"].replace("default", "nobody")
    assert [office.sql(f"select * from {table} order by id") for table in tables] == before
    assert len(office.sql("select from document_known")) == 1
    assert not office.sql("select from person")
    assert len(office.sql("select from invitation")) == 1, "the first start's own"
    assert office.ok("GET", "/books/journal", neighbour)["calls"] == []
    assert office.ok("GET", "/books/journal", neighbour, params={"call": call})["calls"] == []
    assert office.ok("GET", "/books/balance", neighbour)["accounts"] == []
    assert [one["name"] for one in office.ok("GET", "/projects", neighbour)["projects"]] == ["default"]
    assert {one["organisation"] for one in office.ok("GET", "/keys", neighbour)["keys"]} == {"neighbour"}


def _a_job_of_documents(office: Office) -> None:
    """In the organisation "default": job 1 with document 1 and schema "dogs"."""
    office.ok("PUT", "/documents/schemas/dogs", json={"words": "breed, colour"})
    assert office.ok("POST", "/documents/jobs", json={"schema": "dogs", "model": ""})["id"] == 1
    sent = office.ok("POST", "/documents/jobs/1/files", params={"name": "a.txt"}, content=b"brown")
    assert sent["id"] == 1
    known = {"text": "name,iban\nA,DE02120300000000202051\n"}
    assert office.ok("POST", "/documents/known/import", json=known)["new"] == 1


def _a_conversation(office: Office) -> None:
    """In the organisation "default": conversation 1, shared, and template 2, shared too."""
    assert office.ok("POST", "/chats", json={"title": "secret"})["id"] == 1
    office.ok("PATCH", "/chats/1", json={"shared": True})
    assert office.ok("POST", "/chat-templates", json={**TEMPLATE, "shared": True})["id"] == 2


def _a_plan(office: Office) -> None:
    """In the organisation "default": the plan "secret" with run 1, which nobody has calculated yet."""
    office.sql(
        "insert into plan (organisation_id, name, made_at) select id, 'secret', now() from organisation"
        " where name = 'default'"
    )
    office.sql(
        "insert into plan_version (plan_id, number, format, text, facts, made_by, made_at)"
        " select id, 1, 'toml', '', '{}', 'x', now() from plan"
    )
    office.sql(
        "insert into plan_run (organisation_id, plan_id, version, paths, seed, made_by, made_at, state,"
        " ended_at) select organisation_id, id, 1, 1, 1, 'x', now(), 'cancelled', now() from plan"
    )


def test_every_route_stands_in_the_wall_test(office: Office) -> None:
    routes = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in office.app.openapi()["paths"].items()
        for method in methods
    }
    tried = {(method, path) for method, path, _, _ in CROSSINGS}
    untried = {
        (method, path)
        for method, path in routes - OPEN
        if not any(method == did and _is_of(path, at) for did, at in tried)
    }
    assert untried == set()


def _is_of(route: str, path: str) -> bool:
    """Whether a path is one of a route: "/keys/1/revoke" of "/keys/{key}/revoke"."""
    parts = re.split(r"\{[^}]*\}", route)
    return re.fullmatch("[^/]+".join(map(re.escape, parts)), path) is not None


def test_the_operator_works_in_every_organisation(
    office: Office, bookkeeper: Bookkeeper, neighbour: str
) -> None:
    call = bookkeeper.post(bookkeeper.hold("neighbour", 10 * CENT), "posted", CENT, CENT)
    there = {"organisation": "neighbour"}
    assert [one["id"] for one in office.ok("GET", "/books/journal", params=there)["calls"]] == [call]
    assert office.ok("GET", "/books/journal")["calls"] == []
    assert office.ok("GET", "/books/verify", params=there)["ok"]
    assert office.ok("GET", f"/books/calls/{call}", neighbour)["contract"] == "embedded on demand"
    office.refused(404, "GET", "/projects", params={"organisation": "nobody"})
