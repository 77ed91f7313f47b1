"""Whether holders, rounds, warrants and sources of money fit together, told at their place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.case_tables import HolderTable, RoundTable, WarrantTable
from rechenwerk.planner.tables import FundingTable, Written
from rechenwerk.planner.told import Number
from rechenwerk.planner.units import read_unit


def exact(value: Number) -> Fraction:
    """A number of the file, without rounding: 0.27 and "27%" are 27/100."""
    if isinstance(value, str):
        text = value.strip().replace("_", "")
        return Fraction(text[:-1].strip()) / 100 if text.endswith("%") else Fraction(text)
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def promised(one: FundingTable) -> Fraction:
    """What a source of money promises, in the currency."""
    return exact(one.amount or 0) * Fraction(read_unit(one.unit).scale) if one.unit else Fraction(0)


def first_period(written: Written, axis: Axis) -> int:
    """The first period in which shares may be issued."""
    as_of = written.ownership.as_of
    return max(axis.index(as_of), -1) + 1 if as_of else 0


def opening_shares(holders: Sequence[HolderTable], total: int) -> dict[str, int]:
    """Shares before the first round.

    Raises:
        PlanError: somebody has none or no whole ones, or all together are not all.
    """
    found: dict[str, int] = {}
    for one in holders:
        if one.name in found:
            raise PlanError("holder {name!r} stands twice; add their shares up", name=one.name)
        found[one.name] = _shares(one, total)
    if total and sum(found.values()) != total:
        together = Fraction(sum(found.values()), total)
        raise PlanError("all holders together have {amount:.4%}; bring them to 100 %", amount=float(together))
    return found


def _shares(one: HolderTable, total: int) -> int:
    if (one.shares is None) == (one.part is None):
        raise PlanError(
            'holder {name!r} needs either shares or a part; write shares = 1000 or part = "5%"', name=one.name
        )
    if one.part is None:
        if one.shares is None or one.shares <= 0:
            raise PlanError(
                "holder {name!r} has {shares} shares; write a number above 0",
                name=one.name,
                shares=one.shares,
            )
        return one.shares
    if not total:
        raise PlanError("holders with parts need a number of shares; add shares = 1_000_000 to [ownership]")
    shares = exact(one.part) * total
    if shares.denominator != 1:
        raise PlanError(
            "{part} of {total:,} is no whole share for {name!r}; take more shares",
            part=one.part,
            total=total,
            name=one.name,
        )
    return int(shares)


def mistakes(written: Written) -> Iterator[tuple[Path, PlanError]]:
    """Everything that does not fit, with its place."""
    axis = Axis.of(written.head.starts, written.head.periods)
    if not written.holders:
        if written.rounds or written.warrants:
            fix = "add [[holder]] with name and shares"
            yield ("round",), PlanError("rounds need holders before the first one; {fix}", fix=fix)
        return
    try:
        opening_shares(written.holders, written.ownership.shares)
    except PlanError as error:
        yield ("holder",), error
    keepers = [(at, one) for at, one in enumerate(written.holders) if exact(one.keeps)]
    for at, one in keepers[1:]:
        said = sentence(
            "{name!r} and {name2!r} both keep their part; only one of them can",
            name=keepers[0][1].name,
            name2=one.name,
        )
        yield ("holder", at), PlanError(said)
    funding = {one.name: one for one in written.funding}
    taken: dict[str, str] = {}
    for at, round_ in enumerate(written.rounds):
        yield from ((("round", at), error) for error in _round(round_, written, axis, funding, taken))
    for at, warrant in enumerate(written.warrants):
        yield from ((("warrant", at), error) for error in _warrant(warrant, written, axis, funding, taken))
    for at, money in enumerate(written.funding):
        coming = money.kind == "equity" and money.investor and money.when
        if coming and axis.index(money.when) >= first_period(written, axis) and money.name not in taken:
            fix = "name it in a [[round]] or in a [[warrant]]"
            said = sentence(
                "{name!r} brings {investor} no shares; {fix}",
                name=money.name,
                investor=money.investor,
                fix=fix,
            )
            yield ("funding", at), PlanError(said)


def _round(
    one: RoundTable, written: Written, axis: Axis, funding: Mapping[str, FundingTable], taken: dict[str, str]
) -> Iterator[PlanError]:
    try:
        first, when = first_period(written, axis), axis.index(one.when)
        scale = Fraction(read_unit(one.unit).scale)
    except PlanError as error:
        yield error
        return
    if when < first:
        fix = sentence("write {period} or later", period=axis.name(first))
        yield PlanError(
            "round {name!r} is in {when}, when its holders are known already; {fix}",
            name=one.name,
            when=one.when,
            fix=fix,
        )
    if exact(one.pre_money) <= 0:
        yield PlanError("round {name!r} has no worth before it; write pre_money above 0", name=one.name)
    if one.sold and one.kind != "ipo":
        yield PlanError('round {name!r} sells shares of holders; write kind = "ipo"', name=one.name)
    money = Fraction(0)
    for name in one.funding:
        if name not in funding:
            yield PlanError(
                "round {name!r} names no funding {name2!r}; {fix}",
                name=one.name,
                name2=name,
                fix=did_you_mean(name, funding),
            )
            continue
        if name in taken:
            both = f"{taken[name]!r} and {one.name!r}"
            yield PlanError(
                "funding {name!r} is in {both}, but it is one money; name it in one of them",
                name=name,
                both=both,
            )
        taken[name] = one.name
        money += promised(funding[name])
        yield from _brings(one, funding[name], axis)
    made = exact(one.pre_money) + money / scale
    if one.post_money is not None and made != exact(one.post_money):
        parts = f"{float(exact(one.pre_money)):g} before and {float(money / scale):g} of money"
        said = sentence(
            "round {name!r}: {parts} make {amount:g} {unit}, not {post_money}",
            name=one.name,
            parts=parts,
            amount=float(made),
            unit=one.unit,
            post_money=one.post_money,
        )
        yield PlanError("{said}; mend one of them", said=said)


def _brings(one: RoundTable, money: FundingTable, axis: Axis) -> Iterator[PlanError]:
    if money.kind not in {"equity", "shares"}:
        said = sentence(
            "round {name!r} names {name2!r}, a {kind}", name=one.name, name2=money.name, kind=money.kind
        )
        yield PlanError("{said}; only equity and shares for compute make owners", said=said)
    elif not money.investor:
        said = sentence(
            "{name!r} is in round {name2!r} and names no investor", name=money.name, name2=one.name
        )
        yield PlanError('{said}; add investor = "…"', said=said)
    if money.when and axis.index(money.when) < axis.index(one.when):
        said = sentence(
            "{name!r} comes in {when}, before its round in {when2}",
            name=money.name,
            when=money.when,
            when2=one.when,
        )
        yield PlanError("{said}; move one of them", said=said)


def _warrant(
    one: WarrantTable,
    written: Written,
    axis: Axis,
    funding: Mapping[str, FundingTable],
    taken: dict[str, str],
) -> Iterator[PlanError]:
    if one.shares <= 0:
        yield PlanError(
            "warrant {name!r} is on {shares} shares; write a number above 0", name=one.name, shares=one.shares
        )
    try:
        strike = strike_of(one, written)
        axis.index(one.when)
    except PlanError as error:
        yield error
        return
    if not one.funding:
        return
    if one.funding not in funding:
        fix = did_you_mean(one.funding, funding)
        yield PlanError(
            "warrant {name!r} names no funding {funding!r}; {fix}",
            name=one.name,
            funding=one.funding,
            fix=fix,
        )
        return
    if one.funding in taken:
        both = f"{taken[one.funding]!r} and pays for warrant {one.name!r}"
        yield PlanError(
            "funding {funding!r} is in {both}, but it is one money; take another",
            funding=one.funding,
            both=both,
        )
    taken[one.funding] = one.name
    due, brings = strike * one.shares, promised(funding[one.funding])
    if due != brings:
        said = sentence(
            "warrant {name!r} costs {amount:,.2f} and {funding!r} brings {amount2:,.2f}",
            name=one.name,
            amount=float(due),
            funding=one.funding,
            amount2=float(brings),
        )
        yield PlanError("{said}; make them equal", said=said)
    if one.condition:
        said = sentence(
            "warrant {name!r} is taken when {funding!r} comes", name=one.name, funding=one.funding
        )
        yield PlanError("{said}; write the condition at that [[funding]]", said=said)


def strike_of(one: WarrantTable, written: Written) -> Fraction:
    """What a share costs under a warrant, in the currency; nothing unless it says so.

    Raises:
        PlanError: it is no amount of money.
    """
    if not one.strike.strip():
        return Fraction(0)
    amount, _, unit = one.strike.strip().partition(" ")
    currency = written.head.currency
    fix = sentence('write an amount such as strike = "0.01 {currency}"', currency=currency)
    try:
        value = exact(amount)
    except ValueError:
        raise PlanError(
            "the strike of {name!r} is {strike!r}; {fix}", name=one.name, strike=one.strike, fix=fix
        ) from None
    if not unit or read_unit(unit).powers != ((currency, 1),):
        raise PlanError(
            "the strike of {name!r} is {strike!r}; {fix}", name=one.name, strike=one.strike, fix=fix
        )
    return value * Fraction(read_unit(unit).scale)
