"""What a plan's tables say that cannot be meant, each with its place and its fix."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path
from rechenwerk.planner.axis import Axis, month_number
from rechenwerk.planner.numbers import number, parted
from rechenwerk.planner.reading import numbers_of
from rechenwerk.planner.scenarios import factors, scenario
from rechenwerk.planner.tables import ContractTable, FundingTable, Written

_POLICY = (
    ("tax", 0, 1),
    ("loss_use", 0, 1),
    ("receivable_days", 0, 730),
    ("payable_days", 0, 730),
    ("interest_on_cash", -1, 10),
    ("interest_on_debt", -1, 10),
    ("fixed_assets_life", 0.01, 100),
)
_RESERVED = frozenset({"opening", "policy", "check", "unserved"})
"""What names of the statements' own lines begin with."""
_MOST_PATHS = 10_000_000
_PRICES = ("price", "fee", "energy", "capacity", "most", "units")
Fault = tuple[Path, str, str]
"""Where, what, and the fix."""


def faults(written: Written) -> Iterator[Fault]:
    """All that is told from the tables alone."""
    head = written.head
    if not 1 <= head.paths <= _MOST_PATHS:
        yield (
            ("paths",),
            sentence("{paths} paths", paths=head.paths),
            sentence("write a number from 1 to {most_paths}", most_paths=_MOST_PATHS),
        )
    if head.seed < 0:
        yield ("seed",), sentence("the seed is {seed}", seed=head.seed), "write a number from 0 on"
    numbers = list(_of_numbers(written))
    yield from numbers
    if numbers:
        return
    for key, low, high in _POLICY:
        if not low <= number(getattr(written.policy, key)) <= high:
            said = sentence("{key} is {value}", key=key, value=getattr(written.policy, key))
            yield ("policy", key), said, sentence("write a number from {low} to {high}", low=low, high=high)
    for index, contract in enumerate(written.contracts):
        yield from _of_contract(("contract", index), contract)
    for index, funding in enumerate(written.funding):
        yield from _of_funding(("funding", index), funding, written)
    shocks = list(_of_shocks(written))
    yield from shocks
    if not shocks:
        yield from _of_scenarios(written)


def _of_numbers(written: Written) -> Iterator[Fault]:
    for path, one in _rows(written):
        for key, value in numbers_of(one):
            try:
                good = math.isfinite(number(value))
            except PlanError:
                good = False
            if not good:
                yield (
                    (*path, key),
                    sentence("{key} is {value}, which is no number", key=key, value=value),
                    'write one such as 12 or "20%"',
                )
        if getattr(one, "name", "") in _RESERVED:
            yield (
                (*path, "name"),
                sentence("{value!r} is a name of the statements", value=getattr(one, "name", "")),
                "rename it",
            )


def _rows(written: Written) -> Iterator[tuple[Path, msgspec.Struct]]:
    yield ("opening",), written.opening
    yield ("policy",), written.policy
    rows = (
        ("driver", written.drivers),
        ("line", written.lines),
        ("contract", written.contracts),
        ("funding", written.funding),
        ("shock", written.shocks),
        ("correlation", written.correlations),
    )
    for table, ones in rows:
        yield from (((table, index), one) for index, one in enumerate(ones))


def _of_contract(path: Path, one: ContractTable) -> Iterator[Fault]:
    if one.total is not None and number(one.total) <= 0:
        yield (
            (*path, "total"),
            sentence("the total of {name} is {total}", name=one.name, total=one.total),
            "write what is bought, above 0",
        )
    for key in _PRICES:
        amount = str(getattr(one, key)).strip().partition(" ")[0].replace("_", "")
        try:
            value = float(amount)
        except ValueError:
            continue
        spent = key == "price" and one.kind in {"take-or-pay", "prepaid"}
        if not math.isfinite(value) or value < 0 or (spent and value == 0):
            fix = "a minimum is spent at a price above 0" if spent else "write 0 or more"
            yield (
                (*path, key),
                sentence("the {key} of {name} is {value!r}", key=key, name=one.name, value=getattr(one, key)),
                fix,
            )


def _of_funding(path: Path, one: FundingTable, written: Written) -> Iterator[Fault]:
    if one.kind != "equity" and one.amount is not None and number(one.amount) < 0:  # equity may be paid back
        yield (
            (*path, "amount"),
            sentence("the amount of {name} is {amount}", name=one.name, amount=one.amount),
            "write what comes, above 0",
        )
    if one.amount is None or not one.when:
        return
    axis = Axis.of(written.head.starts, written.head.periods)
    try:
        early = month_number(one.when) < axis.first
    except PlanError:
        return  # is told where it is built
    if early:
        said = sentence(
            "{name} comes in {when}, before the plan begins in {period}",
            name=one.name,
            when=one.when,
            period=axis.name(0),
        )
        yield (*path, "when"), said, "put it into [opening], or begin earlier"


def _of_shocks(written: Written) -> Iterator[Fault]:
    for index, shock in enumerate(written.shocks):
        if number(shock.factor) < 0:
            yield (
                ("shock", index, "factor"),
                sentence("the factor is {factor}", factor=shock.factor),
                "write 0.7 for 30% less",
            )
        try:
            factors(written, [shock])
        except PlanError as error:
            yield ("shock", index), *parted(error)


def _of_scenarios(written: Written) -> Iterator[Fault]:
    """Scenarios that name what is nowhere, also those that nobody has asked for yet."""
    for index, one in enumerate(written.scenarios):
        try:
            found = scenario(written, one.name)
            factors(found, found.happening)
        except PlanError as error:
            yield ("scenario", index), *parted(error)
