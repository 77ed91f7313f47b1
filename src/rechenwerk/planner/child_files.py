"""A process that writes a plan's files and drafts plans from books.

Run as ``python -m rechenwerk.planner.child_files [MEGABYTES [later]]``; its frames are those of `child`. What
draws and writes loads slowly, so that it is another process than the one that sliders wait for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.answering import Progress, Subject, plan_of, source_of
from rechenwerk.planner.book_series import begun, decoded
from rechenwerk.planner.child import Answers, Asked, start
from rechenwerk.planner.exporting import as_csv, as_parquet, entries
from rechenwerk.planner.from_books import draft
from rechenwerk.planner.plans import load_plan
from rechenwerk.planner.reporting.content import compose
from rechenwerk.planner.reporting.page import page
from rechenwerk.planner.reporting.sheets import sheets
from rechenwerk.planner.running import base, run
from rechenwerk.planner.words import Words
from rechenwerk.planner.workbook import workbook
from rechenwerk.planner.workbook_words import Language


def _file(subject: Subject, asked: Asked, _: Progress) -> bytes:
    """A plan as a file: a workbook, a table, or a report."""
    plan, form = plan_of(subject), asked["form"]
    language: Language = "de" if asked["language"] == "de" else "en"
    if form == "xlsx":
        if subject.without:
            raise PlanError("a workbook has all statuses; leave out `without`, or choose a scenario")
        return workbook(plan, source_of(subject), language)
    paths = asked["paths"]
    if form in {"csv", "parquet"}:
        outcome = run(plan, paths=paths, seed=plan.written.head.seed)
        rows = entries(plan, base(plan), outcome)
        return as_csv(rows) if form == "csv" else as_parquet(rows, plan, outcome)
    report = compose(plan, subject.scenario, paths, 1, Words(language))
    return page(report) if form == "html" else sheets(report)


def _draft(_: Subject, asked: Asked, __: Progress) -> dict[str, Any]:
    """A plan of what the books say."""
    books = decoded(
        asked["models"], asked["by_contract"], asked["contracts"], asked["balance"], asked["months"]
    )
    drafted = draft(begun(books), asked["periods"], asked["paths"])
    load_plan(drafted.text)
    return {"text": drafted.text, "notes": drafted.notes}


_ANSWERS: Answers = MappingProxyType({"file": _file, "draft": _draft})

if __name__ == "__main__":
    start(_ANSWERS)
