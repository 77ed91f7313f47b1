-- Budgets of organisations and of more periods, and prepaid wallets: guards like any others.

-- A guard without a project is its organisation's: every call of the organisation needs it.
alter table guard alter column project_id drop not null;
alter table guard add foreign key (organisation_id) references organisation (id);
alter table guard add constraint a_key_has_a_project check (key_id is null or project_id is not null);
alter table guard drop constraint guard_period_check;
alter table guard add constraint guard_period_check
    check (period in ('minute', 'day', 'week', 'month', 'quarter', 'year', 'total', 'now'));
alter table guard drop constraint guard_check;
alter table guard add constraint guard_unit_has_period check (
    (unit = 'money' and period in ('day', 'week', 'month', 'quarter', 'year', 'total'))
    or (unit in ('requests', 'tokens') and period = 'minute')
    or (unit = 'calls' and period = 'now'));

-- A wallet is a hard guard of money for all time whose amount is what was paid in and not paid back.
alter table guard add column wallet boolean not null default false;
alter table guard add constraint wallet_is_hard
    check (not wallet or (unit = 'money' and period = 'total' and hard and key_id is null));
alter table guard drop constraint guard_organisation_id_project_id_key_id_unit_period_key;
alter table guard add constraint guard_is_one_of_its_kind
    unique nulls not distinct (organisation_id, project_id, key_id, unit, period, wallet);

-- What comes back into a wallet: a call whose usage nobody knew was charged what it held; settled, it cost less.
create table wallet_release (
    organisation_id bigint not null,
    guard_id bigint not null,
    call_id bigint not null,
    amount numeric(38, 0) not null check (amount >= 0),
    released_at timestamptz not null default now(),
    primary key (organisation_id, guard_id, call_id),
    foreign key (organisation_id, guard_id) references guard (organisation_id, id)
);
create trigger append_only before update or delete or truncate on wallet_release
    for each statement execute function append_only();

-- Pays into a wallet, or out of it (below zero) what no gateway process has leased: what calls hold, have spent
-- or may still draw cannot be paid out. Returns what is still free.
-- Locks as `lease` does: the window first; `lease` looks at the guard again once it has the window.
create function wallet_change(p_organisation bigint, p_guard bigint, p_change numeric) returns numeric
language plpgsql as $$
declare
    v_granted numeric;
    v_amount numeric;
begin
    insert into guard_window (guard_id, starts_at, amount, hard)
        values (p_guard, to_timestamp(0), 0, true) on conflict do nothing;
    select granted into v_granted from guard_window
        where guard_id = p_guard and starts_at = to_timestamp(0) for no key update;
    update guard set amount = amount + p_change
        where organisation_id = p_organisation and id = p_guard and wallet
        returning amount into v_amount;
    if not found then
        raise exception 'there is no wallet %', p_guard using errcode = 'no_data_found';
    end if;
    if v_amount < v_granted then
        raise exception 'less than that is free' using errcode = 'RW003';
    end if;
    update guard_window set amount = v_amount where guard_id = p_guard and starts_at = to_timestamp(0);
    return v_amount - v_granted;
end $$;

-- A bank's reference pays once.
create unique index voucher_reference on voucher (organisation_id, (details ->> 'reference'))
    where kind in ('topup', 'refund') and details ? 'reference';

-- Money that went into or out of a wallet moves with the wallet, so its voucher is not reversed behind its back.
create function wallet_is_refunded() returns trigger language plpgsql as $$
begin
    if exists (select from voucher v where v.organisation_id = new.organisation_id and v.id = new.reverses
               and v.kind in ('topup', 'refund')) then
        raise exception 'a top-up is undone by a refund, a refund by a top-up' using errcode = 'RW004';
    end if;
    return new;
end $$;
create trigger wallet_is_refunded before insert on voucher for each row when (new.reverses is not null)
    execute function wallet_is_refunded();

-- A budget of which nothing fits any more is rarely used to the last cent: what the last call that was turned away
-- needed tells that it is used up. An estimate for alerts; no decision rests on it.
alter table guard_window add column turned_away numeric(38, 0);

create or replace function lease(p_guard bigint, p_starts timestamptz, p_process bigint, p_want numeric,
    p_least numeric)
returns table (slice_id bigint, got numeric, pool numeric, waiting bigint, total numeric) language plpgsql as $$
declare
    w guard_window;
    g guard;
    v_slice bigint;
    v_got numeric;
    v_total numeric;
    v_need numeric;
begin
    select * into g from guard where id = p_guard and active;
    if not found then
        raise exception 'guard % does not exist any more', p_guard using errcode = 'no_data_found';
    end if;
    insert into guard_window (guard_id, starts_at, amount, hard)
        values (p_guard, p_starts, g.amount, g.hard) on conflict do nothing;
    if found and g.period = 'minute' then -- minutes that are over are of no use to anybody
        delete from slice where guard_id = p_guard and starts_at < p_starts - interval '10 minutes';
        delete from guard_window where guard_id = p_guard and starts_at < p_starts - interval '10 minutes';
    end if;
    select * into w from guard_window where guard_id = p_guard and starts_at = p_starts for no key update;
    select * into g from guard where id = p_guard; -- it may have changed while we waited
    if w.hard <> g.hard or w.amount <> greatest(g.amount, w.granted) then
        w.amount := greatest(g.amount, w.granted);
        w.hard := g.hard;
        update guard_window set amount = w.amount, hard = w.hard
            where guard_id = p_guard and starts_at = p_starts;
    end if;
    v_got := case when w.hard then greatest(0, least(p_want, least(g.amount, w.amount) - w.granted))
             else p_want end;
    if v_got < p_least then
        v_got := 0;
        perform set_config('synchronous_commit', 'off', true); -- nothing was granted: nothing to lose
        if g.unit = 'money' then
            select p_least + greatest(0, coalesce(sum(s.granted - s.held - s.posted), 0)) into v_need
                from slice s
                where s.guard_id = p_guard and s.starts_at = p_starts and s.process_id = p_process;
        end if;
    end if;
    update guard_window set granted = granted + v_got, turned_away = coalesce(v_need, turned_away)
        where guard_id = p_guard and starts_at = p_starts;
    insert into slice as s (guard_id, starts_at, process_id, granted)
        values (p_guard, p_starts, p_process, v_got)
        on conflict (guard_id, starts_at, process_id) do update set granted = s.granted + v_got
        returning s.id, s.granted into v_slice, v_total;
    return query select v_slice, v_got, greatest(0, w.amount - w.granted - v_got),
        (select count(*) from slice s join process p on p.id = s.process_id
         where s.guard_id = p_guard and s.starts_at = p_starts and s.process_id <> p_process
           and p.ended_at is null and s.answered < w.recall), v_total;
end $$;

-- To ask, and to answer that nothing is idle, changes nobody's money: no need to wait for the disk. While a budget
-- is used up these are all that happens, one after the other on the row of its window.
create or replace function recall(p_guard bigint, p_starts timestamptz) returns bigint language plpgsql as $$
declare
    v_epoch bigint;
begin
    perform set_config('synchronous_commit', 'off', true);
    update guard_window set recall = recall + 1 where guard_id = p_guard and starts_at = p_starts
        returning recall into v_epoch;
    perform pg_notify('rechenwerk_recall',
        format('%s %s %s', p_guard, extract(epoch from p_starts)::bigint, v_epoch));
    return v_epoch;
end $$;

create or replace function give_back(p_slice bigint, p_amount numeric, p_epoch bigint) returns void
language plpgsql as $$
declare
    v_guard bigint;
    v_starts timestamptz;
    v_wish numeric;
begin
    if p_amount = 0 then
        perform set_config('synchronous_commit', 'off', true);
        update slice set answered = greatest(answered, p_epoch) where id = p_slice;
        return;
    end if;
    select guard_id, starts_at into v_guard, v_starts from slice where id = p_slice;
    if not found then
        return;
    end if;
    select amount into v_wish from guard where id = v_guard;
    perform 1 from guard_window where guard_id = v_guard and starts_at = v_starts for no key update;
    update slice set granted = granted - p_amount, answered = greatest(answered, p_epoch) where id = p_slice;
    update guard_window set granted = granted - p_amount, amount = greatest(v_wish, granted - p_amount)
        where guard_id = v_guard and starts_at = v_starts;
end $$;

-- Whom to tell what.
create table alert (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    name text not null,
    watch text not null check (watch in ('budgets', 'wallets', 'contracts', 'concentration')),
    project_id bigint, -- null, as key_id and period: whichever
    key_id bigint,
    period text,
    thresholds integer[] not null default '{}', -- percent of a budget
    forecast boolean not null default false,
    below numeric(38, 0), -- what is left of a wallet
    channel text not null check (channel in ('webhook', 'mail')),
    target text not null,
    language text not null check (language in ('en', 'de')),
    secret bytea, -- sealed; what webhooks are signed with
    active boolean not null default true,
    made_by text not null,
    created_at timestamptz not null default now(),
    primary key (organisation_id, id),
    foreign key (organisation_id, project_id) references project (organisation_id, id),
    foreign key (organisation_id, key_id) references api_key (organisation_id, id),
    check ((channel = 'webhook') = (secret is not null))
);
create unique index alert_name on alert (organisation_id, name) where active;

-- What was to be told: written with its cause in one transaction before it is sent, and once per cause. Sending
-- is repeated until somebody took it, with the same message id: who gets it twice can tell.
create table notice (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    alert_id bigint not null,
    message_id text not null unique,
    cause text not null,
    kind text not null,
    data jsonb not null,
    made_at timestamptz not null,
    state text not null check (state in ('waiting', 'delivered', 'given up', 'passed over')),
    attempts integer not null default 0,
    next_at timestamptz not null,
    answer text,
    delivered_at timestamptz,
    primary key (organisation_id, id),
    unique (alert_id, cause),
    foreign key (organisation_id, alert_id) references alert (organisation_id, id)
);
create index notice_waits on notice (next_at) where state = 'waiting';
