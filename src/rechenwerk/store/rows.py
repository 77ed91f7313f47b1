"""Holds and posts as rows of the types that the till's functions take."""

from __future__ import annotations

from collections.abc import Sequence

from rechenwerk.ledger.ports import Hold, Post

Row = tuple[object, ...]


def hold_row(h: Hold) -> Row:
    """As the type ``hold_row`` has it."""
    return (
        h.id,
        h.organisation,
        h.project,
        h.key,
        h.deployment,
        h.contract,
        h.endpoint,
        h.model,
        h.streamed,
        h.amount,
        h.cost_bound,
        h.slices,
        h.started_us,
        h.expires_s,
        h.attempt_of,
    )


def post_row(p: Post) -> Row:
    """As the type ``post_row`` has it."""
    h = p.hold
    u = p.usage
    return (
        h.id,
        h.organisation,
        h.project,
        h.key,
        p.deployment,
        p.contract,
        h.endpoint,
        h.model,
        h.streamed,
        p.outcome,
        p.reason,
        p.source,
        u.input,
        u.cached_input,
        u.cache_write,
        u.output,
        u.reasoning,
        u.images,
        u.seconds,
        u.requests,
        p.raw_usage,
        h.amount,
        p.price,
        p.cost,
        h.slices,
        p.status,
        h.started_us,
        p.first_byte_us,
        p.total_us,
        p.decision,
        h.attempt_of,
        p.energy_uwh,
        p.co2_ug,
        p.listed,
        p.tariff,
    )


def transfer_rows(posts: Sequence[Post]) -> list[Row]:
    """All transfers of a batch, as the type ``transfer_row`` has them."""
    return [
        (p.hold.organisation, p.hold.id, line, t.debit, t.credit, t.amount)
        for p in posts
        for line, t in enumerate(p.transfers, 1)
    ]
