"""What must be true of fees, as in `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_COUNTED = "select count(*) from fee where organisation_id = $1"
_SALES = "select count(*) from capacity_sale where organisation_id = $1"

# A fee has one transfer: from revenue to receivable of its project, or back for what is below zero.
_BOOKED = """
select f.id as subject, coalesce(string_agg(d.kind || ' from ' || k.kind || ' '
    || money_text(t.amount), ', '), 'nothing') as is,
    money_text(f.amount) || ' between receivable and revenue of its project' as should
from fee f
left join transfer t on t.organisation_id = f.organisation_id and t.call_id = f.id and t.call_id < 0
left join account d on d.organisation_id = t.organisation_id and d.id = t.debit
left join account k on k.organisation_id = t.organisation_id and k.id = t.credit
where f.organisation_id = $1
group by f.organisation_id, f.id, f.amount
having count(*) <> 1 or bool_or(t.call_id is null or t.amount <> abs(f.amount)
    or d.project_id <> f.project_id or k.project_id <> f.project_id
    or (d.kind, k.kind) <> (case when f.amount > 0 then 'receivable' else 'revenue' end,
                            case when f.amount > 0 then 'revenue' else 'receivable' end))
"""
_SALE = """
select s.id as subject, money_text(coalesce(sum(f.amount), 0)) as is, money_text(s.fee - s.refunded) as should
from capacity_sale s left join fee f on f.organisation_id = s.organisation_id and f.sale_id = s.id
where s.organisation_id = $1
group by s.id, s.fee, s.refunded having coalesce(sum(f.amount), 0) <> s.fee - s.refunded
"""

FEE_PROOFS = (
    Proof("every fee is on receivable and revenue of its project", "fee", _BOOKED, _COUNTED),
    Proof("every sale's fees are its price, less what was paid back", "sale", _SALE, _SALES),
)
"""What `books verify` proves of fees."""
