"""Closing a month, its documents, and the accounts: from a figure down to the calls behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.figures import places
from rechenwerk.console.visit import Visit, page, with_query

PATH = "/console/books"
_DRILLED = ("usage", "calls", "unresolved")


@page
async def close(visit: Visit) -> Response:
    """What closing a month would write, and the button that does it."""
    period = visit.request.path_params["period"]
    failed: Answer | None = None
    if visit.request.method == "POST":
        form = await visit.form()
        at = f"/books/periods/{quote(period, safe='')}/close"
        if form.get("accrue"):
            body = {"period": period, "organisation": visit.elsewhere or None}
            done = await visit.send("POST", "/books/accrue", body)
            if done.ok:
                return visit.go(f"{PATH}/close/{quote(period, safe='')}", "accrued")
        elif form.get("sure") != period:
            return await _close(visit, period, None, unsure=True)
        else:
            done = await visit.send("POST", at, {"with_unresolved": form.get("with_unresolved") == "yes"})
            if done.ok:
                return visit.go(f"{PATH}/documents?period={quote(period, safe='')}", "closed", period)
        failed = done
    return await _close(visit, period, failed)


async def _close(visit: Visit, period: str, failed: Answer | None, *, unsure: bool = False) -> Response:
    looked = await visit.get(f"/books/periods/{quote(period, safe='')}/close")
    if not looked.ok:
        return visit.failed(looked)
    return visit.render(
        "books_close.html",
        422 if unsure else None,
        section="books",
        tab="documents",
        close=looked.body,
        problem=failed.problem if failed else None,
        unsure=unsure,
    )


@page
async def document(visit: Visit) -> Response:
    """One document with its lines, each with the calls behind it."""
    return await _document(visit, visit.request.path_params["number"])


async def _document(visit: Visit, number: str, failed: Answer | None = None) -> Response:
    found, listed = await asyncio.gather(
        visit.get(f"/books/documents/{quote(number, safe='')}.json"), visit.get("/books/documents")
    )
    if not found.ok:
        return visit.failed(failed or found)
    content: dict[str, Any] = found.body
    rows = [{**row, "calls": _calls(content, row)} for row in content["rows"]]
    entry = next((one for one in listed.part("documents", []) if one["number"] == number), None)
    return visit.render(
        "books_document.html",
        section="books",
        tab="documents",
        doc=content,
        rows=rows,
        entry=entry,
        sha256=found.headers.get("x-content-sha256", ""),
        digits=places(row["exact"] for row in rows),
        problem=failed.problem if failed else None,
    )


def _calls(content: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Where the calls behind a line are; '' where there are none."""
    if row["kind"] == "document":
        return f"{PATH}/documents/{quote(row.get('reference', ''), safe='')}"
    if row["kind"] not in _DRILLED or content["scope"] != "project":
        return ""
    query = {"project": content["project"], "period": content["period"], "model": row["text"]}
    if row.get("bucket"):
        query["bucket"] = row["bucket"]
    query["outcome"] = "unresolved" if row["kind"] == "unresolved" else "posted"
    if row["kind"] == "unresolved":
        del query["model"]
    return with_query("/console/journal", **query)


@page
async def reverse(visit: Visit) -> Response:
    """Take a document back by a credit note, and write a corrected one."""
    number = visit.request.path_params["number"]
    form = await visit.form()
    path = f"/books/documents/{quote(number, safe='')}/reverse"
    done = await visit.send("POST", path, {"reason": form.get("reason", "").strip()})
    if not done.ok:
        return await _document(visit, number, done)
    return visit.go(f"{PATH}/documents/{quote(done.body['correction'], safe='')}", "reversed", number)


@page
async def account(visit: Visit) -> Response:
    """One account and what moved on it."""
    number, query = visit.request.path_params["id"], visit.query
    of = "vouchers" if query.get("of") == "vouchers" else "calls"
    period, before = query.get("period", ""), query.get("before", "")
    found, periods = await asyncio.gather(
        visit.get(f"/books/accounts/{number}", of=of, period=period, before=before),
        visit.get("/books/periods"),
    )
    if not found.ok:
        return visit.failed(found)

    def url(**more: str) -> str:
        return with_query(f"{PATH}/accounts/{number}", **{"of": of, "period": period, **more})

    entries, sums = found.body["entries"], found.body["account"]
    return visit.render(
        "books_account.html",
        section="books",
        tab="balance",
        account=sums,
        entries=entries,
        currency=found.body["currency"],
        digits=places([sums["debit"], sums["credit"], *(one["debit"] for one in entries)]),
        of=of,
        period=period,
        periods=[one["period"] for one in periods.part("periods", [])],
        url=url,
        first=url() if before else "",
        next=url(before=found.body["next"]) if found.body["next"] else "",
    )


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/books/close/{period}", close, methods=["GET", "POST"]),
        Route("/books/documents/{number}", document, methods=["GET"]),
        Route("/books/documents/{number}/reverse", reverse, methods=["POST"]),
        Route("/books/accounts/{id:number}", account, methods=["GET"]),
    ]
