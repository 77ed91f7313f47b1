"""The queries of `store.costs`."""

from __future__ import annotations

from rechenwerk.base.usage import BUCKETS

_SUMS = ", ".join(f"sum(d.{bucket})::bigint as {bucket}" for bucket in BUCKETS)

CONTRACTS = """
select c.id, c.name, extract(epoch from c.ended_at)::float8 as ended,
    extract(epoch from least(
        (select min(v.recorded_at) from contract_version v
            where v.organisation_id = c.organisation_id and v.contract_id = c.id),
        (select min(d.hour) from position_draw d where d.contract_id = c.id)))::float8 as entered,
    p.name as provider
from contract c join provider p on p.organisation_id = c.organisation_id and p.id = c.provider_id
where c.organisation_id = $1 order by c.name
"""
VERSIONS = """
select contract_id, terms, case when valid_from = '-infinity' then 0
    else extract(epoch from valid_from) end::float8 as since
from contract_version where organisation_id = $1 order by contract_id, valid_from, recorded_at
"""
DEPLOYMENTS = """
select d.id, d.model, p.name as provider, c.name as contract, d.service_tier, r.rates,
    extract(epoch from r.valid_from)::float8 as since
from deployment d
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
left join cost_price r on r.organisation_id = d.organisation_id and r.deployment_id = d.id
where d.organisation_id = $1 order by d.id, r.valid_from
"""
HOURS = f"""
select d.deployment_id, extract(epoch from d.hour)::bigint as hour, sum(d.amount) as amount,
    sum(d.listed) as listed, {_SUMS}
from draw d
where d.hour < $2
    and (d.contract_id = any($1::bigint[]) or d.contract_id = any($3::bigint[]) and d.hour >= $4)
group by d.deployment_id, d.hour order by d.hour, d.deployment_id
"""  # noqa: S608 - our own words, no one else's
# What a call was booked at without known usage (the most that it could cost) is apart, until it is settled.
# The sums of days are kept beside the calls, and `books verify` proves that they are the calls'; only of a
# day that is cut ($4 is where it begins) the calls themselves are read.
_BOOKED = ("cost", "listed", *BUCKETS)
_FINE = "organisation_id, project_id, deployment_id, endpoint, contract_id, usage_source"
_FOUND = ", ".join(
    f"settled_units(s.usage, '{bucket}', c.{bucket}, s.cost, c.cost) - c.{bucket}" for bucket in BUCKETS
)
SERVED = f"""
select d.organisation_id, d.project_id, d.deployment_id, d.endpoint, d.contract_id, {_SUMS},
    coalesce(sum(d.cost) filter (where d.usage_source <> 'none'), 0) as booked,
    coalesce(sum(d.listed) filter (where d.usage_source <> 'none'), 0) as listed
from (
    select {_FINE}, {", ".join(f"sum({name}) as {name}" for name in _BOOKED)}
    from call_day where contract_id = any($1::bigint[]) and outcome <> 'void'
        and day >= ($2::timestamptz at time zone 'UTC')::date
        and day < ($4::timestamptz at time zone 'UTC')::date
    group by {_FINE}
    union all
    select {_FINE}, sum(cost), sum(coalesce(listed, cost)), {", ".join(f"sum({name})" for name in BUCKETS)}
    from calls_of(null, $4, $3) where contract_id = any($1::bigint[]) and outcome <> 'void'
    group by {_FINE}
    union all -- of settled calls what was found beyond what was booked; $2 to $3 is when they began
    select c.organisation_id, c.project_id, c.deployment_id, c.endpoint, c.contract_id, 'settled',
        s.cost - case when c.usage_source <> 'none' then c.cost else 0 end,
        coalesce(round(c.listed * s.cost / nullif(c.cost, 0)), s.cost)
            - case when c.usage_source <> 'none' then coalesce(c.listed, c.cost) else 0 end,
        {_FOUND}
    from settled_call s cross join lateral (
        select * from call c where c.organisation_id = s.organisation_id and c.id = s.call_id offset 0) c
    where c.contract_id = any($1::bigint[]) and c.started_at >= $2 and c.started_at < $3) d
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""  # noqa: S608 - our own words, no one else's
SITES = """
select s.name, v.pue::text, v.prices::text[], case when v.valid_from = '-infinity' then 0
    else extract(epoch from v.valid_from) end::float8 as since
from site s join site_version v on v.organisation_id = s.organisation_id and v.site_id = s.id
where s.organisation_id = $1
order by s.name, v.valid_from
"""

# What stands in the books of a contract in a period: accrued, and shared out.
MOVED = """
select d.kind as debit, c.kind as credit, sum(t.amount) as amount
from cost_voucher v
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0
join account d on d.organisation_id = t.organisation_id and d.id = t.debit
join account c on c.organisation_id = t.organisation_id and c.id = t.credit
where v.organisation_id = $1 and v.at >= $2 and v.at < $3 and v.contract_id = $4 and (v.reverses is null
    or exists (select from voucher o where o.organisation_id = v.organisation_id and o.id = v.reverses
        and o.at >= $2 and o.at < $3)) -- what corrects a month that is closed stands
group by 1, 2
"""
STOOD = """
select contract_id, array_agg(distinct organisation_id) as organisations from cost_voucher
where at >= $1 and at < $2 and contract_id = any($3::bigint[]) group by 1
"""
SHARES = """
select s.organisation_id, s.project_id, s.deployment_id, s.endpoint, sum(s.amount) as amount
from cost_voucher v
join cost_shared s on s.organisation_id = v.organisation_id and s.voucher_id = v.id
where v.at >= $1 and v.at < $2 and v.contract_id = $3 and (v.reverses is null
    or exists (select from voucher o where o.organisation_id = v.organisation_id and o.id = v.reverses
        and o.at >= $1 and o.at < $2))
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""
WRITE_SHARES = """
insert into cost_share (organisation_id, voucher_id, project_id, deployment_id, endpoint, amount)
select $1, $2, x.project, x.deployment, x.endpoint, x.amount
from unnest($3::bigint[], $4::bigint[], $5::text[], $6::numeric[]) x(project, deployment, endpoint, amount)
"""

MARGIN_CALLS = """
select o.name as organisation, coalesce(p.name, '') as project, c.model, coalesce(v.name, '') as provider,
    c.endpoint as service, sum(c.calls - c.attempts) as calls,
    coalesce(sum(c.price) filter (where c.outcome = 'posted'), 0) as revenue,
    coalesce(sum(c.cost) filter (where c.outcome = 'posted'), 0) as cost,
    coalesce(sum(c.cost) filter (where c.outcome = 'failed'), 0) as failed,
    coalesce(sum(c.price) filter (where c.outcome = 'unresolved'), 0) as unresolved_price,
    coalesce(sum(c.cost) filter (where c.outcome = 'unresolved'), 0) as unresolved_cost
from call_day c
join organisation o on o.id = c.organisation_id
left join project p on p.organisation_id = c.organisation_id and p.id = c.project_id
left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
left join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
where ($1::bigint is null or c.organisation_id = $1) and c.outcome <> 'void'
    and c.day >= ($2::timestamptz at time zone 'UTC')::date
    and c.day < ($3::timestamptz at time zone 'UTC')::date
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""
MARGIN_SHARES = """
select o.name as organisation, coalesce(p.name, '') as project, d.model, v.name as provider,
    s.endpoint as service, sum(s.amount) as allocated
from cost_shared s
join organisation o on o.id = s.organisation_id
left join project p on p.organisation_id = s.organisation_id and p.id = s.project_id
join deployment d on d.organisation_id in (0, s.organisation_id) and d.id = s.deployment_id
join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
where ($1::bigint is null or s.organisation_id = $1) and s.at >= $2 and s.at < $3
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""
# The share of a contract's capacity that was used, as its newest allocation of the period says.
MARGIN_USED = """
select distinct on (v.organisation_id, v.contract_id) o.name as organisation, k.name as contract,
    v.details ->> 'used' as used
from cost_voucher v
join organisation o on o.id = v.organisation_id
join contract k on k.organisation_id = v.organisation_id and k.id = v.contract_id
where ($1::bigint is null or v.organisation_id = $1) and v.at >= $2 and v.at < $3
    and v.kind = 'allocation' and v.reverses is null
order by v.organisation_id, v.contract_id, v.id
"""
# Cost that allocations put on projects is in MARGIN_SHARES already.
MARGIN_MOVED = """
select o.name as organisation, a.kind as account, coalesce(p.name, '') as project,
    coalesce(k.name, '') as contract, m.kind as voucher, sum(m.amount) as amount,
    coalesce(c.model, m.model, '') as model, coalesce(w.name, '') as provider,
    coalesce(c.endpoint, '') as service
from (
    select e.organisation_id, e.account_id, coalesce(o.kind, v.kind) as kind, e.amount,
        coalesce(o.call_id, v.call_id) as call_id,
        coalesce(o.details, v.details) ->> 'model' as model
    from voucher v
    left join voucher o on o.organisation_id = v.organisation_id and o.id = v.reverses
    join entry e on e.organisation_id = v.organisation_id and e.call_id = v.id and e.call_id < 0
    where ($1::bigint is null or v.organisation_id = $1) and v.at >= $2 and v.at < $3
    union all
    select e.organisation_id, e.account_id, 'fee', e.amount, null, null from fee f
    join entry e on e.organisation_id = f.organisation_id and e.call_id = f.id and e.call_id < 0
    where ($1::bigint is null or f.organisation_id = $1) and f.booked_at >= $2 and f.booked_at < $3) m
join account a on a.organisation_id = m.organisation_id and a.id = m.account_id
join organisation o on o.id = m.organisation_id
left join project p on p.organisation_id = m.organisation_id and p.id = a.project_id
left join contract k on k.organisation_id in (0, m.organisation_id) and k.id = a.contract_id
left join call c on c.organisation_id = m.organisation_id and c.id = m.call_id
left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
left join provider w on w.organisation_id = d.organisation_id and w.id = d.provider_id
where not (m.kind = 'allocation' and a.kind = 'cost')
group by 1, 2, 3, 4, 5, 7, 8, 9 order by 1, 2, 3, 4, 5
"""
