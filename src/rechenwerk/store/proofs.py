"""What must be true of the books, each as a query for what breaks it.

Every query takes the organisation as $1 and returns `subject`, `is` and `should` of each offender.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Scope = Literal["whole", "ids", "days"]


class Proof(msgspec.Struct, frozen=True):
    """One check.

    Attributes:
        name: what must be true.
        subject: what an offender is: call, slice, guard, contract.
        offenders: the query for what breaks it.
        counted: the query for how many were looked at.
        scope: of what the query may be given a piece, so that large books are proved piece by piece.
            ``ids``: an offender shows from its call's rows alone; `call` and `transfer` are those of some
            ids, and `every_call` all. ``days``: it shows from the calls that began on a day; `call` are those
            of some days, with their sums in `call_day` and `position_draw`. ``whole``: it is asked once; so
            it must not read all calls: what it says of them it takes from sums that are proved, too.
    """

    name: str
    subject: str
    offenders: str
    counted: str
    scope: Scope = "whole"


CALLS = "select count(*) from call where organisation_id = $1"
TRANSFERS = "select count(*) from transfer where organisation_id = $1"
SLICES = """
select count(*) from slice s join guard g on g.id = s.guard_id
where g.organisation_id = $1 and g.unit = 'money'
"""
_WINDOWS = """
select count(*) from guard_window w join guard g on g.id = w.guard_id where g.organisation_id = $1
"""
_HOLDS = "select count(*) from hold where organisation_id = $1"

_ZERO = """
select 'all' as subject, money_text(x.amount) as is, money_text(0) as should
from (select sum((d.id is not null)::int * t.amount - (c.id is not null)::int * t.amount) as amount
    from transfer t
    left join account d on d.id = t.debit and d.organisation_id = t.organisation_id
    left join account c on c.id = t.credit and c.organisation_id = t.organisation_id
    where t.organisation_id = $1) x
where x.amount <> 0
"""
_OWN_ACCOUNTS = """
select t.call_id as subject, 'an account of nobody here' as is, 'an account of its organisation' as should
from transfer t
left join account d on d.id = t.debit and d.organisation_id = t.organisation_id
left join account c on c.id = t.credit and c.organisation_id = t.organisation_id
where t.organisation_id = $1 and (d.id is null or c.id is null)
"""
_HAS_CALL = """
select t.call_id as subject, 'of no call, fee or voucher' as is, 'part of one of its organisation' as should
from transfer t left join call c on c.id = t.call_id and c.organisation_id = t.organisation_id
left join fee f on f.id = t.call_id and f.organisation_id = t.organisation_id
left join voucher v on v.id = t.call_id and v.organisation_id = t.organisation_id
where t.organisation_id = $1 and c.id is null and f.id is null and v.id is null
"""

_VOUCHERS_COUNTED = "select count(*) from voucher where organisation_id = $1"
_VOUCHERS = """
select v.id as subject, 'no transfer' as is, 'at least one' as should from voucher v
where v.organisation_id = $1 and not exists (select from transfer t
    where t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0)
"""
_REVERSALS_COUNTED = "select count(*) from voucher where organisation_id = $1 and reverses is not null"
_REVERSALS = """
select v.id as subject, x.back || ' lines back' as is, x.there || ' lines of ' || v.reverses as should
from voucher v cross join lateral (
    select count(*) as there, count(b.call_id) as back from transfer t
    left join transfer b on b.organisation_id = t.organisation_id and b.call_id = v.id and b.line = t.line
        and b.debit = t.credit and b.credit = t.debit and b.amount = t.amount
    where t.organisation_id = v.organisation_id and t.call_id = v.reverses and t.call_id < 0) x
where v.organisation_id = $1 and v.reverses is not null and (x.there <> x.back or x.there <> (
    select count(*) from transfer b
    where b.organisation_id = v.organisation_id and b.call_id = v.id and b.call_id < 0))
"""

# Seen from the books of the provider's owner; the calls and settlements may be anybody's.
_BILLS_COUNTED = "select count(*) from bill where organisation_id = $1 and currency <> ''"
_BILLS = """
with day as materialized (
    select d.provider_id, c.day, sum(c.cost) as cost from call_day c
    join deployment d on d.organisation_id = $1 and d.id = c.deployment_id
    where c.outcome <> 'void' group by 1, 2),
moved as materialized (
    select v.organisation_id, v.id, v.kind, v.call_id, v.booked_at,
        sum(case when k.kind = 'payable' then t.amount else -t.amount end) as amount
    from voucher v
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0
    join account d on d.organisation_id = t.organisation_id and d.id = t.debit
    join account k on k.organisation_id = t.organisation_id and k.id = t.credit
    where 'payable' in (d.kind, k.kind) group by 1, 2, 3, 4, 5),
settled as materialized (
    select m.organisation_id, m.id, m.booked_at, m.amount, d.provider_id, c.day
    from moved m cross join lateral (
        select c.deployment_id, (c.started_at at time zone 'UTC')::date as day from call c
        where c.organisation_id = m.organisation_id and c.id = m.call_id offset 0) c
    join deployment d on d.organisation_id = $1 and d.id = c.deployment_id
    where m.kind = 'settlement' and not exists (select from voucher r
        where r.organisation_id = m.organisation_id and r.reverses = m.id))
select b.id as subject, money_text(x.calls + x.own + x.before) as is, money_text(b.billed) as should
from bill b cross join lateral (select
    (select coalesce(sum(cost), 0) from day
        where provider_id = b.provider_id and day between b.first_day and b.last_day) as calls,
    (select coalesce(sum(m.amount), 0) from moved m
        join bill_voucher w on w.organisation_id = m.organisation_id and w.voucher_id = m.id
        where w.bill_id = b.id) as own,
    (select coalesce(sum(s.amount), 0) from settled s
        where s.provider_id = b.provider_id and s.day between b.first_day and b.last_day
            and s.booked_at < b.made_at and not exists (select from bill_voucher w where w.bill_id = b.id
                and w.organisation_id = s.organisation_id and w.voucher_id = s.id)) as before) x
where b.organisation_id = $1 and b.currency <> '' and x.calls + x.own + x.before <> b.billed
    and not exists (select from bill_undone u where u.bill_id = b.id)
"""


def _credits(kind: str, column: str) -> str:
    return f"""
select c.id as subject, money_text(coalesce(t.amount, 0)) as is, money_text(c.{column}) as should
from call c
left join (select t.call_id, sum(t.amount) as amount from transfer t
    join account a on a.organisation_id = t.organisation_id and a.id = t.credit
    where t.organisation_id = $1 and a.kind = '{kind}' group by t.call_id) t on t.call_id = c.id
where c.organisation_id = $1 and c.outcome <> 'void' and coalesce(t.amount, 0) <> c.{column}
"""  # noqa: S608 - our own words, no one else's


_VOID = """
select distinct c.id as subject, 'has transfers' as is, 'none, it is void' as should
from call c join transfer t on t.organisation_id = c.organisation_id and t.call_id = c.id
where c.organisation_id = $1 and c.outcome = 'void'
"""
# A transfer belongs on the accounts of its call's outcome, project and contract.
_RIGHT_ACCOUNTS = """
select c.id as subject, d.kind || ' to ' || k.kind as is,
    'accounts of a ' || c.outcome || ' call, its project and its contract' as should
from call c
join transfer t on t.organisation_id = c.organisation_id and t.call_id = c.id
join account d on d.organisation_id = t.organisation_id and d.id = t.debit
join account k on k.organisation_id = t.organisation_id and k.id = t.credit
where c.organisation_id = $1 and not (
    d.project_id = c.project_id and k.project_id in (0, c.project_id)
    and d.contract_id in (0, c.contract_id) and k.contract_id in (0, c.contract_id)
    and ((d.kind, k.kind) in (('failed', 'payable'))
        or c.outcome = 'posted' and (d.kind, k.kind) in
            (('cost', 'payable'), ('receivable', 'revenue'), ('overrun', 'revenue'))
        or c.outcome = 'unresolved' and (d.kind, k.kind) in
            (('unresolved_cost', 'payable'), ('unresolved_price', 'revenue'), ('overrun', 'revenue'))))
"""
_OVERRUN = """
select c.id as subject, money_text(coalesce(t.amount, 0)) as is, money_text(c.price - c.charged) as should
from call c
left join (select t.call_id, sum(t.amount) as amount from transfer t
    join account a on a.organisation_id = t.organisation_id and a.id = t.debit
    where t.organisation_id = $1 and a.kind = 'overrun' group by t.call_id) t on t.call_id = c.id
where c.organisation_id = $1 and c.outcome <> 'void' and coalesce(t.amount, 0) <> c.price - c.charged
"""
_CHARGED = """
select subject, money_text(charged) as is, money_text(due) as should
from (select id as subject, charged, case when outcome in ('posted', 'unresolved')
    then least(price, held) else 0 end as due from call where organisation_id = $1) x
where charged <> due
"""
_HELD = """
select s.id as subject, money_text(s.held) as is, money_text(coalesce(h.amount, 0)) as should
from slice s join guard g on g.id = s.guard_id
left join (select u.slice_id, sum(h.amount) as amount from hold h, unnest(h.slices) as u(slice_id)
    where h.organisation_id = $1 group by u.slice_id) h on h.slice_id = s.id
where g.organisation_id = $1 and g.unit = 'money' and s.held <> coalesce(h.amount, 0)
"""
_GRANTED = """
select w.guard_id as subject, guard_text(g.unit, w.granted) as is,
    guard_text(g.unit, coalesce(s.granted, 0)) as should
from guard_window w join guard g on g.id = w.guard_id
left join (select guard_id, starts_at, sum(granted) as granted from slice group by guard_id, starts_at) s
    on s.guard_id = w.guard_id and s.starts_at = w.starts_at
where g.organisation_id = $1 and w.granted <> coalesce(s.granted, 0)
"""
_PASSED = """
select w.guard_id as subject, guard_text(g.unit, w.granted) as is,
    'at most ' || guard_text(g.unit, w.amount) as should
from guard_window w join guard g on g.id = w.guard_id
where g.organisation_id = $1 and w.hard and w.granted > w.amount
"""
_SLICE_PASSED = """
select s.id as subject, guard_text(g.unit, s.held + s.posted) as is,
    'at most ' || guard_text(g.unit, s.granted) as should
from slice s join guard g on g.id = s.guard_id
where g.organisation_id = $1 and s.held + s.posted > s.granted
"""
_EXPIRED = """
select id as subject, 'expired at ' || expires_at as is, 'booked as unresolved by now' as should
from hold where organisation_id = $1 and expires_at < now() - interval '1 minute'
"""

# Looked up one by one: joined, all calls would be read.
_BOTH = """
select h.id as subject, 'under way and booked' as is, 'one of them' as should
from hold h
where h.organisation_id = $1
    and (select c.id from call c where c.organisation_id = h.organisation_id and c.id = h.id) is not null
"""

_ATTEMPTS = """
select a.id as subject, 'priced, or of no call of its project' as is,
    'free, and of a call of its project' as should
from call a
where a.organisation_id = $1 and a.attempt_of is not null and (a.price <> 0 or a.held <> 0 or coalesce(
    (select c.project_id from every_call c where c.organisation_id = a.organisation_id
        and c.id = a.attempt_of and c.attempt_of is null),
    (select h.project_id from hold h where h.organisation_id = a.organisation_id
        and h.id = a.attempt_of)) is distinct from a.project_id)
"""

_DRAWS = "select count(*) from position_draw where organisation_id = $1"
_SUMS = (
    "amount, listed, input, cached_input, cache_write, output, reasoning, images, seconds, requests,"
    " energy_uwh, co2_ug"
)


def _sums(amount: str, listed: str) -> str:
    values = [amount, listed, *_SUMS.split(", ")[2:]]
    return ", ".join(f"sum({v}) as {name}" for v, name in zip(values, _SUMS.split(", "), strict=True))


# Both sides summed anew: hour by hour and deployment by deployment.
_DRAWN = f"""
select contract_id as subject,
    hour || ': ' || money_text(coalesce(d.amount, 0)) || ' for ' || coalesce(d.calls, 0) || ' calls' as is,
    money_text(coalesce(c.amount, 0)) || ' for ' || coalesce(c.calls, 0) || ' calls, and their usage'
        as should
from (select contract_id, deployment_id, hour, sum(calls) as calls, {_sums("amount", "listed")}
    from position_draw where organisation_id = $1 group by 1, 2, 3) d
full join (select contract_id, deployment_id, date_trunc('hour', started_at, 'UTC') as hour,
    count(*) as calls, {_sums("cost", "coalesce(listed, cost)")}
    from call where organisation_id = $1 and outcome <> 'void' group by 1, 2, 3) c
    using (contract_id, deployment_id, hour)
where (d.calls, {", ".join(f"d.{name}" for name in _SUMS.split(", "))})
    is distinct from (c.calls, {", ".join(f"c.{name}" for name in _SUMS.split(", "))})
"""  # noqa: S608 - our own words, no one else's
# What accounts moved in months is proved to be their entries; without what vouchers moved there that are no
# settlements (nor take one back) it is what calls and settlements made payable.
_DRAWN_ENTRIES = """
select contract_id as subject, money_text(coalesce(d.amount, 0)) as is,
    money_text(coalesce(e.amount, 0)) as should
from (select contract_id, sum(amount) as amount from draw where organisation_id = $1 group by 1) d
full join (select contract_id, sum(amount) as amount from (
    select a.contract_id, m.credit - m.debit as amount from account_month m
    join account a on a.organisation_id = m.organisation_id and a.id = m.account_id and a.kind = 'payable'
    where m.organisation_id = $1
    union all
    select a.contract_id, case when a.id = t.credit then -t.amount else t.amount end from voucher v
    left join voucher o on o.organisation_id = v.organisation_id and o.id = v.reverses
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0
    join account a on a.organisation_id = t.organisation_id and a.id in (t.debit, t.credit)
        and a.kind = 'payable'
    where v.organisation_id = $1 and coalesce(o.kind, v.kind) <> 'settlement') x group by 1) e
    using (contract_id)
where coalesce(d.amount, 0) <> coalesce(e.amount, 0)
"""

_UNITS = _SUMS.split(", ")[2:-2]
_UNITS_SUMMED = ", ".join(f"sum({name}) as {name}" for name in _UNITS)


def _units(side: str, form: str) -> str:
    """Every bucket of a side of a comparison."""
    return ", ".join(form.format(f"{side}.{name}", name) for name in _UNITS)


def _found(name: str) -> str:
    """Units that the details of a settlement tell beyond what was booked; else by what it cost."""
    found = f"(v.details #>> '{{usage,{name}}}')::bigint"
    by_cost = f"settled_units(null, '{name}', c.{name}, (v.details ->> 'cost')::numeric, c.cost)"
    return f"coalesce({found}, {by_cost}) - c.{name}"


_FOUND = f"""
select contract_id as subject, concat_ws(', ', {_units("d", "{} || ' {}'")}) as is,
    concat_ws(', ', {_units("e", "{} || ' {}'")}) as should
from (select contract_id, {_UNITS_SUMMED} from draw where organisation_id = $1 group by 1) d
full join (select contract_id, {_UNITS_SUMMED} from (
    select contract_id, {", ".join(_UNITS)} from call_day
    where organisation_id = $1 and outcome <> 'void'
    union all
    select c.contract_id, {", ".join(_found(name) for name in _UNITS)}
    from voucher v cross join lateral (
        select * from call c where c.organisation_id = v.organisation_id and c.id = v.call_id offset 0) c
    where v.organisation_id = $1 and v.kind = 'settlement' and not exists (select from voucher r
        where r.organisation_id = v.organisation_id and r.reverses = v.id)) x group by 1) e
    using (contract_id)
where ({_units("d", "{}")}) is distinct from ({_units("e", "{}")})
"""  # noqa: S608 - our own words, no one else's

PROOFS = (
    Proof("all entries sum to zero", "sum of", _ZERO, TRANSFERS, scope="ids"),
    Proof("every transfer is on accounts of its organisation", "call", _OWN_ACCOUNTS, TRANSFERS, scope="ids"),
    Proof("every transfer belongs to a call, a fee or a voucher", "call", _HAS_CALL, TRANSFERS, scope="ids"),
    Proof("every voucher moves something", "voucher", _VOUCHERS, _VOUCHERS_COUNTED),
    Proof("every bill is what its days and vouchers make payable", "bill", _BILLS, _BILLS_COUNTED),
    Proof("every reversal mirrors its voucher", "voucher", _REVERSALS, _REVERSALS_COUNTED),
    Proof("every call's price is on revenue", "call", _credits("revenue", "price"), CALLS, scope="ids"),
    Proof("every call's cost is on payable", "call", _credits("payable", "cost"), CALLS, scope="ids"),
    Proof("void calls have no transfers", "call", _VOID, CALLS, scope="ids"),
    Proof("every transfer is on the accounts of its call", "call", _RIGHT_ACCOUNTS, TRANSFERS, scope="ids"),
    Proof("what exceeds the hold is on overrun", "call", _OVERRUN, CALLS, scope="ids"),
    Proof("every call is charged its price, never more than it held", "call", _CHARGED, CALLS, scope="ids"),
    Proof("every slice holds what its calls under way hold", "slice", _HELD, SLICES),
    Proof("every guard has granted what its slices have", "guard", _GRANTED, _WINDOWS),
    Proof("no hard guard is passed", "guard", _PASSED, _WINDOWS),
    Proof("no slice is passed", "slice", _SLICE_PASSED, SLICES),
    Proof("no call is both under way and booked", "call", _BOTH, _HOLDS),
    Proof("every failed attempt is free and belongs to a call", "call", _ATTEMPTS, CALLS, scope="ids"),
    Proof(
        "every contract's draws are the cost and usage of its calls", "contract", _DRAWN, CALLS, scope="days"
    ),
    Proof("every contract's draws are what is payable under it", "contract", _DRAWN_ENTRIES, _DRAWS),
    Proof("every contract's draws are the usage that was found", "contract", _FOUND, _DRAWS),
    Proof("no hold is older than its expiry", "call", _EXPIRED, _HOLDS),
)
"""Everything that `books verify` proves."""
