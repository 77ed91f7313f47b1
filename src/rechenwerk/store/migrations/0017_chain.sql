-- Books that grow: calls and transfers in partitions by month, sums kept beside them in the transaction that
-- books, and days sealed in Merkle trees (see docs/proof.md).

-- The lowest id that a call which began then can have: see base/ids.py. Nothing began before 2025.
create function first_id(p_at timestamptz) returns bigint language sql immutable as $$
    select greatest(0, (extract(epoch from p_at) * 1000)::bigint - 1735689600000) << 22
$$;
create function month_of(p_at timestamptz) returns date language sql immutable as $$
    select (date_trunc('month', p_at at time zone 'UTC'))::date
$$;
create function month_start(p_month date) returns timestamptz language sql immutable as $$
    select p_month::timestamp at time zone 'UTC'
$$;

-- ---------------------------------------------------------------------------------------------------------
-- Sums beside the rows. A row of them is one process's alone, as in position_draw, so that processes never wait
-- for each other: `lane` is the number that no other living process has; -1 is whatever the till does not
-- write: the sweeper, and vouchers (which take turns, see transfer_counts).

create table account_month (
    organisation_id bigint not null,
    account_id bigint not null,
    month date not null, -- of the call's start, the voucher's `at`, the fee's booking; UTC
    lane integer not null,
    transfers bigint not null,
    debit numeric(38, 0) not null,
    credit numeric(38, 0) not null,
    primary key (organisation_id, account_id, month, lane),
    constraint account_of_its_organisation foreign key (organisation_id, account_id)
        references account (organisation_id, id)
) with (fillfactor = 50);

create table call_day (
    organisation_id bigint not null,
    day date not null, -- on which the call began, UTC
    project_id bigint not null,
    key_id bigint not null,
    model text not null,
    deployment_id bigint not null,
    contract_id bigint not null,
    tariff_id bigint not null,
    outcome text not null,
    lane integer not null,
    calls bigint not null,
    attempts bigint not null, -- of these: failed attempts of other calls
    price numeric(38, 0) not null,
    cost numeric(38, 0) not null,
    listed numeric(38, 0) not null,
    charged numeric(38, 0) not null,
    input bigint not null,
    cached_input bigint not null,
    cache_write bigint not null,
    output bigint not null,
    reasoning bigint not null,
    images bigint not null,
    seconds bigint not null,
    requests bigint not null,
    energy_uwh bigint not null,
    co2_ug bigint not null,
    primary key (organisation_id, day, project_id, key_id, model, deployment_id, contract_id, tariff_id,
        outcome, lane)
) with (fillfactor = 50);

-- ---------------------------------------------------------------------------------------------------------
-- Seals: one per organisation and day (UTC) on which something was booked. `statement` says what was sealed, and
-- names the statement before it by hash; it is signed outside of the database.

create table seal_key (
    id text primary key, -- the first 16 hexadecimal digits of the SHA-256 of the public key
    public bytea not null check (length(public) = 32),
    made_at timestamptz not null default now(),
    introduced text, -- what the key before it, and then this one, signed when it took over
    signature bytea check (length(signature) = 128)
);

create table seal (
    organisation_id bigint not null references organisation,
    number bigint not null check (number > 0),
    day date not null,
    leaves bigint not null check (leaves > 0),
    root bytea not null check (length(root) = 32),
    statement text not null,
    signature bytea not null check (length(signature) = 64),
    key_id text not null references seal_key,
    sealed_at timestamptz not null default now(),
    primary key (organisation_id, number),
    unique (organisation_id, day)
);

-- Which rows a seal has and their hashes, in the order of the tree, so that one that differs is found and a
-- proof needs no other row. Not believed: verify computes the root from them.
create table seal_block (
    organisation_id bigint not null,
    number bigint not null,
    block integer not null,
    ids bigint[] not null,
    hashes bytea not null check (length(hashes) = 32 * cardinality(ids)),
    root bytea not null check (length(root) = 32),
    primary key (organisation_id, number, block),
    foreign key (organisation_id, number) references seal (organisation_id, number) deferrable initially deferred
);

-- Rows that no day of their own has: vouchers and fees (sealed when they are booked, not where they belong), and
-- calls that were booked after their day had been sealed. `number` is of the seal that has them.
create table seal_other (
    organisation_id bigint not null,
    id bigint not null,
    number bigint,
    primary key (organisation_id, id)
);
create index on seal_other (organisation_id) where number is null;

-- Calls below this id are sealed, or about to be.
create table seal_border (
    only_one boolean primary key default true check (only_one),
    before_id bigint not null default 0
);
insert into seal_border default values;

-- What is hashed of a row: a JSON object as RFC 8785 writes it, every number a string, times in microseconds since
-- 1970. An account stands in it by kind, project and contract, so that it cannot be given another meaning.
-- Never changed: another form is another function and another format in the statement.
create function leaf_transfers(p_organisation bigint, p_from bigint, p_to bigint)
returns table (call_id bigint, moved numeric, lines text) language sql stable as $$
    with named as (
        select id, '["' || kind || '","' || project_id || '","' || contract_id || '"]' as name
        from account where organisation_id = p_organisation
    )
    select t.call_id, sum(t.amount), string_agg('{"amount":"' || t.amount || '","credit":' || coalesce(k.name, 'null')
        || ',"debit":' || coalesce(d.name, 'null') || ',"line":"' || t.line || '"}', ',' order by t.line)
    from transfer t left join named d on d.id = t.debit left join named k on k.id = t.credit
    where t.organisation_id = p_organisation and t.call_id >= p_from and t.call_id < p_to group by t.call_id
$$;
create function leaf_time(p_at timestamptz) returns text language sql stable as $$
    select (extract(epoch from p_at) * 1000000)::bigint::text
$$;
create function leaf_number(p_number numeric) returns text language sql stable as $$
    select coalesce('"' || p_number || '"', 'null')
$$;
create function leaf_text(p_text text) returns text language sql stable as $$
    select coalesce(to_json(p_text)::text, 'null')
$$;
create function call_leaves(p_organisation bigint, p_from bigint, p_to bigint)
returns table (id bigint, moved numeric, leaf text) language sql stable as $$
    select c.id, coalesce(t.moved, 0), format('{"attempt_of":%s,"booked_at":"%s","cache_write":"%s",'
        '"cached_input":"%s","charged":"%s","co2_ug":"%s","contract_id":"%s","cost":"%s","decision":%s,'
        '"deployment_id":"%s","endpoint":%s,"energy_uwh":"%s","first_byte_us":"%s","held":"%s","id":"%s",'
        '"images":"%s","input":"%s","key_id":"%s","listed":%s,"model":%s,"organisation_id":"%s","outcome":"%s",'
        '"output":"%s","price":"%s","process_id":"%s","project_id":"%s","raw_usage":%s,"reason":%s,'
        '"reasoning":"%s","requests":"%s","seconds":"%s","slices":%s,"started_at":"%s","status":"%s",'
        '"streamed":%s,"tariff_id":"%s","total_us":"%s","transfers":[%s],"type":"call","usage_source":"%s"}',
        leaf_number(c.attempt_of), leaf_time(c.booked_at), c.cache_write, c.cached_input, c.charged, c.co2_ug,
        c.contract_id, c.cost, leaf_text(c.decision), c.deployment_id, leaf_text(c.endpoint), c.energy_uwh,
        c.first_byte_us, c.held, c.id, c.images, c.input, c.key_id, leaf_number(c.listed), leaf_text(c.model),
        c.organisation_id, c.outcome, c.output, c.price, c.process_id, c.project_id, leaf_text(c.raw_usage),
        leaf_text(c.reason), c.reasoning, c.requests, c.seconds, to_json(c.slices::text[]),
        leaf_time(c.started_at), c.status, case when c.streamed then 'true' else 'false' end, c.tariff_id,
        c.total_us, t.lines, c.usage_source)
    from call c left join leaf_transfers(p_organisation, p_from, p_to) t on t.call_id = c.id
    where c.organisation_id = p_organisation and c.id >= p_from and c.id < p_to
$$;
create function other_leaves(p_organisation bigint, p_ids bigint[])
returns table (id bigint, moved numeric, leaf text) language sql stable as $$
    select v.id, coalesce(t.moved, 0), '{"at":"' || leaf_time(v.at) || '","booked_at":"' || leaf_time(v.booked_at)
        || '","call_id":' || leaf_number(v.call_id) || ',"details":' || leaf_text(v.details::text)
        || ',"id":"' || v.id || '","kind":' || leaf_text(v.kind) || ',"made_by":' || leaf_text(v.made_by)
        || ',"organisation_id":"' || v.organisation_id || '","reason":' || leaf_text(v.reason)
        || ',"reverses":' || leaf_number(v.reverses) || ',"transfers":[' || coalesce(t.lines, '')
        || '],"type":"voucher"}'
    from voucher v left join lateral leaf_transfers(p_organisation, v.id, v.id + 1) t on true
    where v.organisation_id = p_organisation and v.id = any(p_ids)
    union all
    select f.id, coalesce(t.moved, 0), '{"amount":"' || f.amount || '","booked_at":"' || leaf_time(f.booked_at)
        || '","id":"' || f.id || '","kind":' || leaf_text(f.kind) || ',"organisation_id":"' || f.organisation_id
        || '","project_id":"' || f.project_id || '","reason":' || leaf_text(f.reason)
        || ',"sale_id":"' || f.sale_id || '","transfers":[' || coalesce(t.lines, '') || '],"type":"fee"}'
    from fee f left join lateral leaf_transfers(p_organisation, f.id, f.id + 1) t on true
    where f.organisation_id = p_organisation and f.id = any(p_ids)
    union all
    select l.id, l.moved, l.leaf from unnest(p_ids) i(id) cross join lateral call_leaves(p_organisation, i.id, i.id + 1) l
    where i.id > 0
$$;

create trigger append_only before update or delete or truncate on seal
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on seal_block
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on seal_key
    for each statement execute function append_only();

-- ---------------------------------------------------------------------------------------------------------
-- Partitions. The tables are made anew from what they are, so that columns and triggers of theirs stay whatever
-- they are.

drop trigger transfer_accounts on transfer; -- account_of_its_organisation says the same
drop function transfer_accounts();

create function append_only_part() returns trigger language plpgsql as $$
begin
    raise exception '% is a part of a table: write to the whole', tg_table_name
        using errcode = 'restrict_violation';
end $$;

-- Makes the partitions of a month; true if they were not there. What lies in the partition for the rest moves.
create function make_month(p_at timestamptz) returns boolean language plpgsql as $$
declare
    v_month date := month_of(p_at);
    v_from bigint := first_id(month_start(v_month));
    v_to bigint := first_id(month_start((v_month + interval '1 month')::date));
    v_table text;
    v_key text;
    v_part text;
begin
    perform pg_advisory_xact_lock(hashtext('rechenwerk.months'));
    if v_to <= 0 or to_regclass('call_' || to_char(v_month, 'YYYY_MM')) is not null then
        return false;
    end if;
    for v_table, v_key in values ('call', 'id'), ('transfer', 'call_id') loop
        v_part := v_table || '_' || to_char(v_month, 'YYYY_MM');
        execute format('create table %I (like %I including defaults including constraints including indexes)',
            v_part, v_table);
        execute format('lock table %I in access exclusive mode', v_table || '_other');
        execute format('insert into %I select * from %I where %I >= %s and %I < %s', v_part, v_table || '_other',
            v_key, v_from, v_key, v_to);
        execute format('alter table %I disable trigger append_only_part', v_table || '_other');
        execute format('delete from %I where %I >= %s and %I < %s', v_table || '_other', v_key, v_from, v_key, v_to);
        execute format('alter table %I enable trigger append_only_part', v_table || '_other');
        execute format('alter table %I attach partition %I for values from (%s) to (%s)', v_table, v_part,
            v_from, v_to);
        execute format('create trigger append_only_part before insert or update or delete or truncate on %I'
            ' for each statement execute function append_only_part()', v_part);
    end loop;
    return true;
end $$;

-- The months that calls will soon need, and those of calls that had to go to the rest. Returns how many were made.
create function make_months(p_now timestamptz, p_ahead integer) returns integer language plpgsql as $$
declare
    v_made integer := 0;
    v_at timestamptz;
begin
    perform pg_advisory_xact_lock(hashtext('rechenwerk.months')); -- before anything of theirs is looked at
    foreach v_at in array array(
        select month_start((month_of(p_now) + make_interval(months => n))::date) from generate_series(0, p_ahead) n
        union
        select month_start(month_of(to_timestamp((id >> 22) / 1000 + 1735689600))) from call_other
        order by 1
    ) loop
        v_made := v_made + make_month(v_at)::integer;
    end loop;
    return v_made;
end $$;

-- Triggers that stand on the tables and views over them, to be made again.
create table later (place bigint not null, text text not null);
with recursive above as (
    select distinct r.ev_class as view from pg_depend d join pg_rewrite r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and d.refobjid in ('call'::regclass, 'transfer'::regclass)
    union
    select r.ev_class from above a join pg_depend d on d.refobjid = a.view and d.classid = 'pg_rewrite'::regclass
        join pg_rewrite r on r.oid = d.objid where r.ev_class <> a.view
)
insert into later select view::bigint, format('create view %s as %s', view::regclass, pg_get_viewdef(view)) from above;

create function make_partitioned(p_table text, p_key text) returns void language plpgsql as $$
declare
    v_old text := p_table || '_before';
    v_index text;
    v_indexes text[];
begin
    insert into later select 0, pg_get_triggerdef(oid) from pg_trigger
        where tgrelid = p_table::regclass and not tgisinternal;
    -- The primary key first, then what else there is.
    select array_agg(x.text order by x.place) into v_indexes from (
        select 1 as place, format('alter table %I add %s', p_table, pg_get_constraintdef(oid)) as text
            from pg_constraint where conrelid = p_table::regclass and contype = 'p'
        union all
        select 2, pg_get_indexdef(indexrelid) from pg_index where indrelid = p_table::regclass and not indisprimary) x;
    execute format('alter table %I rename to %I', p_table, v_old);
    for v_index in select indexrelid::regclass::text from pg_index where indrelid = v_old::regclass loop
        execute format('alter index %I rename to %I', v_index, v_index || '_before');
    end loop;
    execute format('create table %I (like %I including defaults including constraints) partition by range (%I)',
        p_table, v_old, p_key);
    foreach v_index in array v_indexes loop
        execute v_index;
    end loop;
    execute format('create table %I partition of %I default', p_table || '_other', p_table);
    execute format('create trigger append_only_part before insert or update or delete or truncate on %I'
        ' for each statement execute function append_only_part()', p_table || '_other');
end $$;

select make_partitioned('call', 'id');
select make_partitioned('transfer', 'call_id');
create table transfer_voucher partition of transfer for values from (minvalue) to (0); -- of vouchers and fees
create trigger append_only_part before insert or update or delete or truncate on transfer_voucher
    for each statement execute function append_only_part();
select count(make_month(x.at)) from (
    select distinct month_start(month_of(to_timestamp((id >> 22) / 1000 + 1735689600))) as at from call_before) x;
select make_months(now(), 2);
insert into call select * from call_before order by id;
insert into transfer select * from transfer_before order by call_id, line;
do $$
begin
    if exists (select from pg_constraint where contype = 'f' and confrelid in ('call_before'::regclass,
            'transfer_before'::regclass)) then
        raise exception 'a foreign key to calls or transfers would be lost';
    end if;
end $$;
drop table call_before, transfer_before cascade; -- with the views over them
do $$
declare
    v_one text;
begin
    for v_one in select text from later order by place loop -- a view is younger than what it is over
        execute v_one;
    end loop;
end $$;
drop table later;
drop function make_partitioned(text, text);

-- ---------------------------------------------------------------------------------------------------------
-- What was booked before.

create view call_sums as
    select organisation_id, (started_at at time zone 'UTC')::date as day, project_id, key_id, model, deployment_id,
        contract_id, tariff_id, outcome, count(*) as calls, count(attempt_of) as attempts, sum(price) as price,
        sum(cost) as cost, sum(coalesce(listed, cost)) as listed, sum(charged) as charged, sum(input) as input,
        sum(cached_input) as cached_input, sum(cache_write) as cache_write, sum(output) as output,
        sum(reasoning) as reasoning, sum(images) as images, sum(seconds) as seconds, sum(requests) as requests,
        sum(energy_uwh) as energy_uwh, sum(co2_ug) as co2_ug
    from call group by 1, 2, 3, 4, 5, 6, 7, 8, 9;
create view account_sums as
    select t.organisation_id, x.account_id, month_of(coalesce(c.started_at, v.at, f.booked_at, 'epoch')) as month,
        count(*) as transfers, sum(x.debit) as debit, sum(x.credit) as credit
    from transfer t
    left join call c on c.organisation_id = t.organisation_id and c.id = t.call_id
    left join voucher v on v.organisation_id = t.organisation_id and v.id = t.call_id
    left join fee f on f.organisation_id = t.organisation_id and f.id = t.call_id
    cross join lateral (values (t.debit, t.amount, 0), (t.credit, 0, t.amount)) x(account_id, debit, credit)
    group by 1, 2, 3;

insert into call_day select organisation_id, day, project_id, key_id, model, deployment_id, contract_id, tariff_id,
    outcome, -1, calls, attempts, price, cost, listed, charged, input, cached_input, cache_write, output, reasoning,
    images, seconds, requests, energy_uwh, co2_ug from call_sums;
insert into account_month select organisation_id, account_id, month, -1, transfers, debit, credit from account_sums;
insert into seal_other (organisation_id, id)
    select organisation_id, id from voucher union all select organisation_id, id from fee;

-- ---------------------------------------------------------------------------------------------------------
-- What counts from now on. One pass over the batch's rows, then sums of sums.

create function call_counts() returns trigger language plpgsql as $$
declare
    v_lane text := current_setting('rechenwerk.lane', true);
    v_first bigint;
    v_from timestamptz;
    v_to timestamptz;
    v_border bigint;
begin
    with fine as materialized (
        select n.organisation_id, date_bin('1 hour', n.started_at, 'epoch') as hour, n.project_id, n.key_id,
            n.model, n.deployment_id, n.contract_id, n.tariff_id, n.outcome,
            case when v_lane <> '' then n.process_id else 0 end as process_id, min(n.id) as first,
            count(*) as calls, count(n.attempt_of) as attempts, sum(n.price) as price, sum(n.cost) as cost,
            sum(coalesce(n.listed, n.cost)) as listed, sum(n.charged) as charged, sum(n.input) as input,
            sum(n.cached_input) as cached_input, sum(n.cache_write) as cache_write, sum(n.output) as output,
            sum(n.reasoning) as reasoning, sum(n.images) as images, sum(n.seconds) as seconds,
            sum(n.requests) as requests, sum(n.energy_uwh) as energy_uwh, sum(n.co2_ug) as co2_ug
        from new_rows n group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ), draws as (
        insert into position_draw as d
            select f.contract_id, f.deployment_id, f.hour, f.organisation_id, f.process_id, sum(f.calls), sum(f.cost),
                sum(f.listed), sum(f.input), sum(f.cached_input), sum(f.cache_write), sum(f.output),
                sum(f.reasoning), sum(f.images), sum(f.seconds), sum(f.requests), sum(f.energy_uwh), sum(f.co2_ug)
            from fine f where f.outcome <> 'void' group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
            on conflict (contract_id, deployment_id, hour, organisation_id, process_id) do update set
                calls = d.calls + excluded.calls, amount = d.amount + excluded.amount,
                listed = d.listed + excluded.listed,
                input = d.input + excluded.input, cached_input = d.cached_input + excluded.cached_input,
                cache_write = d.cache_write + excluded.cache_write, output = d.output + excluded.output,
                reasoning = d.reasoning + excluded.reasoning, images = d.images + excluded.images,
                seconds = d.seconds + excluded.seconds, requests = d.requests + excluded.requests,
                energy_uwh = d.energy_uwh + excluded.energy_uwh, co2_ug = d.co2_ug + excluded.co2_ug
    ), days as (
        insert into call_day as d
            select f.organisation_id, (f.hour at time zone 'UTC')::date, f.project_id, f.key_id, f.model,
                f.deployment_id, f.contract_id, f.tariff_id, f.outcome,
                coalesce(nullif(v_lane, ''), '-1')::integer, sum(f.calls), sum(f.attempts), sum(f.price),
                sum(f.cost), sum(f.listed), sum(f.charged), sum(f.input), sum(f.cached_input), sum(f.cache_write),
                sum(f.output), sum(f.reasoning), sum(f.images), sum(f.seconds), sum(f.requests),
                sum(f.energy_uwh), sum(f.co2_ug)
            from fine f group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
            on conflict (organisation_id, day, project_id, key_id, model, deployment_id, contract_id, tariff_id,
                outcome, lane) do update set
                calls = d.calls + excluded.calls, attempts = d.attempts + excluded.attempts,
                price = d.price + excluded.price, cost = d.cost + excluded.cost,
                listed = d.listed + excluded.listed, charged = d.charged + excluded.charged,
                input = d.input + excluded.input, cached_input = d.cached_input + excluded.cached_input,
                cache_write = d.cache_write + excluded.cache_write, output = d.output + excluded.output,
                reasoning = d.reasoning + excluded.reasoning, images = d.images + excluded.images,
                seconds = d.seconds + excluded.seconds, requests = d.requests + excluded.requests,
                energy_uwh = d.energy_uwh + excluded.energy_uwh, co2_ug = d.co2_ug + excluded.co2_ug
    )
    select min(first), min(hour), max(hour) into v_first, v_from, v_to from fine;
    -- The till's transfers follow: when all calls began in one month, so did theirs.
    if v_lane <> '' and month_of(v_from) = month_of(v_to) then
        perform set_config('rechenwerk.month', month_of(v_from)::text, true);
    end if;
    -- Sealing shuts a day for a moment in which nobody books; what comes later is late.
    perform pg_advisory_xact_lock_shared(hashtext('rechenwerk.seal'));
    select before_id into v_border from seal_border;
    if v_first < v_border then
        insert into seal_other (organisation_id, id)
            select n.organisation_id, n.id from new_rows n where n.id < v_border;
    end if;
    return null;
end $$;
create trigger call_counts after insert on call referencing new table as new_rows
    for each statement execute function call_counts();

create function transfer_counts() returns trigger language plpgsql as $$
declare
    v_lane text := current_setting('rechenwerk.lane', true);
    v_month text := current_setting('rechenwerk.month', true);
    v_organisation bigint;
begin
    if v_lane <> '' and v_month <> '' then
        insert into account_month as a
            select s.organisation_id, x.account_id, v_month::date, v_lane::integer, sum(s.transfers), sum(x.debit),
                sum(x.credit)
            from (select n.organisation_id, n.debit, n.credit, count(*) as transfers, sum(n.amount) as amount
                  from new_rows n group by 1, 2, 3) s
            cross join lateral (values (s.debit, s.amount, 0), (s.credit, 0, s.amount)) x(account_id, debit, credit)
            group by 1, 2 order by 1, 2
            on conflict (organisation_id, account_id, month, lane) do update set
                transfers = a.transfers + excluded.transfers, debit = a.debit + excluded.debit,
                credit = a.credit + excluded.credit;
        return null;
    end if;
    if coalesce(v_lane, '') = '' then -- who writes several vouchers would wait for others in a circle
        for v_organisation in select distinct n.organisation_id from new_rows n order by 1 loop
            perform pg_advisory_xact_lock(hashtext('rechenwerk.vouchers'), hashint8(v_organisation));
        end loop;
    end if;
    -- Looked up row by row: joined, the planner might read all calls for a few vouchers.
    insert into account_month as a
        select n.organisation_id, x.account_id, month_of(coalesce(
                (select c.started_at from call c where c.organisation_id = n.organisation_id and c.id = n.call_id),
                (select v.at from voucher v where v.organisation_id = n.organisation_id and v.id = n.call_id),
                (select f.booked_at from fee f where f.organisation_id = n.organisation_id and f.id = n.call_id),
                'epoch')) as month,
            coalesce(nullif(v_lane, ''), '-1')::integer, count(*), sum(x.debit), sum(x.credit)
        from new_rows n
        cross join lateral (values (n.debit, n.amount, 0), (n.credit, 0, n.amount)) x(account_id, debit, credit)
        group by 1, 2, 3 order by 1, 2, 3
        on conflict (organisation_id, account_id, month, lane) do update set
            transfers = a.transfers + excluded.transfers, debit = a.debit + excluded.debit,
            credit = a.credit + excluded.credit;
    return null;
end $$;
create trigger transfer_counts after insert on transfer referencing new table as new_rows
    for each statement execute function transfer_counts();

create function sealed_later() returns trigger language plpgsql as $$
begin
    insert into seal_other (organisation_id, id) select n.organisation_id, n.id from new_rows n;
    return null;
end $$;
create trigger sealed_later after insert on voucher referencing new table as new_rows
    for each statement execute function sealed_later();
create trigger sealed_later after insert on fee referencing new table as new_rows
    for each statement execute function sealed_later();

create or replace function till_post(p_process bigint, p_posts post_row[], p_transfers transfer_row[]) returns void
language plpgsql as $$
declare
    v_settled bigint;
begin
    perform set_config('rechenwerk.lane', number::text, true) from process where id = p_process;
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
    perform set_config('rechenwerk.lane', '', true), set_config('rechenwerk.month', '', true);
    delete from hold where id in (select p.id from unnest(p_posts) p);
    get diagnostics v_settled = row_count;
    if v_settled <> cardinality(p_posts) then
        raise exception 'a hold is gone: its call was settled before' using errcode = 'RW002';
    end if;
end $$;

-- Calls first, then their transfers: these are counted in the month of the call.
create or replace function book_unresolved(p_ids bigint[], p_reason text) returns bigint language plpgsql as $$
declare
    v_count bigint;
begin
    perform ensure_accounts(h.organisation_id, h.project_id, h.contract_id) from hold h where id = any(p_ids);
    insert into call (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision, attempt_of)
        select h.id, h.organisation_id, h.project_id, h.key_id, h.process_id, h.deployment_id, h.contract_id,
            h.endpoint, h.model, h.streamed, 'unresolved', p_reason, 'none', 0, 0, 0, 0, 0, 0, 0, 1, null,
            h.amount, h.amount, h.cost_bound, h.amount, h.slices, 0, h.started_at, 0,
            (extract(epoch from now() - h.started_at) * 1000000)::bigint, null, h.attempt_of
        from hold h where h.id = any(p_ids);
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select h.organisation_id, h.id, x.line, d.id, c.id, x.amount
        from hold h
        cross join lateral (values (1, 'unresolved_cost', 'payable', h.cost_bound),
                                   (2, 'unresolved_price', 'revenue', h.amount)) x(line, debit, credit, amount)
        join account d on d.organisation_id = h.organisation_id and d.kind = x.debit
            and d.project_id = h.project_id
            and d.contract_id = case when x.debit = 'unresolved_cost' then h.contract_id else 0 end
        join account c on c.organisation_id = h.organisation_id and c.kind = x.credit
            and c.project_id = case when x.credit = 'revenue' then h.project_id else 0 end
            and c.contract_id = case when x.credit = 'payable' then h.contract_id else 0 end
        where h.id = any(p_ids) and x.amount > 0;
    delete from hold where id = any(p_ids);
    get diagnostics v_count = row_count;
    return v_count;
end $$;
