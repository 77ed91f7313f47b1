-- Capacity and who governs it: pools, the reserve of classes, emergency draws, grants, sold capacity, fees, audit.
--
--   kept for classes + sold at the peak <= tokens per minute of the pool's active deployments
--
-- is checked by the database whenever a sale or a reserve is written or a member shrinks, under a lock of the
-- pool's row: nothing is ever sold twice, whatever the office does. (Only a deployment that is deactivated makes
-- a pool short.)

create table pool (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    name text not null check (name <> ''),
    tokens_per_gpu_hour bigint check (tokens_per_gpu_hour > 0),
    small_grant numeric(38, 0) not null default 10000000,
    medium_grant numeric(38, 0) not null default 1000000000,
    idle_days integer not null default 30 check (idle_days between 1 and 3650),
    least_share integer not null default 25 check (least_share between 0 and 100),
    notice_days integer not null default 7 check (notice_days between 0 and 365),
    changes bigint not null default 0, -- whoever checks what the pool promises writes here first
    created_at timestamptz not null,
    primary key (organisation_id, id),
    unique (organisation_id, name),
    constraint grant_sizes_grow check (small_grant >= 0 and medium_grant >= small_grant)
);

-- What a deployment gives, as dated rows: a report of last week knows what there was last week.
create table pool_member (
    organisation_id bigint not null,
    pool_id bigint not null,
    deployment_id bigint not null,
    valid_from timestamptz not null,
    tokens_per_minute bigint not null check (tokens_per_minute >= 0),
    primary key (pool_id, deployment_id, valid_from),
    foreign key (organisation_id, pool_id) references pool (organisation_id, id),
    foreign key (organisation_id, deployment_id) references deployment (organisation_id, id)
);

create table reserve (
    pool_id bigint not null references pool (id),
    class text not null check (class in ('critical', 'standard', 'batch')),
    nominal bigint not null check (nominal >= 0),
    lendable bigint not null,
    reclaim integer not null check (reclaim between 0 and 86400), -- seconds
    draw_most bigint not null default 0,
    draw_seconds integer not null default 3600 check (draw_seconds between 60 and 604800),
    changed_at timestamptz not null,
    primary key (pool_id, class),
    constraint reserve_makes_sense check (lendable between 0 and nominal and draw_most between 0 and nominal)
);

-- Two people: the constraint knows it, whatever the office says.
create table emergency_draw (
    id bigint generated always as identity primary key,
    pool_id bigint not null references pool (id),
    taken_from text not null check (taken_from in ('critical', 'standard', 'batch')),
    given_to text not null check (given_to in ('critical', 'standard', 'batch') and given_to <> taken_from),
    for_organisation bigint references organisation, -- only its calls; null: everybody's
    amount bigint not null check (amount > 0),
    seconds integer not null check (seconds > 0),
    reason text not null check (reason <> ''),
    requested_organisation bigint not null references organisation,
    requested_key bigint not null references api_key (id),
    requested_by text not null,
    requested_at timestamptz not null,
    approved_organisation bigint references organisation,
    approved_key bigint references api_key (id),
    approved_by text,
    approved_at timestamptz,
    ended_at timestamptz,
    constraint two_people check (approved_key is null or (approved_key <> requested_key
        and lower(trim(approved_by)) <> lower(trim(requested_by)))),
    constraint approval_is_whole check (num_nulls(approved_organisation, approved_key, approved_by,
        approved_at) in (0, 4))
);
create index on emergency_draw (pool_id, approved_at);

create table grant_application (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    project_id bigint not null,
    pool_id bigint not null references pool (id),
    unit text not null check (unit in ('tokens', 'gpu hours')),
    amount numeric(38, 0) not null check (amount > 0), -- as applied for
    tokens numeric(38, 0) not null check (tokens > 0),
    size text not null check (size in ('small', 'medium', 'large')),
    purpose text not null check (purpose <> ''),
    starts_on date not null,
    ends_on date not null, -- the first day at which it is over
    use_by date not null,
    applied_key bigint not null references api_key (id),
    applied_by text not null,
    applied_at timestamptz not null,
    stage text not null default 'applied' check (stage in ('applied', 'granted', 'declined')),
    decided_at timestamptz,
    decision text,
    primary key (organisation_id, id),
    foreign key (organisation_id, project_id) references project (organisation_id, id),
    constraint window_makes_sense check (starts_on < ends_on and use_by > starts_on and use_by <= ends_on)
);
create index on grant_application (pool_id, project_id);

create table grant_approval (
    application_id bigint not null references grant_application (id),
    organisation_id bigint not null references organisation,
    key_id bigint not null references api_key (id),
    name text not null,
    approved_at timestamptz not null,
    primary key (application_id, key_id)
);
create unique index on grant_approval (application_id, lower(trim(name)));

-- A grant: what became of an application that was approved. `tokens` sinks by what returns to the pool.
create table granted (
    application_id bigint primary key references grant_application (id),
    tokens numeric(38, 0) not null check (tokens >= 0),
    returned numeric(38, 0) not null default 0 check (returned >= 0),
    course_from date not null,
    course_drawn numeric(38, 0) not null default 0,
    noticed_on date
);

-- Who grants needs the signatures of its size class; the applicant's own never counts.
create function grant_is_approved() returns trigger language plpgsql as $$
declare
    v_needed integer;
    v_found integer;
begin
    select case a.size when 'small' then 0 when 'medium' then 1 else 2 end,
        (select count(*) from grant_approval p where p.application_id = a.id and p.key_id <> a.applied_key
            and lower(trim(p.name)) <> lower(trim(a.applied_by)))
        into v_needed, v_found from grant_application a where a.id = new.application_id;
    if v_found < v_needed then
        raise exception 'grant % has % approvals of others, it needs %', new.application_id, v_found, v_needed
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger grant_is_approved before insert on granted for each row execute function grant_is_approved();

-- What capacity costs whoever buys it, as dated rows. rate: decimal text, per 1,000 tokens per minute and day,
-- or per million tokens of batch capacity.
create table capacity_tariff (
    pool_id bigint not null references pool (id),
    unit text not null check (unit in ('tokens per minute', 'tokens per day')),
    valid_from timestamptz not null,
    currency text not null,
    rate text not null,
    primary key (pool_id, unit, valid_from)
);

create table capacity_sale (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    project_id bigint not null,
    pool_id bigint not null references pool (id),
    unit text not null check (unit in ('tokens per minute', 'tokens per day')),
    amount bigint not null check (amount > 0),
    per_minute bigint not null generated always as
        (case unit when 'tokens per minute' then amount else (amount + 1439) / 1440 end) stored,
    lendable bigint not null check (lendable >= 0), -- tokens per minute
    reclaim integer not null check (reclaim between 0 and 86400),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    currency text not null,
    rate text not null,
    fee numeric(38, 0) not null check (fee >= 0),
    refunded numeric(38, 0) not null default 0,
    sold_at timestamptz not null,
    cancelled_at timestamptz,
    until timestamptz not null generated always as (least(ends_at, coalesce(cancelled_at, ends_at))) stored,
    primary key (organisation_id, id),
    foreign key (organisation_id, project_id) references project (organisation_id, id),
    constraint sale_makes_sense check (starts_at < ends_at and refunded between 0 and fee)
);
create index on capacity_sale (pool_id, starts_at);

-- A deployment gives no more than its own limit; one whose site is out still counts: what is promised for next
-- year does not depend on the weather of today.
create function pool_capacity(p_pool bigint) returns numeric language sql stable as $$
    select coalesce(sum(least(m.tokens_per_minute, d.tokens_per_minute)), 0)
    from (select distinct on (deployment_id) deployment_id, tokens_per_minute from pool_member
          where pool_id = p_pool order by deployment_id, valid_from desc) m
    join deployment d on d.id = m.deployment_id and d.active
$$;

create function pool_kept(p_pool bigint) returns numeric language sql stable as $$
    select coalesce(sum(nominal), 0) from reserve where pool_id = p_pool
$$;

-- The most that is sold at any one moment of a period: sums change only where a sale starts.
create function pool_sold(p_pool bigint, p_from timestamptz, p_to timestamptz) returns numeric
language sql stable as $$
    select coalesce(max((select sum(s.per_minute) from capacity_sale s
                         where s.pool_id = p_pool and s.starts_at <= x.at and s.until > x.at)), 0)
    from (select p_from as at union
          select starts_at from capacity_sale where pool_id = p_pool and starts_at > p_from and starts_at < p_to) x
$$;

create function pool_check(p_pool bigint, p_from timestamptz, p_to timestamptz) returns void
language plpgsql as $$
declare
    v_left numeric;
begin
    update pool set changes = changes + 1 where id = p_pool; -- one at a time, in every isolation level
    v_left := pool_capacity(p_pool) - pool_kept(p_pool) - pool_sold(p_pool, p_from, p_to);
    if v_left < 0 then
        raise exception 'the pool would promise % tokens per minute more than it has', -v_left
            using errcode = 'RW003';
    end if;
end $$;

create function sale_fits() returns trigger language plpgsql as $$
begin
    perform pool_check(new.pool_id, new.starts_at, new.until);
    return null;
end $$;
create trigger sale_fits after insert on capacity_sale for each row execute function sale_fits();
-- A sale can be cut short and paid back; what was sold stays as it was.
create function sale_is_kept() returns trigger language plpgsql as $$
begin
    if old.cancelled_at is not null or (new.organisation_id, new.id, new.project_id, new.pool_id, new.unit,
            new.amount, new.lendable, new.reclaim, new.starts_at, new.ends_at, new.currency, new.rate, new.fee,
            new.sold_at) is distinct from (old.organisation_id, old.id, old.project_id, old.pool_id, old.unit,
            old.amount, old.lendable, old.reclaim, old.starts_at, old.ends_at, old.currency, old.rate, old.fee,
            old.sold_at) then
        raise exception 'a sale can only be cancelled, once' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger sale_is_kept before update on capacity_sale for each row execute function sale_is_kept();

create function reserve_fits() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or new.nominal > old.nominal then
        perform pool_check(new.pool_id, new.changed_at, 'infinity');
    end if;
    return null;
end $$;
create trigger reserve_fits after insert or update on reserve for each row execute function reserve_fits();

-- A member that shrinks must leave enough; and no deployment gives its capacity to two pools.
create function member_fits() returns trigger language plpgsql as $$
declare
    v_before bigint;
    v_other text;
begin
    perform 1 from deployment where id = new.deployment_id for no key update;
    select p.name into v_other from pool p
        where p.id <> new.pool_id and (select m.tokens_per_minute from pool_member m
            where m.pool_id = p.id and m.deployment_id = new.deployment_id
            order by m.valid_from desc limit 1) > 0
        limit 1;
    if found and new.tokens_per_minute > 0 then
        raise exception 'the deployment belongs to pool % already', v_other using errcode = 'RW004';
    end if;
    select tokens_per_minute into v_before from pool_member
        where pool_id = new.pool_id and deployment_id = new.deployment_id and valid_from < new.valid_from
        order by valid_from desc limit 1;
    if new.tokens_per_minute < coalesce(v_before, 0) then
        perform pool_check(new.pool_id, new.valid_from, 'infinity');
    end if;
    return null;
end $$;
create trigger member_fits after insert on pool_member for each row execute function member_fits();

-- A fee: money that an organisation owes for something else than a call; below zero it is paid back. It has one
-- transfer, whose `call_id` is the fee's id: below zero, where no call is.
create sequence fee_number;
create table fee (
    organisation_id bigint not null,
    id bigint not null default -nextval('fee_number'),
    project_id bigint not null,
    kind text not null check (kind in ('capacity')),
    sale_id bigint not null references capacity_sale (id),
    amount numeric(38, 0) not null check (amount <> 0),
    reason text not null,
    booked_at timestamptz not null,
    primary key (organisation_id, id),
    foreign key (organisation_id, project_id) references project (organisation_id, id)
);

create function book_fee(p_organisation bigint, p_project bigint, p_sale bigint, p_amount numeric,
    p_reason text, p_at timestamptz) returns bigint language plpgsql as $$
declare
    v_fee bigint;
    v_receivable bigint;
    v_revenue bigint;
begin
    if p_amount = 0 then
        return null;
    end if;
    insert into account (organisation_id, kind, project_id)
        values (p_organisation, 'receivable', p_project), (p_organisation, 'revenue', p_project)
        on conflict do nothing;
    select id into v_receivable from account where organisation_id = p_organisation and kind = 'receivable'
        and project_id = p_project and contract_id = 0;
    select id into v_revenue from account where organisation_id = p_organisation and kind = 'revenue'
        and project_id = p_project and contract_id = 0;
    insert into fee (organisation_id, project_id, kind, sale_id, amount, reason, booked_at)
        values (p_organisation, p_project, 'capacity', p_sale, p_amount, p_reason, p_at) returning id into v_fee;
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        values (p_organisation, v_fee, 1, case when p_amount > 0 then v_receivable else v_revenue end,
                case when p_amount > 0 then v_revenue else v_receivable end, abs(p_amount));
    return v_fee;
end $$;

-- Who did what to whom: before and after, for ever.
create table audit_event (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    organisation_id bigint not null references organisation, -- whom it concerns
    actor_organisation bigint not null references organisation,
    key_id bigint not null references api_key (id),
    who text not null,
    what text not null,
    subject text not null,
    before jsonb,
    after jsonb
);
create index on audit_event (organisation_id, id);

-- What admission counted, by pool, day and class; whoever admits adds to it.
create table pool_use (
    pool_id bigint not null references pool (id),
    day date not null,
    class text not null check (class in ('critical', 'standard', 'batch')),
    lent numeric(38, 0) not null default 0,
    reclaimed numeric(38, 0) not null default 0,
    primary key (pool_id, day, class)
);

-- What booked calls used of pools, by project and day (UTC, of the call's id), kept in the transaction that
-- books them: grants and the report read it. A row is one process's alone: see position_draw.
create table pool_draw (
    pool_id bigint not null references pool (id),
    project_id bigint not null,
    day date not null,
    process_id bigint not null,
    tokens numeric(38, 0) not null,
    primary key (pool_id, project_id, day, process_id)
) with (fillfactor = 50);
create index on pool_draw (pool_id, day);

create function pool_draws() returns trigger language plpgsql as $$
begin
    if not exists (select from pool_member) then
        return null;
    end if;
    insert into pool_draw as d (pool_id, project_id, day, process_id, tokens)
        select m.pool_id, n.project_id,
            date '1970-01-01' + (((n.id >> 22) + 1735689600000) / 86400000)::integer, n.process_id,
            sum(n.input + n.cached_input + n.cache_write + n.output + n.reasoning)
        from new_rows n
        join (select distinct on (deployment_id) deployment_id, pool_id, tokens_per_minute from pool_member
              order by deployment_id, valid_from desc) m
            on m.deployment_id = n.deployment_id and m.tokens_per_minute > 0
        where n.outcome <> 'void'
        group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (pool_id, project_id, day, process_id) do update set tokens = d.tokens + excluded.tokens;
    return null;
end $$;
create trigger pool_draws after insert on call referencing new table as new_rows
    for each statement execute function pool_draws();

create trigger append_only before update or delete or truncate on audit_event
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on fee
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on grant_approval
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on pool_member
    for each statement execute function append_only();
create trigger append_only before delete or truncate on capacity_sale
    for each statement execute function append_only();
create trigger append_only before delete or truncate on emergency_draw
    for each statement execute function append_only();
create trigger append_only before delete or truncate on grant_application
    for each statement execute function append_only();
create trigger append_only before delete or truncate on granted
    for each statement execute function append_only();

create trigger config_changed after insert or delete on pool
    for each statement execute function config_changed();
create trigger config_changed after insert or update or delete on pool_member
    for each statement execute function config_changed();
create trigger config_changed after insert or update or delete on reserve
    for each statement execute function config_changed();
create trigger config_changed after insert or update or delete on emergency_draw
    for each statement execute function config_changed();
create trigger config_changed after insert or update or delete on granted
    for each statement execute function config_changed();
create trigger config_changed after insert or update or delete on capacity_sale
    for each statement execute function config_changed();
