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

create or replace function till_post(p_process bigint, p_posts post_row[], p_transfers transfer_row[]) returns void
language plpgsql as $$
declare
    v_settled bigint;
begin
    insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision, attempt_of, energy_uwh, co2_ug, listed, tariff_id)
        select p.organisation, p.id, p.project, p.key, p_process, p.deployment, p.contract, p.endpoint,
            p.model, p.streamed, p.outcome, p.reason, p.source, p.input, p.cached, p.write, p.output,
            p.reasoning, p.images, p.seconds, p.requests, p.raw, p.held, p.price, p.cost,
            least(p.price, p.held), p.slices::bigint[], p.status, to_timestamp(p.started::float8 / 1e6),
            p.first, p.total, p.decision, p.attempt_of, p.energy, p.co2, p.listed, p.tariff
        from unnest(p_posts) p;
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select t.organisation, t.call, t.line, t.debit, t.credit, t.amount from unnest(p_transfers) t;
    -- The hour by whole seconds, not by date_trunc: the same in every time zone.
    insert into position_draw as d
        select p.contract, p.deployment, to_timestamp(p.started / 3600000000 * 3600), p.organisation, p_process,
            count(*), sum(p.cost), sum(coalesce(p.listed, p.cost)), sum(p.input), sum(p.cached), sum(p.write),
            sum(p.output), sum(p.reasoning), sum(p.images), sum(p.seconds), sum(p.requests), sum(p.energy),
            sum(p.co2)
        from unnest(p_posts) p where p.outcome <> 'void' group by 1, 2, 3, 4
        on conflict (contract_id, deployment_id, hour, organisation_id, process_id) do update set
            calls = d.calls + excluded.calls, amount = d.amount + excluded.amount,
            listed = d.listed + excluded.listed,
            input = d.input + excluded.input, cached_input = d.cached_input + excluded.cached_input,
            cache_write = d.cache_write + excluded.cache_write, output = d.output + excluded.output,
            reasoning = d.reasoning + excluded.reasoning, images = d.images + excluded.images,
            seconds = d.seconds + excluded.seconds, requests = d.requests + excluded.requests,
            energy_uwh = d.energy_uwh + excluded.energy_uwh, co2_ug = d.co2_ug + excluded.co2_ug;
    delete from hold where id in (select p.id from unnest(p_posts) p);
    get diagnostics v_settled = row_count;
    if v_settled <> cardinality(p_posts) then
        raise exception 'a hold is gone: its call was settled before' using errcode = 'RW002';
    end if;
end $$;
