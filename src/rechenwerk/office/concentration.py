"""``[[concentration]]``: caps as a file states them; and what they are measured from. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Mistake, Reader, check_name, items_of, unique
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.contracts.concentration import (
    BY,
    DIMENSIONS,
    RULES,
    Cap,
    Facts,
    Held,
    Served,
    Source,
    breaches,
    percent,
    spent_under,
    spreads,
)
from rechenwerk.contracts.draws import drawn_all, version_at
from rechenwerk.contracts.obligations import at_risk, capacity, payable
from rechenwerk.contracts.periods import DAY
from rechenwerk.contracts.ports import HourDraw, Version
from rechenwerk.contracts.renewals import renewed
from rechenwerk.office.ports import Configured, Contract, Deployment
from rechenwerk.office.standing import StoredContract
from rechenwerk.office.tables import ConcentrationTable
from rechenwerk.routing.ports import DEFAULT_CLASSES, DataClass
from rechenwerk.routing.residency import forbids

_SHARE = re.compile(r"0?\.[0-9]{1,6}|1(\.0{1,6})?")


def read_caps(reader: Reader) -> tuple[tuple[Cap, ...], Mapping[str, int]]:
    """All ``[[concentration]]`` of a file, and name -> line; the reader notes what is wrong with them."""
    tables = reader.tables("concentration", ConcentrationTable)
    unique(reader, "concentration", [(index, table.name) for index, table in tables])
    good = [table for index, table in tables if _good(reader, index, table)]
    caps = tuple(
        Cap(
            table.name,
            table.dimension,
            table.by,
            Decimal(table.at_most),
            of=table.of,
            hard=table.rule == "hard",
            window_days=table.window_days,
        )
        for table in good
    )
    return caps, {table.name: reader.line(("concentration", index)) for index, table in tables}


def _good(reader: Reader, index: int, table: ConcentrationTable) -> bool:
    before = len(reader.mistakes)
    at: Path = ("concentration", index)
    check_name(reader, (*at, "name"), table.name)
    for field, known in (("dimension", DIMENSIONS), ("by", BY), ("rule", RULES)):
        word = getattr(table, field)
        if word not in known:
            reader.wrong((*at, field), f"unknown {field} {word[:40]!r}", did_you_mean(word, known))
    if not 1 <= table.window_days <= 366:
        reader.wrong((*at, "window_days"), "window_days must be 1 to 366", "write the days of the window")
    names = _names(reader, table.by)
    if table.of and table.of not in names:
        message = f"there is no {table.by} {table.of!r} in this file"
        reader.wrong((*at, "of"), message, did_you_mean(table.of, names))
    if not _SHARE.fullmatch(table.at_most) or not Decimal(table.at_most):
        fix = 'write a share of the whole in quotes, such as "0.6" for 60 %'
        reader.wrong((*at, "at_most"), f"{table.at_most[:40]!r} is no share", fix)
    elif table.rule == "hard" and not table.of and Decimal(table.at_most) * len(names) < 1:
        share, count = percent(Fraction(table.at_most)), len(names)
        message = f"a hard cap of {share} for each of {count} {table.by}s can never hold"
        reader.wrong((*at, "at_most"), message, "raise it, name more of them, or make it soft")
    return len(reader.mistakes) == before


def _names(reader: Reader, by: str) -> list[str]:
    found = []
    for item in items_of(reader, "provider"):
        name = (item.get("owner") if by == "owner" else None) or item.get("name")
        if isinstance(name, str) and name not in found:
            found.append(name)
    return found


def facts(
    configured: Configured,
    contracts: Sequence[StoredContract],
    draws: Sequence[HourDraw],
    served: Sequence[Served],
    now: int,
    window_days: int,
    shared: Configured | None = None,
) -> Facts:
    """What concentration is measured from.

    Args:
        configured: the configuration.
        contracts: the history of its terms; of one without, the terms in `configured` hold for ever.
        draws: from its contracts, since they began.
        served: by its deployments, in the window.
        now: the end of the window, epoch seconds.
        window_days: its length.
        shared: the operator's configuration, whose data classes hold where this one names none.
    """
    owners = {row.name: row.owner or row.name for row in configured.providers}
    standing = {row.name: row for row in configured.contracts if row.active}
    versions: dict[str, tuple[Version, ...]] = {}
    versions |= {name: (Version(0.0, row.terms),) for name, row in standing.items()}
    versions |= {row.name: row.versions for row in contracts if row.name in standing}
    versions = {name: renewed(found, now) for name, found in versions.items()}
    terms = {name: version_at(found, now) for name, found in versions.items()}
    drawn = drawn_all(versions, draws)
    span = (now - window_days * DAY, now)
    costs = _costs(draws, span)
    held = tuple(
        Held(
            row.name,
            row.provider,
            owners[row.provider],
            spent_under(row.terms, costs.get(row.name, 0), span),
            payable(terms[row.name], drawn[row.name], now),
            at_risk(terms[row.name], drawn[row.name], now),
        )
        for row in standing.values()
    )
    return Facts(held, _sources(configured, standing, owners, _classes(configured, shared)), tuple(served))


def _sources(
    configured: Configured,
    standing: Mapping[str, Contract],
    owners: Mapping[str, str],
    classes: Mapping[str, DataClass],
) -> tuple[Source, ...]:
    """Every deployment that serves, with its part of the capacity and the data that it may see."""
    serving = {row.name for row in configured.providers if row.active}
    rows = [
        row
        for row in configured.deployments
        if row.active and row.provider in serving and row.contract in standing
    ]
    rows.sort(key=lambda row: (row.contract, row.model))
    told = {name: capacity(row.terms) for name, row in standing.items()}
    firsts = {row.contract: row for row in reversed(rows)}
    return tuple(
        Source(
            row.model,
            row.provider,
            owners[row.provider],
            row.contract,
            _capacity(row, told[row.contract], first=firsts[row.contract] is row),
            frozenset(
                name for name, one in classes.items() if forbids(one, row.jurisdiction, row.level) is None
            ),
        )
        for row in rows
    )


def _classes(configured: Configured, shared: Configured | None) -> dict[str, DataClass]:
    classes = dict(DEFAULT_CLASSES)
    for rows in (shared.data_classes if shared else (), configured.data_classes):
        for row in rows:
            if row.active:
                classes[row.name] = DataClass(row.name, frozenset(row.jurisdictions), row.level)
    return classes


def _costs(draws: Sequence[HourDraw], span: tuple[int, int]) -> Mapping[str, int]:
    costs: dict[str, int] = defaultdict(int)
    for draw in draws:
        if span[0] <= draw.hour < span[1]:
            costs[draw.contract] += draw.cost
    return costs


def _capacity(row: Deployment, contract: Fraction | None, *, first: bool) -> int | None:
    """Tokens per minute: what the contract takes, carried by one deployment; else the deployment's own."""
    if contract is not None:
        return int(contract) if first else 0
    return row.tokens_per_minute


def refused(wanted: Configured, draws: Sequence[HourDraw], now: int) -> list[Mistake]:
    """Hard caps on capacity and commitments that a configuration does not keep."""
    caps = [cap for cap in wanted.caps if cap.hard and cap.dimension != "spend"]
    if not caps:
        return []
    found = spreads(facts(wanted, (), draws, (), now, 1))
    return [
        Mistake(
            wanted.cap_lines.get(one.cap.name, 1),
            f"the hard cap {one.cap.name!r} allows a {one.cap.by} {percent(Fraction(one.cap.at_most))} of the"
            f" {one.cap.dimension} and {one.name!r} would have {percent(one.share)}",
            "buy elsewhere, raise at_most, or make it soft",
        )
        for one in breaches(caps, found)
    ]
