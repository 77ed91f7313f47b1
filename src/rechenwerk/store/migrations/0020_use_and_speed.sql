-- Sums that months are accrued from, and what tells where in the partitions the calls of a month lie.

-- A call lies where its id says. It began within a day of that, but for those listed here: found after a close
-- and booked in the first open month, or made under a clock that was wrong. So whoever asks for the calls of a
-- month reads its partitions, their neighbours' edges, and these.
create table call_stray (
    organisation_id bigint not null,
    id bigint not null,
    started_at timestamptz not null,
    primary key (organisation_id, id)
);
create function is_stray(p_id bigint, p_started_at timestamptz) returns boolean language sql immutable parallel safe as $$
    select abs((extract(epoch from p_started_at) * 1000)::bigint - 1735689600000 - (p_id >> 22)) > 86400000
$$;
insert into call_stray select organisation_id, id, started_at from call where is_stray(id, started_at);

-- The sums of days tell endpoints and known from unknown usage apart, as allocation does.
alter table call_day add endpoint text not null default '', add usage_source text not null default '';
alter table call_day drop constraint call_day_pkey;
create or replace view call_sums as
    select organisation_id, (started_at at time zone 'UTC')::date as day, project_id, key_id, model, deployment_id,
        contract_id, tariff_id, outcome, count(*) as calls, count(attempt_of) as attempts, sum(price) as price,
        sum(cost) as cost, sum(coalesce(listed, cost)) as listed, sum(charged) as charged, sum(input) as input,
        sum(cached_input) as cached_input, sum(cache_write) as cache_write, sum(output) as output,
        sum(reasoning) as reasoning, sum(images) as images, sum(seconds) as seconds, sum(requests) as requests,
        sum(energy_uwh) as energy_uwh, sum(co2_ug) as co2_ug, endpoint, usage_source
    from call group by 1, 2, 3, 4, 5, 6, 7, 8, 9, endpoint, usage_source;
truncate call_day;
insert into call_day select organisation_id, day, project_id, key_id, model, deployment_id, contract_id, tariff_id,
    outcome, -1, calls, attempts, price, cost, listed, charged, input, cached_input, cache_write, output, reasoning,
    images, seconds, requests, energy_uwh, co2_ug, endpoint, usage_source from call_sums;
alter table call_day alter endpoint drop default, alter usage_source drop default;
alter table call_day add primary key (organisation_id, day, project_id, key_id, model, deployment_id, contract_id,
    tariff_id, outcome, endpoint, usage_source, lane);

create or replace function call_counts() returns trigger language plpgsql as $$
declare
    v_lane text := current_setting('rechenwerk.lane', true);
    v_first bigint;
    v_from timestamptz;
    v_to timestamptz;
    v_border bigint;
    v_strays boolean;
begin
    with fine as materialized (
        select n.organisation_id, date_bin('1 hour', n.started_at, 'epoch') as hour, n.project_id, n.key_id,
            n.model, n.deployment_id, n.contract_id, n.tariff_id, n.outcome, n.endpoint, n.usage_source,
            case when v_lane <> '' then n.process_id else 0 end as process_id, min(n.id) as first,
            max(n.id) as last,
            count(*) as calls, count(n.attempt_of) as attempts, sum(n.price) as price, sum(n.cost) as cost,
            sum(coalesce(n.listed, n.cost)) as listed, sum(n.charged) as charged, sum(n.input) as input,
            sum(n.cached_input) as cached_input, sum(n.cache_write) as cache_write, sum(n.output) as output,
            sum(n.reasoning) as reasoning, sum(n.images) as images, sum(n.seconds) as seconds,
            sum(n.requests) as requests, sum(n.energy_uwh) as energy_uwh, sum(n.co2_ug) as co2_ug
        from new_rows n group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
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
        insert into call_day as d (organisation_id, day, project_id, key_id, model, deployment_id, contract_id,
            tariff_id, outcome, endpoint, usage_source, lane, calls, attempts, price, cost, listed, charged, input,
            cached_input, cache_write, output, reasoning, images, seconds, requests, energy_uwh, co2_ug)
            select f.organisation_id, (f.hour at time zone 'UTC')::date, f.project_id, f.key_id, f.model,
                f.deployment_id, f.contract_id, f.tariff_id, f.outcome, f.endpoint, f.usage_source,
                coalesce(nullif(v_lane, ''), '-1')::integer, sum(f.calls), sum(f.attempts), sum(f.price),
                sum(f.cost), sum(f.listed), sum(f.charged), sum(f.input), sum(f.cached_input), sum(f.cache_write),
                sum(f.output), sum(f.reasoning), sum(f.images), sum(f.seconds), sum(f.requests),
                sum(f.energy_uwh), sum(f.co2_ug)
            from fine f group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
            order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
            on conflict (organisation_id, day, project_id, key_id, model, deployment_id, contract_id, tariff_id,
                outcome, endpoint, usage_source, lane) do update set
                calls = d.calls + excluded.calls, attempts = d.attempts + excluded.attempts,
                price = d.price + excluded.price, cost = d.cost + excluded.cost,
                listed = d.listed + excluded.listed, charged = d.charged + excluded.charged,
                input = d.input + excluded.input, cached_input = d.cached_input + excluded.cached_input,
                cache_write = d.cache_write + excluded.cache_write, output = d.output + excluded.output,
                reasoning = d.reasoning + excluded.reasoning, images = d.images + excluded.images,
                seconds = d.seconds + excluded.seconds, requests = d.requests + excluded.requests,
                energy_uwh = d.energy_uwh + excluded.energy_uwh, co2_ug = d.co2_ug + excluded.co2_ug
    )
    select min(first), min(hour), max(hour),
        bool_or(is_stray(first, hour) or is_stray(last, hour) or is_stray(first, hour + interval '1 hour')
            or is_stray(last, hour + interval '1 hour'))
        into v_first, v_from, v_to, v_strays from fine;
    if v_strays then
        insert into call_stray (organisation_id, id, started_at)
            select n.organisation_id, n.id, n.started_at from new_rows n where is_stray(n.id, n.started_at);
    end if;
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

-- The calls that began in [p_from, p_to), of one organisation or (null) of all; only the partitions are read in
-- which they can lie. Simple enough that the planner puts its text in place of it, and immutable in its bounds, so
-- that it leaves the other partitions out when it plans.
create function reach_from(p_from timestamptz) returns bigint language sql immutable parallel safe as $$
    select first_id(coalesce(p_from, timestamptz 'epoch')) - (86400000::bigint << 22)
$$;
create function reach_to(p_to timestamptz) returns bigint language sql immutable parallel safe as $$
    select first_id(p_to) + (86400001::bigint << 22)
$$;
create function calls_of(p_organisation bigint, p_from timestamptz, p_to timestamptz) returns setof call
language sql stable parallel safe as $$
    select c.* from call c
    where (p_organisation is null or c.organisation_id = p_organisation) and c.started_at < p_to
        and (p_from is null or c.started_at >= p_from) and c.id >= reach_from(p_from) and c.id < reach_to(p_to)
    union all
    select c.* from call_stray s join call c on c.organisation_id = s.organisation_id and c.id = s.id
    where (p_organisation is null or s.organisation_id = p_organisation) and s.started_at < p_to
        and (p_from is null or s.started_at >= p_from)
        and not (s.id >= reach_from(p_from) and s.id < reach_to(p_to))
$$;

-- An amount as people read it: at least two decimals, more where it needs them, and the currency.
create function money_text(p_nano numeric) returns text language sql stable parallel safe as $$
    select round(p_nano * 0.000000001, greatest(2, scale(trim_scale(p_nano * 0.000000001)))) || ' ' || currency
    from installation
$$;
create function guard_text(p_unit text, p_amount numeric) returns text language sql stable parallel safe as $$
    select case when p_unit = 'money' then money_text(p_amount) else p_amount || ' ' || p_unit end
$$;

-- Functions that may run in parallel workers have to say so; one that does not keeps its whole query to one core.
alter function first_id(timestamptz) parallel safe;
alter function month_of(timestamptz) parallel safe;
alter function month_start(date) parallel safe;
alter function leaf_transfers(bigint, bigint, bigint) parallel safe;
alter function leaf_time(timestamptz) parallel safe;
alter function leaf_number(numeric) parallel safe;
alter function leaf_text(text) parallel safe;
alter function call_leaves(bigint, bigint, bigint) parallel safe;
alter function other_leaves(bigint, bigint[]) parallel safe;
