"""A file of firms and of what they promised each other: debts, purchases, funding, guarantees, shares."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import MistakesError, Reader, check_name, unique
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis, is_period
from rechenwerk.planner.numbers import parted

Number = int | Decimal
Status = Literal[
    "reported",
    "paid",
    "contracted",
    "conditional",
    "announced",
    "letter-of-intent",
    "estimated",
    "target",
    "assumed",
]
STATUSES: tuple[str, ...] = Status.__args__  # type: ignore[attr-defined]


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """Where a figure comes from, when it was published, and how firm it is."""

    source: str = ""
    date: str = ""
    status: Status = "contracted"


class Firm(_Told, frozen=True, kw_only=True):
    """A firm: its cash at the start, and what it earns outside of these deals each period, after cost.

    `worth` is what all of its shares are worth while it lives; without it, what it has less what it owes.
    """

    name: str
    cash: Number = 0
    income: Number | tuple[Number, ...] = 0
    worth: Number | None = None


class Debt(_Told, frozen=True, kw_only=True):
    """Owed once, interest included; the smaller its seniority, the earlier it is paid in a default."""

    debtor: str
    creditor: str
    amount: Number
    due: str
    seniority: int = 1


class Purchase(_Told, frozen=True, kw_only=True):
    """A binding purchase: a part of it becomes a debt in each period.

    `ramp` weighs its periods; `cost` is the share that the supplier spends outside to deliver.
    """

    buyer: str
    supplier: str
    total: Number
    first: str
    last: str
    ramp: tuple[Number, ...] = ()
    cost: Number = 0
    seniority: int = 1


class Funding(_Told, frozen=True, kw_only=True):
    """Money promised to a firm; a loan comes back when it is due, with interest over the whole time.

    `part` is what equity buys of the firm: all who held shares before have that much less of them.
    """

    investor: str
    firm: str
    amount: Number
    when: str
    kind: Literal["equity", "loan"] = "equity"
    due: str = ""
    interest: Number = 0
    part: Number = 0
    seniority: int = 1


class Guarantee(_Told, frozen=True, kw_only=True):
    """What a creditor loses by a debtor is owed by the guarantor in the next period, up to the amount."""

    guarantor: str
    debtor: str
    creditor: str
    amount: Number


class Share(_Told, frozen=True, kw_only=True):
    """The part of a firm's equity that another firm holds, from a period to another, both included."""

    of: str
    holder: str
    part: Number
    first: str = ""
    last: str = ""


class Joined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[plan]`` of one of the firms: its cash, income, purchases, funding and owners come from there.

    `file` is beside this one; `costs` is the share that a supplier spends outside to deliver; `pays` names
    lines of the plan that are paid to a firm besides contracts.
    """

    file: str
    firm: str
    scenario: str = ""
    costs: dict[str, Number] = msgspec.field(default_factory=dict)
    pays: dict[str, str] = msgspec.field(default_factory=dict)


class Deals(msgspec.Struct, frozen=True):
    """All of a file. Amounts are in `unit`."""

    title: str
    unit: str
    axis: Axis
    assets_left: float
    claims_left: float
    firms: tuple[Firm, ...]
    debts: tuple[Debt, ...]
    purchases: tuple[Purchase, ...]
    funding: tuple[Funding, ...]
    guarantees: tuple[Guarantee, ...]
    shares: tuple[Share, ...]
    joined: Joined | None = None

    @property
    def periods(self) -> tuple[str, ...]:
        """As people write them."""
        return self.axis.names

    def only(self, *without: str) -> Deals:
        """The same without figures of some statuses: what is left if only firm promises count."""
        return msgspec.structs.replace(
            self,
            debts=tuple(one for one in self.debts if one.status not in without),
            purchases=tuple(one for one in self.purchases if one.status not in without),
            funding=tuple(one for one in self.funding if one.status not in without),
            guarantees=tuple(one for one in self.guarantees if one.status not in without),
        )


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str = ""
    unit: str = ""
    starts: str = ""
    periods: int = 0
    assets_left: Number = 1
    claims_left: Number = 1


def read_deals(text: str) -> Deals:
    """The deals of a TOML text.

    Raises:
        MistakesError: all mistakes with line and fix.
    """
    reader = Reader(text)
    head = _head(reader)
    axis = _axis(reader, head)
    periods = axis.names if axis is not None else ()
    firms = reader.tables("firm", Firm)
    unique(reader, "firm", [(index, one.name) for index, one in firms])
    for index, firm in firms:
        check_name(reader, ("firm", index), firm.name)
        if isinstance(firm.income, tuple) and periods and len(firm.income) != len(periods):
            said = sentence(
                "income of {name!r} has {count} values for {count2} periods",
                name=firm.name,
                count=len(firm.income),
                count2=len(periods),
            )
            reader.wrong(("firm", index, "income"), said, "write one number, or one for each period")
    found = {
        name: reader.tables(name, kind)
        for name, kind in (
            ("debt", Debt),
            ("purchase", Purchase),
            ("funding", Funding),
            ("guarantee", Guarantee),
            ("share", Share),
        )
    }
    names = {firm.name for _, firm in firms}
    for table, rows in found.items():
        for index, one in rows:
            _check(reader, (table, index), one, names, periods)
    joined = _joined(reader, names)
    _check_held(reader, [(index, one) for index, one in found["share"] if isinstance(one, Share)])
    if reader.mistakes or axis is None:
        raise MistakesError(reader.mistakes)
    deals = Deals(
        head.title,
        head.unit,
        axis,
        float(head.assets_left),
        float(head.claims_left),
        tuple(firm for _, firm in firms),
        *(tuple(one for _, one in rows) for rows in found.values()),  # type: ignore[arg-type]
    )
    return msgspec.structs.replace(deals, joined=joined)


def _joined(reader: Reader, names: set[str]) -> Joined | None:
    """Whose plan is joined."""
    raw = reader.raw.get("plan")
    if raw is None:
        return None
    try:
        found = msgspec.convert(raw, Joined)
    except msgspec.ValidationError as error:
        reader.wrong(
            ("plan",), sentence("[plan]: {error}", error=error), 'write file = "plan.toml" and firm = "NAME"'
        )
        return None
    for key, name in (("firm", found.firm), *(("costs", one) for one in found.costs)):
        if name not in names:
            reader.wrong(("plan", key), sentence("no firm {name!r}", name=name), did_you_mean(name, names))
    for line, name in found.pays.items():
        if name not in names:
            reader.wrong(
                ("plan", "pays", line), sentence("no firm {name!r}", name=name), did_you_mean(name, names)
            )
    return found


def _head(reader: Reader) -> _Head:
    tables = {"firm", "debt", "purchase", "funding", "guarantee", "share", "plan"}
    known = [field.name for field in msgspec.structs.fields(_Head)]
    good = {}
    for key, value in reader.raw.items():
        if key in known:
            good[key] = value
        elif key not in tables:
            reader.wrong(
                (key,),
                sentence("unknown table or key {key!r}", key=key),
                did_you_mean(key, [*known, *sorted(tables)]),
            )
    try:
        head = msgspec.convert(good, _Head)
    except msgspec.ValidationError as error:
        reader.wrong((), sentence("the head of the file: {error}", error=error), "see docs/contagion.md")
        return _Head()
    if not head.unit:
        reader.wrong((), "the file does not say its unit", 'add unit = "USD billion"')
    for name in ("assets_left", "claims_left"):
        if not 0 <= getattr(head, name) <= 1:
            reader.wrong(
                (name,),
                sentence("{name} is a share between 0 and 1", name=name),
                sentence("write {name} = 0.6", name=name),
            )
    return head


def _axis(reader: Reader, head: _Head) -> Axis | None:
    if not is_period(head.starts):
        fix = 'write starts = "2026-Q1" or "2026-01"'
        reader.wrong(("starts",), sentence("starts is no period: {starts!r}", starts=head.starts), fix)
        return None
    try:
        return Axis.of(head.starts, head.periods)
    except PlanError as error:
        reader.wrong(
            ("periods",),
            sentence("periods is {periods}", periods=head.periods),
            parted(error)[1],
        )
        return None


_SIDES = ("debtor", "creditor", "buyer", "supplier", "investor", "firm", "guarantor", "of", "holder")


def _check(
    reader: Reader, path: Path, one: msgspec.Struct, names: set[str], periods: tuple[str, ...]
) -> None:
    sides = [key for key in _SIDES if hasattr(one, key)]
    for key in sides:
        if getattr(one, key) not in names:
            fix = did_you_mean(getattr(one, key), names)
            reader.wrong((*path, key), sentence("no firm {value!r}", value=getattr(one, key)), fix)
    if len({getattr(one, key) for key in sides}) < len(sides):
        reader.wrong(
            path, sentence("[[{item}]] has the same firm on two sides", item=path[0]), "name different firms"
        )
    _check_numbers(reader, path, one)
    for key in ("due", "when", "first", "last"):
        value = getattr(one, key, "")
        example = sentence("write one such as {item}", item=(periods or ("2026-Q1",))[0])
        if value and not is_period(value):
            reader.wrong(
                (*path, key), sentence("{key} is no period: {value!r}", key=key, value=value), example
            )
        elif value and periods and ("Q" in value) != ("Q" in periods[0]):
            reader.wrong(
                (*path, key),
                sentence("{key} = {value!r}: this file counts in other periods", key=key, value=value),
                example,
            )
    if isinstance(one, Purchase):
        _check_purchase(reader, path, one)
    if isinstance(one, Funding):
        _check_funding(reader, path, one)


def _check_numbers(reader: Reader, path: Path, one: msgspec.Struct) -> None:
    for key in ("amount", "total", "interest"):
        if getattr(one, key, 0) < 0:
            reader.wrong(
                (*path, key), sentence("{key} is negative", key=key), "turn the two sides round instead"
            )
    for key in ("cost", "part"):
        if not 0 <= getattr(one, key, 0) <= 1:
            reader.wrong(
                (*path, key),
                sentence("{key} is a share between 0 and 1", key=key),
                sentence("write {key} = 0.5", key=key),
            )
    if not 0 <= getattr(one, "seniority", 0) <= 9:
        reader.wrong((*path, "seniority"), "seniority is a class from 0 to 9", "write 0 for the first paid")


def _check_purchase(reader: Reader, path: Path, one: Purchase) -> None:
    if one.first > one.last:
        said = sentence(
            "the purchase ends ({last}) before it begins ({first})", last=one.last, first=one.first
        )
        reader.wrong((*path, "last"), said, "turn them round")
    if one.ramp and (min(one.ramp) < 0 or not sum(one.ramp)):
        wrong = "a ramp has weights that are not negative and not all 0"
        reader.wrong((*path, "ramp"), wrong, "write ramp = [1, 2, 4]")


def _check_funding(reader: Reader, path: Path, one: Funding) -> None:
    if one.kind == "loan" and not one.due:
        reader.wrong(path, "a loan does not say when it is due", 'add due = "2028-Q1"')
    elif one.kind == "equity" and one.due:
        reader.wrong((*path, "due"), "equity is never due", 'remove due, or write kind = "loan"')
    elif one.due and one.due <= one.when:
        said = sentence("the loan is due ({due}) before it is paid out ({when})", due=one.due, when=one.when)
        reader.wrong((*path, "due"), said, "name a later period")


def _check_held(reader: Reader, shares: list[tuple[int, Share]]) -> None:
    for at, (index, one) in enumerate(shares):
        together = [other for _, other in shares[: at + 1] if other.of == one.of and _overlap(other, one)]
        held = sum(other.part for other in together)
        if held > 1:
            said = sentence("more than all of {of!r} is held: {held}", of=one.of, held=held)
            reader.wrong(("share", index, "part"), said, "lower a part")


def _overlap(left: Share, right: Share) -> bool:
    """Whether there is a period in which both are held."""
    return not ((left.last and left.last < right.first) or (right.last and right.last < left.first))
