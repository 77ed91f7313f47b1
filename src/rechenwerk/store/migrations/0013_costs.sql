-- What contracts cost beside their calls, and who bears it.

insert into account_kind values
    ('prepaid', 'asset', 'Prepaid to providers', 'Geleistete Vorauszahlungen'),
    ('passed_on', 'asset', 'Passed on to organisations', 'Auf Organisationen umgelegt');

-- An allocation's cost lines are per project and contract; what each deployment and endpoint has of them stands
-- here, so that there is a margin of models and services. Written with its voucher, and for ever.
create table cost_share (
    organisation_id bigint not null,
    voucher_id bigint not null,
    project_id bigint not null,
    deployment_id bigint not null,
    endpoint text not null,
    amount numeric(38, 0) not null, -- below zero: less than what calls were booked at
    primary key (organisation_id, voucher_id, project_id, deployment_id, endpoint),
    foreign key (organisation_id, voucher_id) references voucher (organisation_id, id)
);
create trigger append_only before update or delete or truncate on cost_share
    for each statement execute function append_only();

-- With the time of the voucher; of a reversal what it takes back.
create view cost_shared as
    select s.*, v.at from cost_share s
    join voucher v on v.organisation_id = s.organisation_id and v.id = s.voucher_id
    union all
    select s.organisation_id, r.id, s.project_id, s.deployment_id, s.endpoint, -s.amount, r.at from cost_share s
    join voucher r on r.organisation_id = s.organisation_id and r.reverses = s.voucher_id;

-- Vouchers of the costs of contracts and what reverses them, with the kind and contract of what they are about.
create view cost_voucher as
    select v.organisation_id, v.id, v.at, coalesce(o.kind, v.kind) as kind, v.reverses,
        (coalesce(o.details, v.details) ->> 'contract_id')::bigint as contract_id, v.details
    from voucher v left join voucher o on o.organisation_id = v.organisation_id and o.id = v.reverses
    where coalesce(o.kind, v.kind) in ('accrual', 'allocation')
        and coalesce(o.details, v.details) ->> 'step' = 'contract costs';

-- Sites change what energy costs; a month that is over keeps what it had. The first row holds for ever back.
create table site_version (
    organisation_id bigint not null,
    site_id bigint not null,
    valid_from timestamptz not null,
    pue numeric not null,
    prices numeric[] not null,
    primary key (organisation_id, site_id, valid_from)
);
insert into site_version select organisation_id, id, '-infinity', pue, prices from site;
create function keep_site_version() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or (old.pue, old.prices) is distinct from (new.pue, new.prices) then
        insert into site_version values (new.organisation_id, new.id,
            case when tg_op = 'INSERT' then '-infinity' else clock_timestamp() end, new.pue, new.prices);
    end if;
    return null;
end $$;
create trigger keep_version after insert or update on site for each row execute function keep_site_version();
create trigger append_only before update or delete or truncate on site_version
    for each statement execute function append_only();

-- Since when a contract stands in no configuration: its fees end then.
alter table contract add column ended_at timestamptz;
update contract set ended_at = now() where not active;
create function note_contract_end() returns trigger language plpgsql as $$
begin
    if new.active then
        new.ended_at := null;
    elsif old.active then
        new.ended_at := clock_timestamp();
    end if;
    return new;
end $$;
create trigger note_end before update on contract for each row execute function note_contract_end();

-- Vouchers book on other accounts of the same projects and contracts, too: a gateway gets the eight of its calls.
create function call_accounts(p_project bigint, p_contract bigint)
returns table (kind text, project_id bigint, contract_id bigint) language sql immutable as $$
    select k.kind, case when k.by_project then p_project else 0 end,
        case when k.by_contract then p_contract else 0 end
    from (values ('receivable', true, false), ('revenue', true, false), ('overrun', true, false),
        ('unresolved_price', true, false), ('cost', true, true), ('failed', true, true),
        ('unresolved_cost', true, true), ('payable', false, true)) k(kind, by_project, by_contract)
$$;
create or replace function ensure_accounts(p_organisation bigint, p_project bigint, p_contract bigint)
returns table (kind text, id bigint) language plpgsql as $$
#variable_conflict use_column
begin
    insert into account (organisation_id, kind, project_id, contract_id)
        select p_organisation, w.kind, w.project_id, w.contract_id from call_accounts(p_project, p_contract) w
        on conflict do nothing;
    return query select a.kind, a.id from call_accounts(p_project, p_contract) w
        join account a on a.organisation_id = p_organisation and a.kind = w.kind
            and a.project_id = w.project_id and a.contract_id = w.contract_id;
end $$;
