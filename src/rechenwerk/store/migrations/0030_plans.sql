-- Plans of an organisation, every text that they ever had, and what was calculated of them.

create table plan (
    id bigint generated always as identity primary key,
    organisation_id bigint not null references organisation,
    name text not null check (length(name) between 1 and 100),
    main boolean not null default false,            -- whose runway the first page shows
    made_at timestamptz not null,
    unique (organisation_id, name),
    unique (organisation_id, id)
);
create unique index on plan (organisation_id) where main;

-- An edit is another version: nothing is overwritten.
create table plan_version (
    plan_id bigint not null references plan,
    number integer not null check (number > 0),
    format text not null check (format in ('toml', 'yaml')),
    text text not null check (octet_length(text) <= 1000000),
    deals text not null default '' check (octet_length(deals) <= 1000000),
    facts text not null,                            -- JSON: what the planner says that is in it
    made_by text not null,
    made_at timestamptz not null,
    primary key (plan_id, number)
);
create trigger append_only before update or delete or truncate on plan_version
    for each statement execute function append_only();

create table plan_run (
    id bigint generated always as identity primary key,
    organisation_id bigint not null,
    plan_id bigint not null,
    version integer not null,
    scenario text not null default '',
    without text[] not null default '{}',
    paths integer not null check (paths > 0),
    seed bigint not null check (seed >= 0),
    state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
    done integer not null default 0,
    tries integer not null default 0,
    result text,                                    -- JSON, byte for byte as it was calculated
    headline text,                                  -- JSON: when cash runs out, and how probable that is
    failed text,
    made_by text not null,
    made_at timestamptz not null,
    seen_at timestamptz,                            -- when its process was last heard of
    ended_at timestamptz,
    foreign key (organisation_id, plan_id) references plan (organisation_id, id),
    foreign key (plan_id, version) references plan_version,
    check ((state = 'done') = (result is not null)),
    check ((state = 'failed') = (failed is not null)),
    check ((state in ('done', 'failed', 'cancelled')) = (ended_at is not null))
);
create index on plan_run (plan_id, id);
create index on plan_run (id) where state in ('waiting', 'running');
