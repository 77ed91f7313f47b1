-- What the router knows and says. Gateways report demand and use by buckets of a minute, the router's
-- process turns them, the contracts and their positions into plans, and gateways follow the newest. Nothing
-- here is money: it may be lost or cut short, and the books are none the worse.

create table route_load (
    starts_at timestamptz not null,
    demand text not null, -- a class of calls, see gateway/situation.py
    process_id bigint not null,
    calls double precision not null,
    refused double precision not null,
    usage double precision[] not null, -- by bucket, in the order of base.usage.BUCKETS
    primary key (starts_at, demand, process_id)
);
create index on route_load (process_id);

create table route_use (
    starts_at timestamptz not null,
    deployment_id bigint not null, -- the first of those that are one to the router
    process_id bigint not null,
    usage double precision[] not null,
    ordinary double precision[] not null, -- of that, by work that is not critical
    primary key (starts_at, deployment_id, process_id)
);

create table route_down (
    deployment_id bigint not null,
    process_id bigint not null,
    since timestamptz not null default now(),
    primary key (deployment_id, process_id)
);

create table route_plan (
    id bigint generated always as identity primary key,
    made_at timestamptz not null default now(),
    plan bytea not null
);

-- The values are those of the whole bucket so far, so a report that is repeated changes nothing.
create function route_report(p_process bigint, p_loads jsonb, p_uses jsonb, p_down bigint[]) returns void
language plpgsql as $$
begin
    insert into route_load (starts_at, demand, process_id, calls, refused, usage)
        select to_timestamp(l.starts), l.demand, p_process, l.calls, l.refused, l.usage
        from jsonb_to_recordset(p_loads) l(starts float8, demand text, calls float8, refused float8,
                                           usage float8[])
        on conflict (starts_at, demand, process_id) do update set calls = excluded.calls,
            refused = excluded.refused, usage = excluded.usage;
    insert into route_use (starts_at, deployment_id, process_id, usage, ordinary)
        select to_timestamp(u.starts), u.supply, p_process, u.usage, u.ordinary
        from jsonb_to_recordset(p_uses) u(starts float8, supply bigint, usage float8[], ordinary float8[])
        on conflict (starts_at, deployment_id, process_id) do update set usage = excluded.usage,
            ordinary = excluded.ordinary;
    delete from route_down where process_id = p_process and deployment_id <> all(p_down);
    insert into route_down (deployment_id, process_id) select u, p_process from unnest(p_down) u
        on conflict do nothing;
end $$;

create function route_publish(p_plan bytea) returns bigint language plpgsql as $$
declare
    v_id bigint;
begin
    insert into route_plan (plan) values (p_plan) returning id into v_id;
    delete from route_plan where id < v_id - 1000;
    perform pg_notify('rechenwerk_plan', v_id::text);
    return v_id;
end $$;
