"""What an export reads: $1 the organisation, $2 the first moment of the period or null, $3 the first after.

A call belongs to the period in which it began, a voucher to that of its `at`, a fee to that in which it was
booked.
"""

from __future__ import annotations

# Of the partitions those are read that calls of the period can lie in: see the migration 0020.
_CALLS = "calls_of($1, $2, $3)"
_VOUCHER = "v.organisation_id = $1 and ($2::timestamptz is null or v.at >= $2) and v.at < $3"
_FEE = "f.organisation_id = $1 and ($2::timestamptz is null or f.booked_at >= $2) and f.booked_at < $3"

COUNT_CALLS = f"select count(*) from {_CALLS}"  # noqa: S608 - our own words, here and below
COUNT_OTHERS = f"""
select (select count(*) from voucher v where {_VOUCHER}) + (select count(*) from fee f where {_FEE})
"""  # noqa: S608

# Sums of months are kept beside the transfers, and `books verify` proves that they are theirs. Of a month
# that the period's end cuts the transfers themselves are read.
_CUT = f"""
select t.debit, t.credit, t.amount from {_CALLS.replace("$2", "$4")} c
join transfer t on t.organisation_id = $1 and t.call_id = c.id
union all
select t.debit, t.credit, t.amount from voucher v
join transfer t on t.organisation_id = $1 and t.call_id = v.id and t.call_id < 0
where v.organisation_id = $1 and v.at >= $4 and v.at < $3
union all
select t.debit, t.credit, t.amount from fee f
join transfer t on t.organisation_id = $1 and t.call_id = f.id and t.call_id < 0
where f.organisation_id = $1 and f.booked_at >= $4 and f.booked_at < $3
"""  # noqa: S608
# $4: where the month begins that $3 lies in; $2 is where a month begins, or null.
ACCOUNTS = f"""
with side as (
    select account, sum(closing) as closing, sum(opening) as opening from (
        select account_id as account, sum(debit - credit) as closing,
            sum(debit - credit) filter (where month < ($2::timestamptz at time zone 'UTC')::date) as opening
        from account_month
        where organisation_id = $1 and month < ($4::timestamptz at time zone 'UTC')::date group by 1
        union all
        select x.account, sum(x.amount), null from ({_CUT}) t
        cross join lateral (values (t.debit, t.amount), (t.credit, -t.amount)) x(account, amount) group by 1
    ) s group by 1
)
select a.id, a.kind, k.class, p.name as project, c.name as contract, coalesce(s.opening, 0) as opening,
    coalesce(s.closing, 0) as closing
from account a
join account_kind k on k.kind = a.kind
left join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
left join contract c on c.organisation_id in (0, a.organisation_id) and c.id = a.contract_id
left join side s on s.account = a.id
where a.organisation_id = $1 order by a.id
"""  # noqa: S608

TRANSACTIONS = f"""
select x.*, t.debits, t.credits, t.amounts
from (
    select 'call' as is, c.id, c.started_at as at, c.model as what, coalesce(p.name, '') as who,
        coalesce(c.reason, '') as text, c.outcome, c.attempt_of as of
    from {_CALLS} c
    left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
    left join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
    union all
    select 'voucher', v.id, v.at, v.kind, v.made_by, v.reason, 'booked', coalesce(v.reverses, v.call_id)
    from voucher v where {_VOUCHER}
    union all
    select 'fee', f.id, f.booked_at, f.kind, '', f.reason, 'booked', null from fee f where {_FEE}
) x
left join lateral (
    select array_agg(t.debit order by t.line) as debits, array_agg(t.credit order by t.line) as credits,
        array_agg(t.amount order by t.line) as amounts
    from transfer t where t.organisation_id = $1 and t.call_id = x.id
) t on true
order by x.at, x.id
"""  # noqa: S608

CALLS = f"""
select c.*, coalesce(p.name, '') as project, coalesce(k.name, '') as key, coalesce(v.name, '') as provider,
    coalesce(t.name, '') as contract
from {_CALLS} c
left join project p on p.organisation_id = c.organisation_id and p.id = c.project_id
left join api_key k on k.organisation_id = c.organisation_id and k.id = c.key_id
left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
left join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
left join contract t on t.organisation_id in (0, c.organisation_id) and t.id = c.contract_id
order by c.started_at, c.id
"""  # noqa: S608

_USED = f"""
select date_trunc('hour', c.started_at, 'UTC') as hour, c.project_id, c.model, c.deployment_id, c.contract_id,
    count(*) as calls,
    sum(c.input + c.cached_input + c.cache_write + c.output + c.reasoning)::bigint as tokens,
    sum(c.cost) as cost, sum(coalesce(c.listed, c.cost)) as listed,
    coalesce(sum(c.cost) filter (where c.outcome = 'unresolved'), 0) as unresolved
from {_CALLS} c where c.outcome <> 'void' group by 1, 2, 3, 4, 5
"""  # noqa: S608

# The side of a transfer that is a cost says what it is for; what stands on the other side says whether a
# provider is owed it; what was paid ahead is owed too, and no cost yet. What was accrued under a contract and
# what of it was allocated belong together, by month.
_BOOKED = f"""
select g.capacity, case when g.capacity then 0 else v.id end as number,
    case when g.capacity then 'allocation' else g.kind end as kind,
    date_trunc(case when g.capacity then 'month' else 'day' end, v.at, 'UTC') as starts,
    g.corrects, s.part, s.project_id, s.contract_id, case when g.capacity then '' else v.reason end as text,
    sum(s.effective) as effective, sum(s.billed) as billed, sum(s.unresolved) as unresolved
from voucher v
left join voucher r on r.organisation_id = v.organisation_id and r.id = v.reverses
cross join lateral (
    select coalesce(r.kind, v.kind) as kind,
        coalesce(r.kind, v.kind) in ('accrual', 'allocation') as capacity,
        coalesce(date_trunc('month', r.at, 'UTC') < date_trunc('month', v.at, 'UTC'), false) as corrects
) g
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0
join account d on d.organisation_id = t.organisation_id and d.id = t.debit
join account k on k.organisation_id = t.organisation_id and k.id = t.credit
cross join lateral (
    select x.kind, x.project_id, coalesce(nullif(x.contract_id, 0), x.other_contract) as contract_id,
        case when x.kind = 'idle' then 'idle'
            when x.kind in ('fixed', 'absorbed', 'difference', 'prepaid') then 'contract'
            else 'cost' end as part,
        case when x.kind = 'prepaid' then 0 else x.amount end as effective,
        case when x.other in ('payable', 'accrued') then x.amount else 0 end as billed,
        case when x.kind = 'unresolved_cost' then x.amount else 0 end as unresolved
    from (values (d.kind, d.project_id, d.contract_id, k.kind, k.contract_id, t.amount),
                 (k.kind, k.project_id, k.contract_id, d.kind, d.contract_id, -t.amount))
        x(kind, project_id, contract_id, other, other_contract, amount)
    join account_kind y on y.kind = x.kind
    where (y.class = 'expense' and x.kind <> 'bad_debt') or x.kind = 'prepaid'
) s
where {_VOUCHER}
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
having sum(s.effective) <> 0 or sum(s.billed) <> 0 or sum(s.unresolved) <> 0
"""  # noqa: S608

CHARGES = f"""
select x.*, coalesce(j.name, '') as project, coalesce(p.name, '') as provider,
    coalesce(c.name, '') as contract, coalesce(w.jurisdiction, '') as region
from (
    select null::bigint as number, 'calls' as kind, u.hour as starts, false as corrects, 'cost' as part,
        u.project_id, u.model, u.deployment_id, u.contract_id, '' as text, u.calls, u.tokens,
        u.cost as billed, u.cost as effective, u.listed, u.unresolved
    from ({_USED}) u
    union all
    select b.number, b.kind, b.starts, b.corrects, b.part, b.project_id, '', 0, b.contract_id, b.text, 0, 0,
        b.billed, b.effective, 0, b.unresolved
    from ({_BOOKED}) b
) x
left join deployment d on d.organisation_id in (0, $1) and d.id = x.deployment_id
left join project j on j.organisation_id = $1 and j.id = x.project_id
left join contract c on c.organisation_id in (0, $1) and c.id = x.contract_id
left join provider p on p.organisation_id = c.organisation_id
    and p.id = coalesce(d.provider_id, c.provider_id)
left join lateral (
    select v.jurisdiction from deployment_version v
    where v.organisation_id = d.organisation_id and v.deployment_id = d.id
        and v.valid_from < x.starts + interval '1 hour'
    order by v.valid_from desc limit 1
) w on true
order by x.starts, x.number desc nulls first, x.project_id, x.deployment_id, x.contract_id, x.part
"""  # noqa: S608
