"""What must be true of wallets. As in `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_WALLETS = "select count(*) from guard where organisation_id = $1 and wallet"

# Of the accounts' wallets: what moved there, below zero what went out; of calls, or beyond them.
_MOVED = """
select (v.details ->> 'wallet')::bigint as guard_id, v.details ? 'beyond' as beyond,
    sum(case when k.kind = 'wallet' then t.amount else -t.amount end) as amount
from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    and t.call_id < 0
join account k on k.organisation_id = t.organisation_id and k.id = t.credit
where v.organisation_id = $1 and v.kind = any('{kinds}') and v.details ? 'wallet'
    and not exists (select from voucher r where r.organisation_id = $1 and r.reverses = v.id) group by 1, 2
"""
_OF_BANK = _MOVED.format(kinds="{topup,refund}")
_PAYMENTS = _MOVED.format(kinds="{payment}")
_PAID_IN = f"""
select g.id as subject, money_text(g.amount) as is, money_text(x.should) as should
from guard g cross join lateral (select coalesce(sum(b.amount), 0) as should from (
    select guard_id, amount from ({_OF_BANK}) a
    union all select guard_id, amount from ({_PAYMENTS}) p where p.beyond
    union all select guard_id, amount from wallet_release where organisation_id = $1) b
    where b.guard_id = g.id) x
where g.organisation_id = $1 and g.wallet and g.amount <> x.should
"""  # noqa: S608 - our own words
_PAID = f"""
select p.guard_id as subject, money_text(-p.amount) as is,
    'from 0 to ' || money_text(coalesce(s.posted, 0)) as should
from ({_PAYMENTS}) p
left join (select guard_id, sum(posted) as posted from slice group by 1) s using (guard_id)
where not p.beyond and not -p.amount between 0 and coalesce(s.posted, 0)
"""  # noqa: S608 - our own words
_OWED = f"""
select project_id as subject, money_text(coalesce(a.amount, 0)) as is,
    money_text(coalesce(w.amount, 0)) as should
from (select a.project_id, sum(m.credit - m.debit) as amount from account_month m
    join account a on a.organisation_id = m.organisation_id and a.id = m.account_id and a.kind = 'wallet'
    where m.organisation_id = $1 group by 1) a
full join (select coalesce(g.project_id, 0) as project_id,
        sum(g.amount - coalesce(r.amount, 0) + coalesce(p.amount, 0)) as amount
    from guard g left join ({_PAYMENTS}) p on p.guard_id = g.id and not p.beyond
    left join (select guard_id, sum(amount) as amount from wallet_release where organisation_id = $1
        group by 1) r on r.guard_id = g.id
    where g.organisation_id = $1 and g.wallet group by 1) w using (project_id)
where coalesce(a.amount, 0) <> coalesce(w.amount, 0)
"""  # noqa: S608 - our own words
# What came back for a call that cost less than it held: no more than was charged, and nothing for others.
_RELEASED = """
select r.call_id as subject, r.amount || ' came back' as is, 'from 0 to ' || r.charged as should
from (select call_id, sum(amount) as amount, coalesce((select c.charged from call c
        where c.organisation_id = $1 and c.id = w.call_id and c.outcome = 'unresolved'), 0) as charged
    from wallet_release w where organisation_id = $1 group by guard_id, call_id) r
where not r.amount between 0 and r.charged
"""
_RELEASES = "select count(*) from wallet_release where organisation_id = $1"

WALLET_PROOFS = (
    Proof("every wallet has what was paid in and not paid back", "wallet", _PAID_IN, _WALLETS),
    Proof("no wallet pays more than its calls were charged", "wallet", _PAID, _WALLETS),
    Proof("no call gives back more than it was charged", "call", _RELEASED, _RELEASES),
    Proof("customers' wallets are what the books owe them", "project", _OWED, _WALLETS),
)
