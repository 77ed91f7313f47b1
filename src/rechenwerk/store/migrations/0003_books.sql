-- The books. A transfer moves an amount from one account to another: one row is two entries, a debit
-- and a credit of the same amount, so a transaction that does not sum to zero cannot be written down.
-- (The representation is TigerBeetle's; the classical two-line form is the view `entry`.)

create table account (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    kind text not null check (kind in ('receivable', 'revenue', 'cost', 'payable', 'failed',
        'unresolved_cost', 'unresolved_price', 'overrun')),
    project_id bigint not null default 0,
    contract_id bigint not null default 0,
    primary key (organisation_id, id),
    unique (organisation_id, kind, project_id, contract_id)
);

-- A hold: the most that a call under way can cost. It can only vanish into a booked call.
create table hold (
    id bigint primary key,
    organisation_id bigint not null,
    project_id bigint not null,
    key_id bigint not null,
    process_id bigint not null,
    deployment_id bigint not null,
    contract_id bigint not null,
    endpoint text not null,
    model text not null,
    streamed boolean not null,
    amount numeric(38, 0) not null,
    cost_bound numeric(38, 0) not null,
    slices bigint[] not null,
    started_at timestamptz not null,
    expires_at timestamptz not null,
    constraint hold_is_no_debt check (amount >= 0 and cost_bound >= 0)
);

-- One check instead of many: PostgreSQL parses every check anew for every statement.
create table call (
    organisation_id bigint not null,
    id bigint not null,
    project_id bigint not null,
    key_id bigint not null,
    process_id bigint not null,
    deployment_id bigint not null,
    contract_id bigint not null,
    endpoint text not null,
    model text not null,
    streamed boolean not null,
    outcome text not null,
    reason text,
    usage_source text not null,
    input bigint not null,
    cached_input bigint not null,
    cache_write bigint not null,
    output bigint not null,
    reasoning bigint not null,
    images bigint not null,
    seconds bigint not null,
    requests bigint not null,
    raw_usage text,
    held numeric(38, 0) not null,
    price numeric(38, 0) not null,
    cost numeric(38, 0) not null,
    charged numeric(38, 0) not null,
    slices bigint[] not null,
    status integer not null,
    started_at timestamptz not null,
    first_byte_us bigint not null,
    total_us bigint not null,
    decision text,
    booked_at timestamptz not null default now(),
    primary key (organisation_id, id),
    constraint call_makes_sense check (
        outcome in ('posted', 'failed', 'unresolved', 'void')
        and usage_source in ('reported', 'counted', 'estimated', 'none')
        and least(input, cached_input, cache_write, output, reasoning, images, seconds, requests) >= 0
        and price >= 0 and cost >= 0 and charged >= 0 and charged <= held)
);

create table transfer (
    organisation_id bigint not null,
    call_id bigint not null,
    line smallint not null,
    debit bigint not null,
    credit bigint not null,
    amount numeric(38, 0) not null check (amount > 0),
    primary key (organisation_id, call_id, line),
    constraint two_accounts check (debit <> credit)
);

create view entry as
    select organisation_id, call_id, line, debit as account_id, amount from transfer
    union all
    select organisation_id, call_id, line, credit, -amount from transfer;

-- A stored answer of a call with an Idempotency-Key: one booking, however often it is repeated.
create table idempotent (
    organisation_id bigint not null,
    project_id bigint not null,
    key text not null,
    request_hash bytea not null,
    status integer,
    content_type text,
    body bytea,
    call_id bigint,
    created_at timestamptz not null default now(),
    primary key (organisation_id, project_id, key)
);
create index on idempotent (created_at);

-- Entries and booked calls are for ever: a mistake is mended by a new entry.
create function append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: book a correction instead', tg_table_name
        using errcode = 'restrict_violation';
end $$;
create trigger append_only before update or delete or truncate on transfer
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on call
    for each statement execute function append_only();

-- Both accounts exist and belong to the transfer's organisation. One check per statement, not per row:
-- a foreign key per row costs more than the whole booking.
create function transfer_accounts() returns trigger language plpgsql as $$
declare
    v_wrong bigint;
begin
    select u.account into v_wrong
        from (select distinct n.organisation_id, x.account
              from new_rows n cross join lateral (values (n.debit), (n.credit)) x(account)) u
        where not exists (select from account a where a.organisation_id = u.organisation_id
                          and a.id = u.account)
        limit 1;
    if found then
        raise exception 'account % does not belong to the organisation of the transfer', v_wrong
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
create trigger transfer_accounts after insert on transfer referencing new table as new_rows
    for each statement execute function transfer_accounts();

-- A hold draws on its slices the moment it is written; the slice's check refuses what is not there.
-- Slices are always taken in the order of their ids, so that holds and posts never wait for each other in
-- a circle.
create function hold_draws() returns trigger language plpgsql as $$
declare
    v_draw record;
begin
    for v_draw in
        select u.slice_id, sum(n.amount) as amount from new_rows n, unnest(n.slices) as u(slice_id)
        group by u.slice_id order by u.slice_id
    loop
        update slice set held = held + v_draw.amount where id = v_draw.slice_id;
    end loop;
    return null;
end $$;
create trigger hold_draws after insert on hold referencing new table as new_rows
    for each statement execute function hold_draws();

-- A hold that goes away must have become a call of the same amount; its slices turn from held to posted
-- by what was charged.
create function hold_settles() returns trigger language plpgsql as $$
declare
    v_change record;
begin
    for v_change in
        select u.slice_id, sum(o.amount) as held, sum(c.charged) as charged,
               count(*) filter (where c.id is null or c.held <> o.amount) as vanished
        from old_rows o left join call c on c.organisation_id = o.organisation_id and c.id = o.id
        left join lateral unnest(o.slices) as u(slice_id) on true
        group by u.slice_id order by u.slice_id
    loop
        if v_change.vanished > 0 then
            raise exception 'a hold cannot vanish: book its call first' using errcode = 'restrict_violation';
        end if;
        update slice set held = held - v_change.held, posted = posted + v_change.charged
            where id = v_change.slice_id;
    end loop;
    return null;
end $$;
create trigger hold_settles after delete on hold referencing old table as old_rows
    for each statement execute function hold_settles();
create trigger append_only before update or truncate on hold
    for each statement execute function append_only();

create function ensure_accounts(p_organisation bigint, p_project bigint, p_contract bigint)
returns table (kind text, id bigint) language plpgsql as $$
#variable_conflict use_column
begin
    insert into account (organisation_id, kind, project_id, contract_id)
        select p_organisation, k.kind, case when k.by_project then p_project else 0 end,
               case when k.by_contract then p_contract else 0 end
        from (values ('receivable', true, false), ('revenue', true, false), ('overrun', true, false),
              ('unresolved_price', true, false), ('cost', true, true), ('failed', true, true),
              ('unresolved_cost', true, true), ('payable', false, true)) k(kind, by_project, by_contract)
        on conflict do nothing;
    return query select a.kind, a.id from account a
        where a.organisation_id = p_organisation and a.project_id in (0, p_project)
          and a.contract_id in (0, p_contract) and (a.project_id <> 0 or a.contract_id <> 0);
end $$;
