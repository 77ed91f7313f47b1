"""Contracts of every kind, for properties."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from rechenwerk.contracts.terms import (
    Approval,
    BillingStep,
    Block,
    Bucket,
    Cap,
    Contract,
    FreeAllowance,
    Grant,
    Header,
    Interval,
    Milestone,
    OnDemand,
    Overflow,
    OwnHardware,
    PrepaidCredit,
    Pricing,
    Provisioned,
    Shortfall,
    TakeOrPay,
    Tier,
    Tiers,
)

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12)
AMOUNTS = st.decimals("0.01", "1000000", places=2)
RATES = st.decimals("0", "100", places=3)
SHARES = st.decimals("0", "0.99", places=2)
INTERVALS = st.sampled_from(get_args(Interval))
BUCKETS = st.sampled_from(get_args(Bucket))
WEIGHTS = st.dictionaries(BUCKETS, st.decimals("0", "20", places=1), max_size=3)
MEASURES = st.sampled_from(("spend", "quantity"))
DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


TIERS = st.builds(
    Tiers,
    measure=MEASURES,
    per=INTERVALS,
    steps=st.lists(st.builds(Tier, above=AMOUNTS, factor=RATES), min_size=1, max_size=3).map(tuple),
    applies=st.sampled_from(("marginal", "all-unit")),
    weights=WEIGHTS,
)
PRICING = st.builds(
    Pricing,
    discount=SHARES,
    factors=st.dictionaries(st.sampled_from(("priority", "flex", "batch")), RATES, max_size=2),
    tiers=maybe(TIERS),
    step=maybe(st.builds(BillingStep, size=st.integers(1, 10**6), least=st.integers(0, 1000))),
    free=maybe(st.builds(FreeAllowance, amount=AMOUNTS, per=INTERVALS, measure=MEASURES, weights=WEIGHTS)),
)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXT,
    "provider": TEXT,
    "status": st.sampled_from(("proposed", "active", "exhausted", "expired")),
    "since": maybe(DAYS),
    "models": st.lists(TEXT, max_size=2).map(tuple),
    "covers": st.lists(TEXT, max_size=2).map(tuple),
    "order": maybe(st.integers(0, 9)),
    "exclusive": st.booleans(),
    "anchor": st.sampled_from(("calendar", "starts")),
    "pricing": st.just(Pricing()) | PRICING,
    "caps": st.lists(
        st.builds(Cap, amount=AMOUNTS, per=INTERVALS, measure=MEASURES, weights=WEIGHTS), max_size=2
    ).map(tuple),
    "overflow": st.builds(Overflow, rule=st.sampled_from(("refuse", "spill", "shared")), to=maybe(TEXT)),
    "notice_days": maybe(st.integers(0, 90)),
    "renews": maybe(INTERVALS),
    "upfront": st.sampled_from((Decimal(0), Decimal("0.5"), Decimal(1))),
    "header": maybe(st.builds(Header, name=TEXT, dedicated=TEXT, shared=TEXT, spillover=maybe(TEXT))),
}
OWN: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    OnDemand: {},
    PrepaidCredit: {"balance": AMOUNTS, "paid": maybe(AMOUNTS), "rolls_over": st.booleans()},
    TakeOrPay: {
        "minimum": AMOUNTS,
        "period": maybe(INTERVALS),
        "measure": MEASURES,
        "weights": WEIGHTS,
        "milestones": st.lists(st.builds(Milestone, by=DAYS, amount=AMOUNTS), max_size=2).map(tuple),
        "counts": st.sampled_from(("paid", "list")),
        "committed_discount": SHARES,
        "shortfall": st.builds(
            Shortfall, rule=st.sampled_from(("pay", "prepayment", "carry")), months=st.integers(0, 24)
        ),
        "unit_price": maybe(RATES),
    },
    Provisioned: {
        "blocks": st.lists(
            st.builds(
                Block,
                name=TEXT,
                units=AMOUNTS,
                hold_fee=RATES,
                use_fee=maybe(RATES),
                per=INTERVALS,
                throughput=maybe(AMOUNTS),
                measure=MEASURES,
                weights=WEIGHTS,
            ),
            min_size=1,
            max_size=3,
        ).map(tuple)
    },
    OwnHardware: {
        "purchase": AMOUNTS,
        "months": st.integers(1, 120),
        "throughput": AMOUNTS,
        "residual": RATES,
        "upkeep": RATES,
        "site": TEXT | st.just(""),
        "idle_kw": RATES,
        "load_kw": RATES,
        "pue": st.decimals("1", "2", places=2),
        "weights": WEIGHTS,
    },
    Grant: {
        "quantity": AMOUNTS,
        "unit": TEXT,
        "weights": WEIGHTS,
        "usage_per_unit": AMOUNTS,
        "per": INTERVALS,
        "carries": st.booleans(),
        "projects": st.lists(TEXT, max_size=2).map(tuple),
        "purposes": st.lists(TEXT, max_size=2).map(tuple),
        "purpose": TEXT | st.just(""),
        "approval": maybe(st.builds(Approval, by=TEXT, on=DAYS, reference=TEXT)),
        "use_by": maybe(DAYS),
        "unit_price": RATES,
    },
}


@st.composite
def contracts(draw: st.DrawFn, kinds: tuple[type[Any], ...] = tuple(OWN)) -> Contract:
    """A contract with whatever terms; not all of them make sense together."""
    kind = draw(st.sampled_from(kinds))
    fields = {name: draw(strategy) for name, strategy in (COMMON | OWN[kind]).items()}
    starts = draw(maybe(DAYS))
    length = draw(maybe(st.integers(0, 1200)))
    fields["starts"] = starts
    fields["ends"] = None if length is None else (starts or date(2026, 1, 1)) + timedelta(days=length)
    found: Contract = kind(**fields)
    return found
