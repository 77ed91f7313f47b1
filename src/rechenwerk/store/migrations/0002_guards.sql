-- Guards: budgets (money) and limits (requests, tokens, calls at once), leased in slices to gateway processes.
--
--   held + posted <= granted      per slice     (a check of the row)
--   granted = sum of its slices   per window    (kept by lease and give_back, proved by books verify)
--   granted <= amount             per window    (a check of the row)
--
-- Together: no hard guard is ever promised beyond its amount, whatever the processes do.

create table guard (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    project_id bigint not null,
    key_id bigint,
    unit text not null check (unit in ('money', 'requests', 'tokens', 'calls')),
    period text not null check (period in ('minute', 'day', 'month', 'total', 'now')),
    amount numeric(38, 0) not null check (amount >= 0),
    hard boolean not null default true,
    active boolean not null default true, -- a removed guard keeps its windows: set again, it remembers
    primary key (organisation_id, id),
    unique nulls not distinct (organisation_id, project_id, key_id, unit, period),
    foreign key (organisation_id, project_id) references project (organisation_id, id),
    foreign key (organisation_id, key_id) references api_key (organisation_id, id),
    check ((unit = 'money' and period in ('day', 'month', 'total'))
        or (unit in ('requests', 'tokens') and period = 'minute')
        or (unit = 'calls' and period = 'now'))
);
create trigger config_changed after insert or update or delete on guard
    for each statement execute function config_changed();

-- One period of a guard. `amount` is the guard's amount, or what had been promised already when the
-- guard was lowered below that; it sinks to the guard's amount as slices come back.
create table guard_window (
    guard_id bigint not null references guard (id),
    starts_at timestamptz not null,
    amount numeric(38, 0) not null,
    granted numeric(38, 0) not null default 0 check (granted >= 0),
    hard boolean not null,
    recall bigint not null default 0,
    primary key (guard_id, starts_at),
    constraint guard_is_not_passed check (not hard or granted <= amount)
);

create table process (
    id bigint generated always as identity primary key,
    number integer not null check (number between 0 and 1023),
    name text not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    ended_at timestamptz
);
create unique index on process (number) where ended_at is null;

create table slice (
    id bigint generated always as identity primary key,
    guard_id bigint not null,
    starts_at timestamptz not null,
    process_id bigint not null references process,
    granted numeric(38, 0) not null default 0,
    held numeric(38, 0) not null default 0,
    posted numeric(38, 0) not null default 0,
    answered bigint not null default 0,
    unique (guard_id, starts_at, process_id),
    foreign key (guard_id, starts_at) references guard_window,
    constraint slice_is_not_passed check (held >= 0 and posted >= 0 and held + posted <= granted)
) with (fillfactor = 50);

create function process_start(p_name text) returns table (process_id bigint, process_number integer)
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('rechenwerk.process'));
    return query
        insert into process (number, name)
        select free, p_name from generate_series(0, 1023) free
        where not exists (select from process p where p.number = free and p.ended_at is null)
        order by free limit 1
        returning process.id, process.number;
end $$;

-- Grants at most `p_want`, nothing beyond the guard, and nothing when there is less than `p_least`: who
-- waits for a whole must not sit on a part. `waiting` counts living slices of others that have not yet
-- answered the current recall, `total` is the whole slice.
-- Locks: window, then slice. "no key", because who updates a slice twice in one transaction, as the till
-- does, also takes a key share lock on its window.
create function lease(p_guard bigint, p_starts timestamptz, p_process bigint, p_want numeric, p_least numeric)
returns table (slice_id bigint, got numeric, pool numeric, waiting bigint, total numeric) language plpgsql as $$
declare
    w guard_window;
    g guard;
    v_slice bigint;
    v_got numeric;
    v_total numeric;
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
    end if;
    update guard_window set granted = granted + v_got where guard_id = p_guard and starts_at = p_starts;
    insert into slice as s (guard_id, starts_at, process_id, granted)
        values (p_guard, p_starts, p_process, v_got)
        on conflict (guard_id, starts_at, process_id) do update set granted = s.granted + v_got
        returning s.id, s.granted into v_slice, v_total;
    return query select v_slice, v_got, greatest(0, w.amount - w.granted - v_got),
        (select count(*) from slice s join process p on p.id = s.process_id
         where s.guard_id = p_guard and s.starts_at = p_starts and s.process_id <> p_process
           and p.ended_at is null and s.answered < w.recall), v_total;
end $$;

-- Asks every other process for what lies idle in its slice of this window.
create function recall(p_guard bigint, p_starts timestamptz) returns bigint language plpgsql as $$
declare
    v_epoch bigint;
begin
    update guard_window set recall = recall + 1 where guard_id = p_guard and starts_at = p_starts
        returning recall into v_epoch;
    perform pg_notify('rechenwerk_recall',
        format('%s %s %s', p_guard, extract(epoch from p_starts)::bigint, v_epoch));
    return v_epoch;
end $$;

create function give_back(p_slice bigint, p_amount numeric, p_epoch bigint) returns void
language plpgsql as $$
declare
    v_guard bigint;
    v_starts timestamptz;
    v_wish numeric;
begin
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
