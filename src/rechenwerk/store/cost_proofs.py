"""What must be true of the costs of contracts, as in `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_ACCRUALS = """
select count(distinct (v.contract_id, date_trunc('month', v.at, 'UTC'))) from cost_voucher v
where v.organisation_id = $1 and v.kind = 'accrual'
"""
_ALLOCATIONS = "select count(*) from cost_voucher v where v.organisation_id = $1 and v.kind = 'allocation'"

# The newest accrual of a contract and month says what is due, line by line, and what calls were booked at;
# all accruals of the month up to it come to the rest. Ids count down.
_STATEMENT = """
with newest as (
    select distinct on (contract_id, date_trunc('month', at, 'UTC'))
        contract_id, date_trunc('month', at, 'UTC') as month, id, details
    from cost_voucher where organisation_id = $1 and kind = 'accrual' and reverses is null
    order by contract_id, date_trunc('month', at, 'UTC'), id),
moved as (
    select n.contract_id, n.month,
        sum(case when c.kind = 'accrued' then t.amount when d.kind = 'accrued' then -t.amount end) as accrued,
        sum(case when d.kind = 'prepaid' then t.amount when c.kind = 'prepaid' then -t.amount else 0 end)
            as prepaid
    from newest n
    join cost_voucher v on v.organisation_id = $1 and v.kind = 'accrual' and v.contract_id = n.contract_id
        and date_trunc('month', v.at, 'UTC') = n.month and v.id >= n.id
    join transfer t on t.organisation_id = $1 and t.call_id = v.id and t.call_id < 0
    join account d on d.organisation_id = $1 and d.id = t.debit
    join account c on c.organisation_id = $1 and c.id = t.credit
    group by 1, 2),
said as (
    select n.contract_id, n.month, (n.details ->> 'due')::numeric * 1000000000 as due,
        (n.details ->> 'booked')::numeric * 1000000000 as booked,
        (n.details ->> 'prepaid')::numeric * 1000000000 as prepaid,
        (select coalesce(sum((l ->> 'amount')::numeric), 0) * 1000000000
            from jsonb_array_elements(n.details -> 'lines') l) as lines
    from newest n)
select s.contract_id as subject,
    to_char(s.month at time zone 'UTC', 'YYYY-MM') || ': lines of ' || trim_scale(s.lines) || ', accrued '
        || m.accrued || ' (prepaid ' || m.prepaid || ')' as is,
    trim_scale(s.due) || ' due, ' || trim_scale(s.due - s.booked) || ' beside calls (prepaid '
        || trim_scale(s.prepaid) || ')' as should
from said s join moved m using (contract_id, month)
where s.lines <> s.due or m.accrued <> s.due - s.booked or m.prepaid <> s.prepaid
"""
# Month by month, what was fixed was absorbed: by projects, by other organisations, or as idle capacity.
_ABSORBED = """
select v.contract_id as subject,
    to_char(v.at at time zone 'UTC', 'YYYY-MM') || ': fixed and absorbed come to '
        || money_text(sum(e.amount)) as is,
    '0; rechenwerk books accrue mends it' as should
from cost_voucher v
join entry e on e.organisation_id = $1 and e.call_id = v.id and e.call_id < 0
join account a on a.organisation_id = $1 and a.id = e.account_id and a.kind in ('fixed', 'absorbed')
where v.organisation_id = $1
group by v.contract_id, to_char(v.at at time zone 'UTC', 'YYYY-MM') having sum(e.amount) <> 0
"""
_SHARED = """
select coalesce(s.voucher_id, e.voucher_id) as subject, money_text(coalesce(s.amount, 0)) || ' of project '
    || coalesce(s.project_id, e.project_id) as is, money_text(coalesce(e.amount, 0)) as should
from (select voucher_id, project_id, sum(amount) as amount from cost_share where organisation_id = $1
    group by 1, 2) s
full join (select v.id as voucher_id, a.project_id, sum(e.amount) as amount
    from cost_voucher v
    join entry e on e.organisation_id = $1 and e.call_id = v.id and e.call_id < 0
    join account a on a.organisation_id = $1 and a.id = e.account_id and a.kind = 'cost'
    where v.organisation_id = $1 and v.kind = 'allocation' and v.reverses is null
    group by 1, 2) e on e.voucher_id = s.voucher_id and e.project_id = s.project_id
where coalesce(s.amount, 0) <> coalesce(e.amount, 0)
"""
# What an owner passed on stands in the books of those who used its contracts, and nowhere twice.
_PASSED = """
with legs as (
    select v.organisation_id, v.contract_id, to_char(v.at at time zone 'UTC', 'YYYY-MM') as month,
        sum(case when v.organisation_id = $1 then e.amount else -e.amount end) as amount
    from cost_voucher v
    join contract k on k.organisation_id = $1 and k.id = v.contract_id
    join entry e on e.organisation_id = v.organisation_id and e.call_id = v.id and e.call_id < 0
    join account a on a.organisation_id = v.organisation_id and a.id = e.account_id
        and a.kind = case when v.organisation_id = $1 then 'passed_on' else 'accrued' end
    where v.kind = 'allocation' group by 1, 2, 3)
select contract_id as subject,
    month || ': ' || money_text(coalesce(sum(amount) filter (where organisation_id = $1), 0))
        || ' passed on' as is,
    money_text(coalesce(sum(amount) filter (where organisation_id <> $1), 0))
        || ' in the books of others' as should
from legs group by contract_id, month
having coalesce(sum(amount) filter (where organisation_id = $1), 0)
    <> coalesce(sum(amount) filter (where organisation_id <> $1), 0)
"""

COST_PROOFS = (
    Proof("every contract's month is its statement, line by line", "contract", _STATEMENT, _ACCRUALS),
    Proof("all fixed cost is used, passed on or idle", "contract", _ABSORBED, _ACCRUALS),
    Proof("every allocation is the sum of its shares", "voucher", _SHARED, _ALLOCATIONS),
    Proof("what is passed on stands in the books of others", "contract", _PASSED, _ALLOCATIONS),
)
"""What `books verify` proves of the costs of contracts."""
