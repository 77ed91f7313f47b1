-- Bills of providers that were matched with the books. What a bill changed are vouchers, which name it in
-- bill_voucher; undoing it reverses them. No day of a provider is billed twice in money.

create table bill (
    id bigint generated always as identity primary key,
    organisation_id bigint not null, -- whose provider it is: the operator's, shared with all, is 0
    provider_id bigint not null,
    name text not null,
    format text not null,
    sha256 bytea not null,
    period date not null, -- the first day of the month
    first_day date not null,
    last_day date not null,
    currency text not null, -- of the bill; '' where it tells usage alone
    rate numeric not null check (rate > 0), -- units of the books' currency for one of the bill's
    said numeric not null, -- its total as it stands on the bill
    billed numeric(38, 0) not null, -- the same in nano-units of the books' currency
    booked numeric(38, 0) not null,
    settled numeric(38, 0) not null,
    difference numeric(38, 0) not null,
    rows jsonb not null,
    made_by text not null,
    made_at timestamptz not null,
    foreign key (organisation_id, provider_id) references provider (organisation_id, id),
    constraint bill_adds_up check (billed = booked + settled + difference and first_day <= last_day)
);

create table bill_voucher (
    bill_id bigint not null references bill,
    organisation_id bigint not null,
    voucher_id bigint not null,
    primary key (bill_id, organisation_id, voucher_id),
    unique (organisation_id, voucher_id),
    foreign key (organisation_id, voucher_id) references voucher (organisation_id, id)
);

create table bill_undone (
    bill_id bigint primary key references bill,
    reason text not null check (reason <> ''),
    made_by text not null,
    made_at timestamptz not null
);

create function bill_is_new() returns trigger language plpgsql as $$
declare
    v_other bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('rechenwerk.bill', new.provider_id));
    select b.id into v_other from bill b
        where b.provider_id = new.provider_id and b.id <> new.id and (b.currency = '') = (new.currency = '')
            and (b.sha256 = new.sha256 or b.first_day <= new.last_day and new.first_day <= b.last_day)
            and not exists (select from bill_undone u where u.bill_id = b.id) limit 1;
    if found then
        raise exception 'bill % has days of this one already', v_other using errcode = 'RW003',
            detail = v_other::text;
    end if;
    return new;
end $$;
create trigger bill_is_new before insert on bill for each row execute function bill_is_new();

create trigger append_only before update or delete or truncate on bill
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on bill_voucher
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on bill_undone
    for each statement execute function append_only();

-- What stands in the books of calls that were once unresolved: the last settlement that was not reversed.
create view settled_call as
    select v.organisation_id, v.call_id, v.id as voucher_id, (v.details ->> 'cost')::numeric(38, 0) as cost,
        (v.details ->> 'price')::numeric(38, 0) as price
    from voucher v
    where v.kind = 'settlement' and v.call_id is not null and not exists (
        select from voucher r where r.organisation_id = v.organisation_id and r.reverses = v.id);

-- A call is settled once: a second settlement needs the first to be reversed.
create function call_is_settled_once() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('rechenwerk.settle', new.call_id));
    if exists (select from settled_call s where s.organisation_id = new.organisation_id
            and s.call_id = new.call_id) then
        raise exception 'call % is settled already', new.call_id using errcode = 'RW004';
    end if;
    if not exists (select from call c where c.organisation_id = new.organisation_id and c.id = new.call_id
            and c.outcome = 'unresolved') then
        raise exception 'call % is not unresolved', new.call_id using errcode = 'RW004';
    end if;
    return new;
end $$;
create trigger call_is_settled_once before insert on voucher for each row
    when (new.kind = 'settlement' and new.call_id is not null) execute function call_is_settled_once();
create index on voucher (organisation_id, call_id) where call_id is not null;

-- What was drawn from contracts, with what settled calls were found to have cost instead of what was booked.
create view draw as
    select contract_id, deployment_id, hour, organisation_id, calls, amount, listed, input, cached_input, cache_write,
        output, reasoning, images, seconds, requests, energy_uwh, co2_ug
    from position_draw
    union all
    select c.contract_id, c.deployment_id, date_trunc('hour', c.started_at, 'UTC'), c.organisation_id, 0,
        s.cost - c.cost,
        case when c.cost > 0
            then round(coalesce(c.listed, c.cost) * s.cost / c.cost) - coalesce(c.listed, c.cost) else 0 end,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from settled_call s join call c on c.organisation_id = s.organisation_id and c.id = s.call_id;
