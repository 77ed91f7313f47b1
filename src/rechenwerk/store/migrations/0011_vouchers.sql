-- Vouchers: everything in the books that is not a call. A voucher and its transfers are written together, by
-- book_voucher, and are for ever; a mistake is mended by a reversal. Ids come from the sequence of fees, below
-- zero, so that `transfer.call_id` names a call (above zero), or a voucher or a fee.

create table account_kind (
    kind text primary key,
    class text not null check (class in ('asset', 'liability', 'income', 'expense')),
    en text not null,
    de text not null
);
insert into account_kind values
    ('receivable', 'asset', 'Receivable', 'Forderungen'),
    ('revenue', 'income', 'Revenue', 'Erlöse'),
    ('cost', 'expense', 'Cost of calls', 'Kosten der Aufrufe'),
    ('payable', 'liability', 'Payable for calls', 'Verbindlichkeiten aus Aufrufen'),
    ('failed', 'expense', 'Failed attempts', 'Fehlversuche'),
    ('unresolved_cost', 'expense', 'Unresolved cost', 'Ungeklärte Kosten'),
    ('unresolved_price', 'asset', 'Unresolved price', 'Ungeklärte Erlöse'),
    ('overrun', 'asset', 'Overrun of holds', 'Überschreitung der Reservierung'),
    ('fixed', 'expense', 'Fixed cost of contracts', 'Fixkosten der Verträge'),
    ('idle', 'expense', 'Idle capacity', 'Leerstand'),
    ('absorbed', 'expense', 'Cost absorbed by use', 'Verrechnete Kosten'),
    ('accrued', 'liability', 'Accrued', 'Abgegrenzte Verbindlichkeiten'),
    ('difference', 'expense', 'Differences to bills', 'Rechnungsdifferenzen'),
    ('wallet', 'liability', 'Wallets', 'Guthaben der Kunden'),
    ('bank', 'asset', 'Bank', 'Bank'),
    ('bad_debt', 'expense', 'Bad debt', 'Forderungsausfälle');

alter table account drop constraint account_kind_check;
alter table account add foreign key (kind) references account_kind (kind);

create table voucher_kind (
    kind text primary key,
    en text not null,
    de text not null
);
insert into voucher_kind values
    ('settlement', 'Settlement', 'Klärung'),
    ('adjustment', 'Adjustment', 'Anpassung'),
    ('accrual', 'Accrual', 'Abgrenzung'),
    ('allocation', 'Allocation', 'Umlage'),
    ('difference', 'Difference', 'Differenz'),
    ('topup', 'Top-up', 'Aufladung'),
    ('payment', 'Payment', 'Zahlung'),
    ('refund', 'Refund', 'Erstattung'),
    ('discount', 'Discount', 'Nachlass'),
    ('reversal', 'Reversal', 'Storno');

create table voucher (
    organisation_id bigint not null references organisation,
    id bigint not null default -nextval('fee_number') check (id < 0),
    kind text not null references voucher_kind (kind),
    at timestamptz not null, -- the period that it belongs to
    reason text not null check (reason <> ''),
    made_by text not null check (made_by <> ''),
    call_id bigint, -- of the call that it settles
    reverses bigint,
    details jsonb not null default '{}',
    booked_at timestamptz not null default now(),
    primary key (organisation_id, id),
    unique (organisation_id, reverses), -- once
    foreign key (organisation_id, reverses) references voucher (organisation_id, id),
    check ((kind = 'reversal') = (reverses is not null))
);
create index on voucher (organisation_id, at);
create trigger append_only before update or delete or truncate on voucher
    for each statement execute function append_only();

create type voucher_line as (
    debit text, debit_project bigint, debit_contract bigint,
    credit text, credit_project bigint, credit_contract bigint, amount numeric
);

-- The one way to write a voucher: its accounts are made when they are missing.
create function book_voucher(p_organisation bigint, p_kind text, p_at timestamptz, p_reason text, p_by text,
    p_call bigint, p_reverses bigint, p_details jsonb, p_lines voucher_line[]) returns bigint language plpgsql as $$
declare
    v_id bigint;
begin
    if cardinality(p_lines) = 0 then
        raise exception 'a voucher without a line moves nothing' using errcode = 'check_violation';
    end if;
    insert into account (organisation_id, kind, project_id, contract_id)
        select distinct p_organisation, x.kind, x.project, x.contract
        from unnest(p_lines) l
        cross join lateral (values (l.debit, l.debit_project, l.debit_contract),
                                   (l.credit, l.credit_project, l.credit_contract)) x(kind, project, contract)
        order by 2, 3, 4
        on conflict do nothing;
    insert into voucher (organisation_id, kind, at, reason, made_by, call_id, reverses, details)
        values (p_organisation, p_kind, p_at, p_reason, p_by, p_call, p_reverses, p_details)
        returning id into v_id;
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select p_organisation, v_id, l.line, d.id, c.id, l.amount
        from unnest(p_lines) with ordinality as l(debit, debit_project, debit_contract, credit, credit_project,
            credit_contract, amount, line)
        join account d on d.organisation_id = p_organisation and d.kind = l.debit
            and d.project_id = l.debit_project and d.contract_id = l.debit_contract
        join account c on c.organisation_id = p_organisation and c.kind = l.credit
            and c.project_id = l.credit_project and c.contract_id = l.credit_contract;
    return v_id;
end $$;

-- The tariff version that priced a call; 0: from before versions had ids, or not priced by one.
alter table call add column tariff_id bigint not null default 0;
alter type post_row add attribute tariff bigint;
