"""What must be true of tariffs in the books; the form is that of `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_PRICED_COUNTED = "select count(*) from call where organisation_id = $1 and tariff_id <> 0"
_PRICED = """
select c.id as subject, coalesce('tariff of ' || t.model, 'tariff ' || c.tariff_id || ', unknown') as is,
    'a tariff of ' || c.model || ', for all or for its organisation' as should
from call c left join tariff t on t.id = c.tariff_id
where c.organisation_id = $1 and c.tariff_id <> 0 and (t.id is null or t.terms is null or t.model <> c.model
    or t.organisation_id not in (0, c.organisation_id))
"""
_BOOKED_COUNTED = """
select count(*) from voucher where organisation_id = $1 and kind = 'adjustment' and details ? 'tariff'
"""
# A voucher of a tariff moves between receivable and revenue of the project that it names, and nothing else;
# and what the vouchers of a project, model, version and month have moved is what the last one says that the
# month comes to, less what its calls were booked at then.
_BOOKED = """
with tariffed as (
    select v.id, v.details, sum(case when k.kind = 'revenue' then t.amount else -t.amount end) as moved,
        bool_and(((d.kind, k.kind) in (('receivable', 'revenue'), ('revenue', 'receivable')))
            and d.project_id = (v.details->>'project')::bigint
            and k.project_id = d.project_id) as right_accounts,
        exists (select from voucher r where r.organisation_id = v.organisation_id and r.reverses = v.id)
            as undone
    from voucher v
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0
    join account d on d.organisation_id = t.organisation_id and d.id = t.debit
    join account k on k.organisation_id = t.organisation_id and k.id = t.credit
    where v.organisation_id = $1 and v.kind = 'adjustment' and v.details ? 'tariff'
    group by v.organisation_id, v.id, v.details),
summed as (
    select details->>'project' as project, details->>'model' as model, details->>'tariff' as tariff,
        details->>'period' as period, min(id) as last, sum(moved) as moved, bool_or(undone) as undone
    from tariffed group by 1, 2, 3, 4)
select id as subject, 'on other accounts' as is, 'receivable and revenue of its project' as should
from tariffed where not right_accounts
union all
select s.last, money_text(s.moved),
    money_text(((t.details->>'price')::numeric - (t.details->>'booked')::numeric) * 1000000000)
from summed s join tariffed t on t.id = s.last
where not s.undone
    and s.moved <> ((t.details->>'price')::numeric - (t.details->>'booked')::numeric) * 1000000000
"""

TARIFF_PROOFS = (
    Proof("every call was priced by a tariff of its model", "call", _PRICED, _PRICED_COUNTED, scope="ids"),
    Proof("what tariffs add to months is what their vouchers moved", "voucher", _BOOKED, _BOOKED_COUNTED),
)
