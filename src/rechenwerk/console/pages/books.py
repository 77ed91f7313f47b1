"""Books: accounts, months with their documents, exports, and the proof that all of it agrees."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.figures import places
from rechenwerk.console.listing import Column, arrange, as_csv, ask
from rechenwerk.console.visit import Visit, page

PATH = "/console/books"
EXPORTS = (
    "beancount",
    "hledger",
    "focus-1.2",
    "focus-1.4",
    "focus-1.4-contracts",
    "calls-csv",
    "calls-parquet",
)
TOTALS = ("project", "key", "model", "deployment", "contract", "outcome")

ACCOUNTS = (
    Column("kind"),
    Column("project"),
    Column("contract"),
    Column("debit", number=True),
    Column("credit", number=True),
    Column("balance", number=True),
)
DOCUMENTS = (
    Column("number"),
    Column("kind"),
    Column("project"),
    Column("period"),
    Column("issued_at"),
    Column("net", number=True),
    Column("vat", number=True),
    Column("gross", number=True),
)
SUMS = (
    Column("name"),
    Column("calls", number=True),
    Column("attempts", number=True),
    Column("input", lambda row: row["usage"].get("input"), number=True),
    Column("output", lambda row: row["usage"].get("output"), number=True),
    Column("price", number=True),
    Column("cost", number=True),
)


@page
async def balance(visit: Visit) -> Response:
    """The trial balance: of all time, or of a month."""
    (listing, answer), periods = await asyncio.gather(
        ask(
            visit,
            PATH,
            "/books/balance",
            "accounts",
            ACCOUNTS,
            visit.query,
            ("kind", "period"),
            "kind",
            "found",
        ),
        visit.get("/books/periods"),
    )
    if not answer.ok:
        return visit.failed(answer)
    if visit.query.get("download"):
        return as_csv("balance", ACCOUNTS, listing.rows)
    total = answer.body["total"]
    return visit.render(
        "books_balance.html",
        section="books",
        tab="balance",
        list=listing,
        total=total,
        currency=answer.body["currency"],
        digits=places([total["debit"], *(one["balance"] for one in listing.rows)]),
        kinds=answer.body["kinds"],
        periods=[one["period"] for one in periods.part("periods", [])],
    )


@page
async def totals(visit: Visit) -> Response:
    """What was called in a month: by project, key, model and so on."""
    by = visit.query.get("by", "")
    by = by if by in TOTALS else "project"
    period = visit.query.get("period") or visit.month
    answer, periods = await asyncio.gather(
        visit.get("/books/totals", by=by, period=period), visit.get("/books/periods")
    )
    if not answer.ok:
        return visit.failed(answer)
    path, keep = f"{PATH}/totals", {"by": by, "period": period}
    listing = arrange(path, answer.body["rows"], SUMS, visit.query, ("name",), (), "-price", keep)
    if visit.query.get("download"):
        return as_csv(f"totals-{period}-{by}", SUMS, listing.rows)
    names = [one["period"] for one in periods.part("periods", [])]
    return visit.render(
        "books_totals.html",
        section="books",
        tab="totals",
        list=listing,
        total=answer.body["total"],
        currency=answer.body["currency"],
        digits=places(one["price"] for one in listing.rows),
        cost_digits=places(one["cost"] for one in listing.rows),
        by=by,
        choices=TOTALS,
        period=period,
        periods=names if period in names else [period, *names],
    )


@page
async def months(visit: Visit) -> Response:
    """Months and their documents."""
    query = visit.query
    periods, documents = await asyncio.gather(visit.get("/books/periods"), visit.get("/books/documents"))
    if not periods.ok or not documents.ok:
        return visit.failed(documents if periods.ok else periods)
    rows = documents.body["documents"]
    filters = ("period", "kind")
    path = f"{PATH}/documents"
    listing = arrange(path, rows, DOCUMENTS, query, ("number", "project"), filters, "-number")
    if query.get("download"):
        return as_csv("documents", DOCUMENTS, listing.rows)
    return visit.render(
        "books_documents.html",
        section="books",
        tab="documents",
        list=listing,
        months=periods.body["periods"],
        currency=documents.body["currency"],
        kinds=sorted({one["kind"] for one in rows}),
        periods=sorted({one["period"] for one in rows}, reverse=True),
    )


@page
async def exports(visit: Visit) -> Response:
    """Files that other programs read and verify."""
    periods = await visit.get("/books/periods")
    if not periods.ok:
        return visit.failed(periods)
    months = periods.body["periods"]
    names = [one["period"] for one in months]
    period = visit.query.get("period", "")
    return visit.render(
        "books_exports.html",
        archived=period in [one["period"] for one in months if one["closed_at"]],
        section="books",
        tab="exports",
        formats=EXPORTS,
        periods=names,
        period=period if period in names else "",
    )


@page
async def verify(visit: Visit) -> Response:
    """What a proof is, and the button that begins one."""
    if visit.request.method == "POST":
        answer = await visit.send("POST", "/books/verify", {})
        return visit.go(f"{PATH}/verify/{answer.body['id']}") if answer.ok else visit.failed(answer)
    roots = await visit.get("/books/roots", limit=20)
    return visit.render(
        "books_verify.html", section="books", tab="verify", roots=roots.part("roots", []), run=None
    )


@page
async def verifying(visit: Visit) -> Response:
    """How far a proof is, and what it found."""
    run, roots = await asyncio.gather(
        visit.get(f"/books/verify/{quote(visit.request.path_params['run'], safe='')}"),
        visit.get("/books/roots", limit=20),
    )
    if not run.ok:
        return visit.failed(run)
    return visit.render(
        "books_verify.html", section="books", tab="verify", roots=roots.part("roots", []), run=run.body
    )


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/books", balance, methods=["GET"]),
        Route("/books/totals", totals, methods=["GET"]),
        Route("/books/documents", months, methods=["GET"]),
        Route("/books/exports", exports, methods=["GET"]),
        Route("/books/verify", verify, methods=["GET", "POST"]),
        Route("/books/verify/{run}", verifying, methods=["GET"]),
    ]
