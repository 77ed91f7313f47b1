"""What models are sold for: the part of a snapshot that holds tariffs and discounts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from types import MappingProxyType

import asyncpg
import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.gateway.ports import Sale
from rechenwerk.ledger.tariff_months import Discount, Version, segments
from rechenwerk.ledger.tariffs import call_price
from rechenwerk.store.terms import tariff_terms

_log = logging.getLogger("rechenwerk.snapshot")
_EVER = float("inf")
_LATE = 600.0
"""Seconds by which a gateway's clock may be behind that of the database."""

VERSIONS_OF_TARIFFS = "select organisation_id, id, model, terms, valid_from from tariff order by id"
DISCOUNTS = """
    select organisation_id, id, project_id, model, valid_from, valid_to, share, reason, made_by
    from tariff_discount order by id
"""


def versions_of(rows: Sequence[asyncpg.Record]) -> list[Version]:
    """Versions as they were written; those that cannot be read must not stop everybody else's."""
    found = []
    for row in rows:
        try:
            terms = tariff_terms(row["terms"])
            if terms is not None:
                call_price(terms)
        except (msgspec.MsgspecError, RechenwerkError) as error:
            _log.error("the tariff of %r cannot be read, so it sells nothing: %s", row["model"], error)
            terms = None
        found.append(Version(row["id"], row["organisation_id"], row["model"], terms, row["valid_from"]))
    return found


def discount_of(row: asyncpg.Record) -> Discount:
    """A discount as it was written."""
    return Discount(
        row["id"],
        row["project_id"],
        row["model"],
        row["valid_from"],
        row["valid_to"],
        row["share"],
        row["reason"],
        row["made_by"],
    )


def sales_of(versions: Sequence[Version], now: float) -> MappingProxyType[tuple[int, str], tuple[Sale, ...]]:
    """(organisation, model) -> what holds now and later; 0 for all that have no tariff of their own."""
    of_model: dict[str, list[Version]] = defaultdict(list)
    for one in versions:
        of_model[one.model].append(one)
    found = {}
    for organisation, model in {(one.organisation, one.model) for one in versions}:
        sales = []
        for segment in segments(of_model[model], organisation, model):
            until = _EVER if segment.ends is None else segment.ends.timestamp()
            terms = segment.version.terms
            if until > now - _LATE and terms is not None:
                price = call_price(terms, tariff=segment.version.id)
                sales.append(Sale(segment.starts.timestamp(), until, price, terms))
        found[organisation, model] = tuple(sales)
    return MappingProxyType(found)


def discounts_of(rows: Sequence[asyncpg.Record]) -> MappingProxyType[int, tuple[Discount, ...]]:
    """Organisation -> its discounts."""
    found: dict[int, list[Discount]] = defaultdict(list)
    for row in rows:
        found[row["organisation_id"]].append(discount_of(row))
    return MappingProxyType({organisation: tuple(all_of) for organisation, all_of in found.items()})


def sellers(versions: Sequence[Version]) -> dict[tuple[int, str], int]:
    """(organisation, model) -> since when (epoch seconds), where its own deployments are sold.

    The operator's are sold to whoever has a tariff for the model, its own or the shared one.
    """
    since: dict[tuple[int, str], int] = {}
    for one in versions:
        if one.terms is not None:
            for organisation in {one.organisation, 0}:
                key = (organisation, one.model)
                begun = int(one.starts.timestamp())
                since[key] = min(since.get(key, begun), begun)
    return since
