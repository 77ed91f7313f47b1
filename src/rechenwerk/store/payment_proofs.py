"""What must be true of payments; the form is that of `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_STANDS = (
    "not exists (select from voucher r where r.organisation_id = v.organisation_id and r.reverses = v.id)"
)
_RECEIVED = "select count(*) from voucher v where v.organisation_id = $1 and v.details ? 'received'"
# Bank or bad debt against what the customer owes; a payment of tax and cents goes onto their own accounts.
_RECEIPTS = """
select v.id as subject,
    money_text(x.moved) || case when x.fits then '' else ', and on other accounts' end as is,
    money_text(x.said) || ' on receivable, overrun, tax and rounding' as should
from voucher v cross join lateral (
    select sum(case when d.kind in ('bank', 'bad_debt') then t.amount else -t.amount end) as moved,
        case when v.kind = 'write-off' and v.details ? 'documents' then null
            else ((v.details ->> 'received')::numeric * 1000000000)::numeric(38, 0) end as said,
        bool_and(case when v.kind = 'payment' then 'bank' else 'bad_debt' end in (d.kind, k.kind)
            and (d.kind in ('receivable', 'overrun') or k.kind in ('receivable', 'overrun')
                or v.kind = 'payment' and (d.kind in ('vat', 'difference')
                    or k.kind in ('vat', 'difference')))) as fits
    from transfer t
    join account d on d.organisation_id = t.organisation_id and d.id = t.debit
    join account k on k.organisation_id = t.organisation_id and k.id = t.credit
    where t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0) x
where v.organisation_id = $1 and v.details ? 'received' and (x.moved <> x.said or not x.fits)
"""
_NAMED = "select count(*) from voucher v where v.organisation_id = $1 and v.details ? 'documents'"
_DOCUMENTS = f"""
with said as (
    select v.id, (v.details ->> 'beyond_open')::boolean as beyond, x.key as number,
        (x.value::numeric * 100)::numeric as cents
    from voucher v cross join lateral jsonb_each_text(v.details -> 'documents') x
    where v.organisation_id = $1 and v.kind in ('payment', 'write-off') and v.details ? 'documents'
        and {_STANDS})
select s.number as subject, sum(s.cents) || ' cents paid' as is,
    coalesce(max(d.gross), 0) || ' cents' as should
from said s left join document d on d.organisation_id = $1 and d.number = s.number
group by s.number having not bool_or(s.beyond) and sum(s.cents) > coalesce(max(d.gross), 0)
"""  # noqa: S608 - our own words
_GROUPS = """
select count(distinct v.details ->> 'group') from voucher v where v.details ? 'group'
    and (v.details ->> 'owner')::bigint = $1
"""
# A payment to a provider is what left all banks for it; what was cleared stands in both books.
_PAID = f"""
select x.group_id as subject, money_text(x.moved) as is,
    money_text(x.said) as should from (
    select v.details ->> 'group' as group_id,
        sum(case when k.kind = 'bank' then t.amount when d.kind = 'bank' then -t.amount else 0 end) as moved,
        max(((v.details ->> 'total')::numeric * 1000000000)::numeric(38, 0)) as said
    from voucher v
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id and t.call_id < 0
    join account d on d.organisation_id = t.organisation_id and d.id = t.debit
    join account k on k.organisation_id = t.organisation_id and k.id = t.credit
    where v.details ? 'group' and v.kind = 'payment' and (v.details ->> 'owner')::bigint = $1 and {_STANDS}
    group by 1) x
where x.moved <> x.said
"""  # noqa: S608 - our own words
_CLEARED = f"""
select a.contract_id as subject,
    money_text(coalesce(sum(e.amount) filter (where v.organisation_id = $1), 0)) || ' came in' as is,
    money_text(coalesce(-sum(e.amount) filter (where v.organisation_id <> $1), 0)) || ' was paid by others'
        as should
from voucher v
join entry e on e.organisation_id = v.organisation_id and e.call_id = v.id and e.call_id < 0
join account a on a.organisation_id = e.organisation_id and a.id = e.account_id
    and a.kind in ('passed_on', 'accrued')
where v.kind = 'clearing' and (v.details ->> 'owner')::bigint = $1 and {_STANDS}
group by a.contract_id having sum(e.amount) <> 0
"""  # noqa: S608 - our own words

_SETTLED = "select count(*) from settled_call where organisation_id = $1 and cost is not null"
# What stands as cost and as owed is what the settlement says, which tariffs and wallets go by.
_SETTLEMENTS = """
select s.voucher_id as subject, money_text(x.cost) || ' cost, ' || money_text(x.price) || ' owed' as is,
    money_text(s.cost) || ' cost, ' || money_text(s.price) || ' owed' as should
from settled_call s cross join lateral (
    select coalesce(sum(e.amount) filter (where a.kind = 'cost'), 0) as cost,
        coalesce(sum(e.amount) filter (where a.kind = 'receivable'), 0) as price
    from entry e join account a on a.organisation_id = e.organisation_id and a.id = e.account_id
    where e.organisation_id = s.organisation_id and e.call_id = s.voucher_id and e.call_id < 0) x
where s.organisation_id = $1 and s.cost is not null and (x.cost, x.price) <> (s.cost, s.price)
"""

PAYMENT_PROOFS = (
    Proof("every settlement moved what it says", "voucher", _SETTLEMENTS, _SETTLED),
    Proof("customers' payments and write-offs moved what they say", "voucher", _RECEIPTS, _RECEIVED),
    Proof("no statement is paid beyond what it says", "document", _DOCUMENTS, _NAMED),
    Proof("what providers were paid left the banks that owed it", "payment", _PAID, _GROUPS),
    Proof("what was cleared of shared contracts stands in both books", "contract", _CLEARED, _GROUPS),
)
"""What `books verify` proves of payments."""
