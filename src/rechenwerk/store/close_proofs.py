"""What must be true of closed periods and their documents, as in `store.proofs`."""

from __future__ import annotations

from rechenwerk.store.proofs import Proof

_DOCUMENTS = "select count(*) from document where organisation_id = $1"
_PERIODS = "select count(*) from period_close where organisation_id = $1"

_GAPLESS = """
select number as subject, ordinal::text as is, place::text as should
from (select number, ordinal, row_number() over (partition by year order by ordinal) as place
    from document where organisation_id = $1) x where ordinal <> place
union all
select c.year || '', c.taken || ' given out', coalesce(d.last, 0)::text
from document_counter c left join (select year, max(ordinal) as last from document
    where organisation_id = $1 group by 1) d using (year)
where c.organisation_id = $1 and c.taken <> coalesce(d.last, 0)
"""
_INTACT = """
select number as subject, 'altered' as is, 'as its SHA-256 says, and its columns as its content' as should
from document d cross join lateral (select d.content::jsonb as c) x
where organisation_id = $1 and (sha256 <> sha256(convert_to(content, 'UTF8'))
    or (number, kind, exact, net, vat, gross) is distinct from (c ->> 'number', c ->> 'kind',
        (c #>> '{totals,exact}')::numeric * 1000000000, (c #>> '{totals,net}')::numeric * 100,
        (c #>> '{totals,vat}')::numeric * 100, (c #>> '{totals,gross}')::numeric * 100))
"""
_LINES = """
select d.number as subject, money_text(d.exact) || ' and ' || money_text(d.net * 10000000) as is,
    money_text(s.exact) || ' and ' || money_text(s.net * 10000000) as should
from document d cross join lateral (
    select coalesce(sum((l ->> 'exact')::numeric * 1000000000), 0)::numeric(38, 0) as exact,
        coalesce(sum((l ->> 'amount')::numeric * 100), 0)::numeric(38, 0) as net
    from jsonb_array_elements(d.content::jsonb -> 'rows') l) s
where d.organisation_id = $1 and (d.exact, d.net) <> (s.exact, s.net)
"""
# Entries of closed months, by when calls began, vouchers belong and fees were booked: that the sums kept of
# accounts and months are those of the entries is a proof of its own.
_ENTRIES = """
select project_id || ' in ' || to_char(month at time zone 'UTC', 'YYYY-MM') as subject,
    money_text(coalesce(d.exact, 0)) as is, money_text(coalesce(e.amount, 0)) as should
from (select project_id, booked_in as month, sum(exact) as exact from document
    where organisation_id = $1 and project_id <> 0
        and booked_in in (select starts_at from period_close where organisation_id = $1) group by 1, 2) d
full join (
    select a.project_id, month_start(m.month) as month, sum(m.credit - m.debit) as amount
    from account_month m
    join account a on a.organisation_id = m.organisation_id and a.id = m.account_id and a.kind = 'revenue'
    where m.organisation_id = $1 and month_start(m.month) < (
        select max(ends_at) from period_close where organisation_id = $1)
    group by 1, 2) e using (project_id, month)
where coalesce(d.exact, 0) <> coalesce(e.amount, 0)
"""
_SUMMED = """
select s.number as subject, money_text(s.exact) || ' and ' || money_text(s.gross * 10000000) as is,
    money_text(coalesce(p.exact, 0)) || ' and ' || money_text(coalesce(p.gross, 0) * 10000000) as should
from document s
left join (select booked_in, sum(exact) as exact, sum(gross) as gross from document
    where organisation_id = $1 and project_id <> 0 group by 1) p using (booked_in)
where s.organisation_id = $1 and s.project_id = 0
    and (s.exact, s.gross) <> (coalesce(p.exact, 0), coalesce(p.gross, 0))
union all
select to_char(c.starts_at at time zone 'UTC', 'YYYY-MM'), 'closed without a document', 'one that sums it up'
from period_close c where c.organisation_id = $1 and not exists (select from document d
    where d.organisation_id = c.organisation_id and d.booked_in = c.starts_at and d.project_id = 0)
"""
_MIRRORED = """
select r.number as subject, money_text(r.exact) || ' and ' || money_text(r.gross * 10000000) as is,
    money_text(-o.exact) || ' and ' || money_text(-o.gross * 10000000) as should
from document r join document o on o.organisation_id = r.organisation_id and o.number = r.reverses
where r.organisation_id = $1 and r.kind = 'reversal'
    and (r.exact, r.net, r.vat, r.gross, r.project_id) <> (-o.exact, -o.net, -o.vat, -o.gross, o.project_id)
union all
select r.number, 'without the document that replaces ' || r.reverses, 'with it'
from document r where r.organisation_id = $1 and r.kind = 'reversal' and not exists (select from document n
    where n.organisation_id = r.organisation_id and n.reverses = r.reverses and n.kind = 'correction')
"""

CLOSE_PROOFS = (
    Proof("documents have gapless numbers", "document", _GAPLESS, _DOCUMENTS),
    Proof("every document is as it was issued", "document", _INTACT, _DOCUMENTS),
    Proof("every document's sums are its lines", "document", _LINES, _DOCUMENTS),
    Proof("documents of closed periods are their entries", "project", _ENTRIES, _PERIODS),
    Proof("every organisation's statement is its projects' documents", "document", _SUMMED, _PERIODS),
    Proof("every credit note mirrors its document", "document", _MIRRORED, _DOCUMENTS),
)
"""What `books verify` proves of closed periods."""
