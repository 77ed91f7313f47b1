"""Providers' bills against the books: read, compared, settled, undone; what is owed, and what is paid."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.figures import places
from rechenwerk.console.listing import Column, Row, arrange, as_csv
from rechenwerk.console.pages.projects import amount_of
from rechenwerk.console.visit import Visit, page

PATH = "/console/books"
ROWS = (
    Column("day"),
    Column("until"),
    Column("model"),
    Column("contract"),
    Column("billed", number=True),
    Column("booked", number=True),
    Column("settled", number=True),
    Column("difference", number=True),
    Column("cause"),
    Column("detail"),
)


@page
async def bills(visit: Visit) -> Response:
    """Bills that were booked, and the form for another one: first it is only looked at."""
    if visit.request.method == "GET":
        return await _bills(visit)
    form = await visit.form()
    answer = await visit.send("POST", "/books/reconcile", _bill(form))
    if not answer.ok:
        return await _bills(visit, answer, form)
    if answer.body["bill"] is not None:
        return visit.go(f"{PATH}/bills/{answer.body['bill']}", "bill_settled", str(answer.body["bill"]))
    return _show(visit, answer.body, form)


def _bill(form: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "provider": form.get("provider", ""),
        "text": form.get("text", ""),
        "name": form.get("name", "").strip()[:200] or "bill",
        "names": _pairs(form.get("names", "")),
        "rates": _pairs(form.get("rates", "")),
        "settle": form.get("settle") == "yes",
    }
    if period := form.get("period", "").strip():
        body["period"] = period
    return body


def _pairs(text: str) -> dict[str, str]:
    """Lines such as ``USD=0.92``; the last = counts, names may contain some."""
    cut = [line.rpartition("=") for line in text.splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, _, value in cut}


async def _bills(visit: Visit, failed: Answer | None = None, form: dict[str, str] | None = None) -> Response:
    found, providers = await asyncio.gather(
        visit.get("/books/bills"),
        visit.get("/providers"),
    )
    if not found.ok:
        return visit.failed(found)
    return visit.render(
        "books_bills.html",
        section="books",
        tab="bills",
        bills=found.body["bills"],
        currency=found.body["currency"],
        providers=[one["name"] for one in providers.part("providers", [])],
        form=form or {},
        problem=failed.problem if failed else None,
    )


def _show(
    visit: Visit, bill: dict[str, Any], form: dict[str, str] | None, failed: Answer | None = None
) -> Response:
    rows: Sequence[Row] = bill["rows"]
    number = bill["bill"]
    listing = arrange(f"{PATH}/bills/{number}", rows, ROWS, visit.query, ("model", "cause"), ("cause",))
    if visit.query.get("download"):
        return as_csv(f"bill-{number}", ROWS, listing.rows)
    return visit.render(
        "books_bill.html",
        section="books",
        tab="bills",
        bill=bill,
        list=listing,
        form=form,
        problem=failed.problem if failed else None,
    )


@page
async def bill(visit: Visit) -> Response:
    """One bill that was booked; a reason sent takes it back whole."""
    number = visit.request.path_params["id"]
    failed = None
    if visit.request.method == "POST":
        form = await visit.form()
        body = {"reason": form.get("reason", "").strip()}
        done = await visit.send("POST", f"/books/bills/{number}/undo", body)
        if done.ok:
            return visit.go(f"{PATH}/bills/{number}", "bill_undone", str(number))
        failed = done
    found = await visit.get("/books/bills")
    if not found.ok:
        return visit.failed(found)
    one = next((one for one in found.body["bills"] if one["bill"] == number), None)
    if one is None:
        return visit.render("problem.html", problem=visit.no("bill", str(number)))
    return _show(visit, one, None, failed)


# -- owed and paid ------------------------------------------------------------------------------------


@page
async def owed(visit: Visit) -> Response:
    """What customers owe and paid, and what providers are owed."""
    if visit.request.method == "GET":
        return await _owed(visit)
    form = await visit.form()
    do = form.get("do", "")
    texts = ("project", "document", "reference", "reason", "on", "provider", "contract")
    body: dict[str, Any] = {name: form[name].strip() for name in texts if form.get(name, "").strip()}
    body["amount"] = amount_of(form.get("amount", ""))
    if do == "provider":
        answer = await visit.send("POST", "/books/provider-payments", body)
    else:
        path = "/books/write-offs" if do == "write-off" else "/books/payments"
        answer = await visit.send("POST", path, {**body, "organisation": visit.elsewhere or None})
    return visit.go(f"{PATH}/owed", "saved") if answer.ok else await _owed(visit, answer, form)


async def _owed(visit: Visit, failed: Answer | None = None, form: dict[str, str] | None = None) -> Response:
    operator = visit.may("operator")
    receivables = await visit.get("/books/receivables")
    if not receivables.ok:
        return visit.failed(receivables)
    payables = await visit.get("/books/payables") if operator else None
    owing = payables.part("payables", []) if payables else []
    named = ("receivable", "overrun", "unresolved", "open", "payable", "accrued", "passed_on")
    digits = places(
        one[name] for one in (*receivables.body["projects"], *owing) for name in named if name in one
    )
    return visit.render(
        "books_owed.html",
        section="books",
        tab="owed",
        owed=receivables.body,
        payables=owing,
        digits=digits,
        form=form or {},
        problem=failed.problem if failed else None,
    )


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/books/bills", bills, methods=["GET", "POST"]),
        Route("/books/bills/{id:number}", bill, methods=["GET", "POST"]),
        Route("/books/owed", owed, methods=["GET", "POST"]),
    ]
