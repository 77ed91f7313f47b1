"""Statements to render, made without a database."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.ledger.periods import parse_period
from rechenwerk.ledger.prices import price_list
from rechenwerk.ledger.statement_rows import Entry, Used
from rechenwerk.ledger.statements import Content, encode
from rechenwerk.office.closing.compose import Issue, statements
from rechenwerk.office.closing.ports import Facts, PoolUse, ProjectFacts, ProjectUse, Setting, Shared

ISSUE = Issue(parse_period("2026-03"), datetime(2026, 4, 2, 9, 30, tzinfo=UTC), "controlling")
SETTING = Setting(
    issuer=("Stadt Köln, IT-Betrieb", "Musterstraße 1", "50667 Köln"),
    recipient=("Bürgeramt Süd", "Gürtelweg 7", "50999 Köln"),
    vat_rate="19",
    allocation="use",
)


def used(model: str, rates: dict[str, str], price: int | None = None, **usage: int) -> Used:
    """Calls of a model at a price list; at another price where one is given."""
    prices = price_list(rates)
    counts = {bucket: usage.get(bucket, 0) for bucket in BUCKETS}
    return Used(model, prices, 1000, counts, prices.amount(Usage(**usage)) + 3 if price is None else price)


def facts(models: int) -> Facts:
    """Two projects, the first with that many models, each of which has four lines."""
    listed = [
        used(
            f"modell-{number:02d}-groß",
            {"input": "3", "cached_input": "0.30", "output": "15"},
            input=12_345_678 * number,
            cached_input=4_000_000 + number,
            output=2_345_678,
            reasoning=10_000 * number,
        )
        for number in range(1, models + 1)
    ]
    entries = (
        Entry("adjustment", "-5", "Mindestbetrag für modell-01-groß, anteilig ab dem 14.03.", 12_340_000_001),
        Entry("discount", "-6", "Treuerabatt", -3_210_000_000),
    )
    first = ProjectFacts(1, "bürgerdienste", "4711", tuple(listed), (), entries, 1_000)
    second = ProjectFacts(2, "rechtsamt", "", (used("klein", {"input": "0.15"}, input=999),), (), (), 0)
    weights = tuple(
        ProjectUse(one.id, one.name, one.cost_centre, sum(call.price for call in one.used), 10, 0)
        for one in (first, second)
    )
    pools = (PoolUse("gpu-server", 700_000_000_000, 300_000_000_000, -650_000_000_000),)
    return Facts("stadtwerke", "EUR", 16, Shared(SETTING, pools, weights), (first, second), ())


def documents(models: int = 2) -> list[Content]:
    """The statements of the projects and the organisation's."""
    return [draft.content for draft in statements(facts(models), ISSUE)]


def sha256(content: Content) -> str:
    """What is signed for."""
    return hashlib.sha256(encode(content).encode()).hexdigest()
