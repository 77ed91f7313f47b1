"""What must be true of wallets. As in `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_WALLETS = "select count(*) from guard where organisation_id = $1 and wallet"

_PAID_IN = """
select g.id as subject, money_text(g.amount) as is,
    money_text(coalesce(b.amount, 0) + coalesce(r.amount, 0)) as should
from guard g
left join (select (v.details ->> 'wallet')::bigint as guard_id,
        sum(case when k.kind = 'wallet' then t.amount else -t.amount end) as amount
    from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    join account k on k.organisation_id = t.organisation_id and k.id = t.credit
    where v.organisation_id = $1 and v.kind in ('topup', 'refund') group by 1) b on b.guard_id = g.id
left join (select guard_id, sum(amount) as amount from wallet_release where organisation_id = $1 group by 1) r
    on r.guard_id = g.id
where g.organisation_id = $1 and g.wallet
    and g.amount <> coalesce(b.amount, 0) + coalesce(r.amount, 0)
"""
_PAYMENTS = """
select (v.details ->> 'wallet')::bigint as guard_id, sum(t.amount) as amount
from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
where v.organisation_id = $1 and v.kind = 'payment' and v.details ? 'wallet'
    and not exists (select from voucher r where r.organisation_id = $1 and r.reverses = v.id) group by 1
"""
_PAID = f"""
select p.guard_id as subject, money_text(p.amount) as is,
    'at most ' || money_text(coalesce(s.posted, 0)) as should
from ({_PAYMENTS}) p
left join (select guard_id, sum(posted) as posted from slice group by 1) s using (guard_id)
where p.amount > coalesce(s.posted, 0)
"""  # noqa: S608 - our own words
_OWED = f"""
select project_id as subject, money_text(coalesce(a.amount, 0)) as is,
    money_text(coalesce(w.amount, 0)) as should
from (select a.project_id, sum(e.amount) * -1 as amount from entry e
    join account a on a.organisation_id = e.organisation_id and a.id = e.account_id and a.kind = 'wallet'
    where e.organisation_id = $1 group by 1) a
full join (select coalesce(g.project_id, 0) as project_id,
        sum(g.amount - coalesce(r.amount, 0) - coalesce(p.amount, 0)) as amount
    from guard g left join ({_PAYMENTS}) p on p.guard_id = g.id
    left join (select guard_id, sum(amount) as amount from wallet_release where organisation_id = $1
        group by 1) r on r.guard_id = g.id
    where g.organisation_id = $1 and g.wallet group by 1) w using (project_id)
where coalesce(a.amount, 0) <> coalesce(w.amount, 0)
"""  # noqa: S608 - our own words

WALLET_PROOFS = (
    Proof("every wallet has what was paid in and not paid back", "wallet", _PAID_IN, _WALLETS),
    Proof("no wallet pays more than its calls were charged", "wallet", _PAID, _WALLETS),
    Proof("customers' wallets are what the books owe them", "project", _OWED, _WALLETS),
)
