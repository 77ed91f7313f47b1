"""Contracts as data: six kinds, one tagged union, no free-form bag of fields.

    Contract
    ├── OnDemand        on-demand        pay for what is used
    ├── PrepaidCredit   prepaid-credit   money paid before; what is left expires
    ├── TakeOrPay       take-or-pay      a minimum per period, paid whether used or not
    ├── Provisioned     provisioned      capacity by the hour, month or term, paid whether used or not
    ├── OwnHardware     own-hardware     bought machines: depreciation, upkeep, energy
    └── Grant           grant            a share of a public machine

Money is in whole units of the installation's currency, as `Decimal`: text in TOML and JSON. Days are in UTC.
Weights and rates per bucket follow the rule of price lists: where ``cached_input`` or ``cache_write`` is not
named it weighs as ``input``, ``reasoning`` as ``output``; another bucket that is not named weighs nothing.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

Bucket = Literal[
    "input", "cached_input", "cache_write", "output", "reasoning", "images", "seconds", "requests"
]
"""As `base.usage.BUCKETS`."""

Interval = Literal["minute", "hour", "day", "week", "month", "quarter", "year", "term"]
"""A length of time; ``term`` is from a contract's first day to its last."""

Status = Literal["proposed", "active", "exhausted", "expired"]
Measure = Literal["spend", "quantity"]
"""What is counted: money at the contract's rates, or usage by weights."""

_NONE = Decimal(0)
_ONE = Decimal(1)


class _Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all tables of a contract share: unknown fields are refused."""


class Cap(_Terms, frozen=True):
    """How much a contract takes in each window of time.

    Attributes:
        amount: per window: weighted usage, or currency units where `measure` is spend.
        per: length of a window.
        measure: of `amount`.
        weights: what a unit of usage takes of it (burndown rates); empty: every token weighs 1.
        carries: what a window leaves unused adds to the next.
    """

    amount: Decimal
    per: Interval
    measure: Measure = "quantity"
    weights: dict[Bucket, Decimal] = {}
    carries: bool = False


class Tier(_Terms, frozen=True):
    """From `above` on the list rates are multiplied by `factor`, or replaced by `rates`.

    Attributes:
        above: what was used before in the interval; the first tier's is 0.
        factor: of the list rates.
        rates: per million tokens, or per piece for images, seconds and requests, instead.
    """

    above: Decimal = _NONE
    factor: Decimal = _ONE
    rates: dict[Bucket, Decimal] = {}


class Tiers(_Terms, frozen=True):
    """A price that falls, or rises, with use.

    Attributes:
        measure: what `above` counts: spend at list rates, or weighted usage.
        per: after which the count begins again.
        applies: ``marginal``: each unit at the tier that it falls into; ``all-unit``: all of the interval's
            units at the tier that its last one falls into.
        steps: ascending.
        weights: of usage, where `measure` is quantity; empty: every token weighs 1.
    """

    measure: Measure
    per: Interval
    steps: tuple[Tier, ...]
    applies: Literal["marginal", "all-unit"] = "marginal"
    weights: dict[Bucket, Decimal] = {}


class BillingStep(_Terms, frozen=True):
    """What is billed is rounded up.

    Attributes:
        size: usage of a bucket is rounded up to a multiple of this many units.
        least: and is at least this, if there is any.
        per: over what is rounded: each call, or the sum of an hour, a day or a month.
        buckets: each is rounded by itself; the others are billed as they are.
    """

    size: int
    least: int = 0
    per: Literal["call", "hour", "day", "month"] = "call"
    buckets: tuple[Bucket, ...] = ("input", "output")


class FreeAllowance(_Terms, frozen=True):
    """Usage that costs nothing, the first of each interval.

    Attributes:
        amount: weighted usage, or currency units at list rates where `measure` is spend.
        per: after which it begins again; ``term``: once.
        each: of every deployment, or of the contract's deployments together.
        weights: of usage; empty: every token weighs 1.
    """

    amount: Decimal
    per: Interval
    measure: Measure = "quantity"
    each: Literal["deployment", "contract"] = "contract"
    weights: dict[Bucket, Decimal] = {}


class Pricing(_Terms, frozen=True):
    """How use is priced, beginning with the list rates at the deployment.

    First steps round, then the allowance is taken off (in order of time, then of deployments, then of
    buckets), then tiers, factor and discount apply.

    Attributes:
        discount: share off: ``"0.09"`` is nine per cent.
        factors: of the list rates, by service tier of the call: ``{ priority = "2", batch = "0.5" }``.
        tiers: prices by volume or spend.
        step: rounding of what is billed.
        free: an allowance.
    """

    discount: Decimal = _NONE
    factors: dict[str, Decimal] = {}
    tiers: Tiers | None = None
    step: BillingStep | None = None
    free: FreeAllowance | None = None


class Overflow(_Terms, frozen=True):
    """What happens to calls that a contract no longer takes: caps reached, credit empty, capacity full.

    Attributes:
        rule: ``refuse``: the provider says no, so nothing may be sent; ``spill``: it is charged under the
            contract `to`; ``shared``: the provider serves it without promise, at list rates and `pricing`.
        to: name of the contract that pays what spills.
    """

    rule: Literal["refuse", "spill", "shared"] = "refuse"
    to: str | None = None


class Shortfall(_Terms, frozen=True):
    """What happens to the part of a minimum that was not used.

    Attributes:
        rule: ``pay``: paid and lost; ``prepayment``: paid, and pays later charges for some months; ``carry``:
            not paid now, the next period's minimum rises by it (in the last period it is paid).
        months: how long a prepayment lasts.
        share: of the shortfall that is due; 1 is all.
    """

    rule: Literal["pay", "prepayment", "carry"] = "pay"
    months: int = 0
    share: Decimal = _ONE


class Milestone(_Terms, frozen=True):
    """A part of a minimum that is due earlier: `amount`, counted from the start, by the end of `by`."""

    by: date
    amount: Decimal


class Block(_Terms, frozen=True):
    """Provisioned units of one sort and price.

    Attributes:
        name: such as ``PTU`` or ``input``. Blocks of one name add up (some reserved, some by the hour); of
            blocks with different names a call needs room in each (input and output units).
        units: how many were bought.
        hold_fee: per unit and `per`, used or not.
        use_fee: per unit and hour in use, on top of it; None: nothing.
        per: what `hold_fee` is for.
        throughput: what one unit takes per minute; None: not told.
        measure: of `throughput`: weighted usage, or currency units at list rates.
        weights: what a unit of usage takes of the throughput (burndown rates); empty: every token weighs 1.
        least: the fewest units that can be bought.
        increment: units are bought in multiples of it.
    """

    name: str
    units: Decimal
    hold_fee: Decimal
    use_fee: Decimal | None = None
    per: Interval = "hour"
    throughput: Decimal | None = None
    measure: Measure = "quantity"
    weights: dict[Bucket, Decimal] = {}
    least: Decimal = _NONE
    increment: Decimal = _ONE


class Header(_Terms, frozen=True):
    """A header of the request that tells the provider which capacity to use.

    Attributes:
        name: of the header.
        dedicated: its value for bought capacity only; past it the provider refuses.
        shared: its value for pay as you go only.
        spillover: its value for bought capacity first; None: the header is left out.
    """

    name: str
    dedicated: str
    shared: str
    spillover: str | None = None


class Approval(_Terms, frozen=True):
    """Who granted something, when, and under which reference."""

    by: str
    on: date
    reference: str = ""


class Common(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
):
    """What every contract has.

    Attributes:
        name: unique in the installation.
        provider: name of the provider, as in the file.
        starts: first day, None: since ever.
        ends: last day, inclusive; None: open.
        status: what it is said to be; that a credit is empty or a day has passed is seen by its position.
        since: first day of this version of the terms; None: from `starts`.
        models: the only models that it may serve; empty: any.
        covers: names of other contracts whose charges count towards this one's minimum, or are paid by this
            one's credit (an umbrella: EDP, MACC, CUD, a credit over on-demand contracts).
        order: of umbrellas that cover the same contract the lowest is drawn first.
        exclusive: while it runs, no other contract may serve the same model at the same provider.
        anchor: whether months, quarters and years are those of the calendar or are counted from `starts`.
        pricing: how use is priced.
        caps: how much it takes.
        overflow: what happens past caps, credit or capacity.
        notice_days: it ends only if notice is given so many days before `ends`; None: it ends by itself.
        renews: for how long it goes on without notice.
        upfront: share of what is owed for the term that is paid at its start.
        header: how a request says which capacity to use.
    """

    name: str
    provider: str
    starts: date | None = None
    ends: date | None = None
    status: Status = "active"
    since: date | None = None
    models: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    order: int | None = None
    exclusive: bool = False
    anchor: Literal["calendar", "starts"] = "calendar"
    pricing: Pricing = Pricing()
    caps: tuple[Cap, ...] = ()
    overflow: Overflow = Overflow()
    notice_days: int | None = None
    renews: Interval | None = None
    upfront: Decimal = _NONE
    header: Header | None = None


class OnDemand(Common, frozen=True, kw_only=True, tag="on-demand"):
    """Pay for what is used, at the list rates of the deployments and `pricing`."""


class PrepaidCredit(Common, frozen=True, kw_only=True, tag="prepaid-credit"):
    """Money paid before: charges of its deployments, and of what it covers, are taken from it.

    Attributes:
        balance: currency units bought.
        paid: what was paid for it; None: `balance` (a promotional credit says 0).
        rolls_over: what is left at the end is added to a credit that follows, if there is one; else it is
            lost.
    """

    balance: Decimal
    paid: Decimal | None = None
    rolls_over: bool = False


class TakeOrPay(Common, frozen=True, kw_only=True, tag="take-or-pay"):
    """Charges are paid, but no less than a minimum per period.

    Attributes:
        minimum: per `period`: currency units, or weighted usage where `measure` is quantity.
        period: over which the minimum counts; ``hour`` for a spend commitment by the hour.
        measure: of `minimum`.
        weights: of usage where `measure` is quantity; empty: every token weighs 1.
        milestones: where the minimum is not even over the term: then `minimum` is the whole term's.
        counts: what counts towards a minimum in money: charges as they are paid, or at list rates.
        committed_discount: share off for use up to the minimum, which is in money as paid; past it `pricing`
            alone applies.
        shortfall: what happens to what was not used.
        unit_price: currency per weighted unit, where `measure` is quantity: what the minimum and use cost.
    """

    minimum: Decimal
    period: Interval | None = None
    measure: Measure = "spend"
    weights: dict[Bucket, Decimal] = {}
    milestones: tuple[Milestone, ...] = ()
    counts: Literal["paid", "list"] = "paid"
    committed_discount: Decimal = _NONE
    shortfall: Shortfall = Shortfall()
    unit_price: Decimal | None = None


class Provisioned(Common, frozen=True, kw_only=True, tag="provisioned"):
    """Capacity that is paid whether used or not.

    Attributes:
        blocks: what was bought.
    """

    blocks: tuple[Block, ...]


class OwnHardware(Common, frozen=True, kw_only=True, tag="own-hardware"):
    """A machine that was bought.

    Attributes:
        purchase: its price.
        months: over which it is written off in equal parts, from the month of `starts`.
        residual: what it is worth then.
        upkeep: per month: service, space, people.
        site: name of the site whose energy it draws.
        idle_kw: power drawn when nothing runs.
        load_kw: power drawn at full throughput.
        pue: power usage effectiveness, where the site does not say its own.
        throughput: weighted usage per minute at full load.
        weights: what a unit of usage takes of the throughput; empty: every token weighs 1.
    """

    purchase: Decimal
    months: int
    throughput: Decimal
    residual: Decimal = _NONE
    upkeep: Decimal = _NONE
    site: str = ""
    idle_kw: Decimal = _NONE
    load_kw: Decimal = _NONE
    pue: Decimal = _ONE
    weights: dict[Bucket, Decimal] = {}


class Grant(Common, frozen=True, kw_only=True, tag="grant"):
    """A share of a public machine, for some projects and purposes.

    Attributes:
        quantity: units granted per `per`.
        unit: such as ``GPU-hour`` or ``token``.
        weights: what a unit of usage weighs; empty: every token weighs 1.
        usage_per_unit: weighted usage that takes one unit: 3600 with ``{ seconds = "4" }`` is hours of four
            GPUs.
        per: after which `quantity` begins again; ``term``: once.
        carries: what an interval leaves unused adds to the next.
        projects: eligible, as ``organisation/project`` or ``project``; empty: all.
        purposes: eligible; empty: any.
        purpose: what it was granted for.
        approval: who granted it.
        use_by: if nothing was drawn by the end of this day it is called back.
        unit_price: currency per unit drawn, where the machine charges at all.
    """

    quantity: Decimal
    unit: str
    weights: dict[Bucket, Decimal] = {}
    usage_per_unit: Decimal = _ONE
    per: Interval = "term"
    carries: bool = False
    projects: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    purpose: str = ""
    approval: Approval | None = None
    use_by: date | None = None
    unit_price: Decimal = _NONE


Contract: TypeAlias = OnDemand | PrepaidCredit | TakeOrPay | Provisioned | OwnHardware | Grant

KINDS = ("on-demand", "prepaid-credit", "take-or-pay", "provisioned", "own-hardware", "grant")


class Site(_Terms, frozen=True):
    """Where own machines stand.

    Attributes:
        name: unique in the installation.
        power_cap_kw: what the site may draw, cooling included; None: no cap.
        prices: currency per kWh: one, 24 by hour of the day or 168 by hour of the week from Monday; UTC.
        pue: power usage effectiveness: what the site draws per kW of its machines.
        co2_grams: per kWh.
    """

    name: str
    prices: tuple[Decimal, ...]
    power_cap_kw: Decimal | None = None
    pue: Decimal = _ONE
    co2_grams: Decimal = _NONE


def kind_of(contract: Contract) -> str:
    """Its tag, such as ``take-or-pay``."""
    return str(contract.__struct_config__.tag)
