-- Contracts as dated terms, their positions, sites with their energy, and what an audit of residency needs.

-- Sites: where machines stand. One that is out serves nothing until it is back.
create table site (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    name text not null check (name <> ''),
    jurisdiction text not null default '' check (jurisdiction ~ '^([A-Z]{2}|local)?$'),
    power_cap_kw numeric check (power_cap_kw > 0),
    pue numeric not null check (pue >= 1),
    co2_grams numeric not null check (co2_grams >= 0),
    prices numeric[] not null check (cardinality(prices) in (1, 24, 168)), -- per kWh, by hour of day or week
    active boolean not null default true,
    out_since timestamptz,
    out_reason text not null default '',
    primary key (organisation_id, id),
    unique (organisation_id, name)
);
create trigger config_changed after insert or update or delete on site
    for each statement execute function config_changed();

alter table provider add column owner text not null default ''; -- the ultimate owner; empty: itself

-- The same model at the same provider may stand under several contracts.
alter table deployment
    add column site_id bigint,
    add column concurrency integer check (concurrency > 0),
    add column tokens_per_minute bigint check (tokens_per_minute > 0),
    add column joules jsonb, -- bucket -> decimal text, per unit of usage
    drop constraint deployment_organisation_id_model_provider_id_key,
    add unique (organisation_id, model, provider_id, contract_id),
    add foreign key (organisation_id, site_id) references site (organisation_id, id);

-- Contracts: terms are dated versions, and none is ever changed; see contracts/terms.py for what they say.
alter table contract
    drop constraint contract_kind_check,
    add constraint contract_kind_check check (kind in ('on-demand', 'prepaid-credit', 'take-or-pay',
        'provisioned', 'own-hardware', 'grant'));

create table contract_version (
    organisation_id bigint not null,
    contract_id bigint not null,
    valid_from timestamptz not null,
    terms jsonb not null,
    recorded_at timestamptz not null default clock_timestamp(), -- of two from the same time the later holds
    primary key (organisation_id, contract_id, valid_from, recorded_at),
    foreign key (organisation_id, contract_id) references contract (organisation_id, id)
);
create trigger append_only before update or delete or truncate on contract_version
    for each statement execute function append_only();
create trigger config_changed after insert on contract_version
    for each statement execute function config_changed();

-- Projects: which class of service their work is, and their weight when capacity is shared.
alter table project
    add column service_class text not null default 'standard'
        check (service_class in ('critical', 'standard', 'batch')),
    add column weight integer not null default 1 check (weight between 1 and 1000);

-- History, for the audit of residency: what a project's data class and a deployment's place were when a call
-- left. Written by triggers, so that nobody can forget it; what stood before this migration counts as for ever.
create table project_version (
    organisation_id bigint not null,
    project_id bigint not null,
    valid_from timestamptz not null,
    data_class text not null,
    primary key (organisation_id, project_id, valid_from)
);
create table deployment_version (
    organisation_id bigint not null,
    deployment_id bigint not null,
    valid_from timestamptz not null,
    jurisdiction text not null,
    level text not null,
    site_id bigint,
    upstream text not null, -- decisions name deployments as provider/upstream
    primary key (organisation_id, deployment_id, valid_from)
);
create table data_class_version (
    organisation_id bigint not null,
    name text not null,
    valid_from timestamptz not null,
    jurisdictions text[] not null,
    level text not null,
    active boolean not null,
    primary key (organisation_id, name, valid_from)
);
insert into project_version select organisation_id, id, '-infinity', data_class from project;
insert into deployment_version
    select organisation_id, id, '-infinity', jurisdiction, level, site_id, upstream from deployment;
insert into data_class_version
    select organisation_id, name, '-infinity', jurisdictions, level, active from data_class;

create function keep_project_version() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or old.data_class <> new.data_class then
        insert into project_version values (new.organisation_id, new.id, clock_timestamp(), new.data_class);
    end if;
    return null;
end $$;
create trigger keep_version after insert or update on project
    for each row execute function keep_project_version();

create function keep_deployment_version() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or (old.jurisdiction, old.level, old.upstream) <> (new.jurisdiction, new.level, new.upstream)
            or old.site_id is distinct from new.site_id then
        insert into deployment_version values (new.organisation_id, new.id, clock_timestamp(),
            new.jurisdiction, new.level, new.site_id, new.upstream);
    end if;
    return null;
end $$;
create trigger keep_version after insert or update on deployment
    for each row execute function keep_deployment_version();

create function keep_data_class_version() returns trigger language plpgsql as $$
begin
    insert into data_class_version values (new.organisation_id, new.name, clock_timestamp(),
        new.jurisdictions, new.level, new.active);
    return null;
end $$;
create trigger keep_version after insert or update on data_class
    for each row execute function keep_data_class_version();

create trigger append_only before update or delete or truncate on project_version
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on deployment_version
    for each statement execute function append_only();
create trigger append_only before update or delete or truncate on data_class_version
    for each statement execute function append_only();

-- Energy of a call: microwatt-hours, and micrograms of carbon dioxide; see contracts/energy.py. And what it
-- would have cost at the provider's list rates, where that differs from its cost.
alter table call
    add column energy_uwh bigint not null default 0,
    add column co2_ug bigint not null default 0,
    add column listed numeric(38, 0);
alter type post_row add attribute energy bigint, add attribute co2 bigint, add attribute listed bigint;

-- What was drawn from each contract, hour by hour (UTC) as calls began: positions are made from it. A row is
-- one process's alone, as a slice is, so that processes never wait for each other's commits; what the sweeper
-- books stands under process 0.
create table position_draw (
    contract_id bigint not null,
    deployment_id bigint not null,
    hour timestamptz not null,
    organisation_id bigint not null,
    process_id bigint not null,
    calls bigint not null,
    amount numeric(38, 0) not null, -- nano-units that the provider charges: the calls' cost
    listed numeric(38, 0) not null, -- the same at its list rates
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
    primary key (contract_id, deployment_id, hour, organisation_id, process_id)
) with (fillfactor = 50);
create index on position_draw (hour);

insert into position_draw
    select contract_id, deployment_id, date_trunc('hour', started_at, 'UTC'), organisation_id, process_id,
        count(*), sum(cost), sum(cost), sum(input), sum(cached_input), sum(cache_write), sum(output), sum(reasoning),
        sum(images), sum(seconds), sum(requests), 0, 0
    from call where outcome <> 'void' group by 1, 2, 3, 4, 5;

create or replace function till_post(p_process bigint, p_posts post_row[], p_transfers transfer_row[]) returns void
language plpgsql as $$
declare
    v_settled bigint;
begin
    insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision, attempt_of, energy_uwh, co2_ug, listed)
        select p.organisation, p.id, p.project, p.key, p_process, p.deployment, p.contract, p.endpoint,
            p.model, p.streamed, p.outcome, p.reason, p.source, p.input, p.cached, p.write, p.output,
            p.reasoning, p.images, p.seconds, p.requests, p.raw, p.held, p.price, p.cost,
            least(p.price, p.held), p.slices::bigint[], p.status, to_timestamp(p.started::float8 / 1e6),
            p.first, p.total, p.decision, p.attempt_of, p.energy, p.co2, p.listed
        from unnest(p_posts) p;
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select t.organisation, t.call, t.line, t.debit, t.credit, t.amount from unnest(p_transfers) t;
    -- The hour by whole seconds, not by date_trunc: the same in every time zone.
    insert into position_draw as d
        select p.contract, p.deployment, to_timestamp(p.started / 3600000000 * 3600), p.organisation, p_process,
            count(*), sum(p.cost), sum(coalesce(p.listed, p.cost)), sum(p.input), sum(p.cached), sum(p.write),
            sum(p.output), sum(p.reasoning), sum(p.images), sum(p.seconds), sum(p.requests), sum(p.energy),
            sum(p.co2)
        from unnest(p_posts) p where p.outcome <> 'void' group by 1, 2, 3, 4
        on conflict (contract_id, deployment_id, hour, organisation_id, process_id) do update set
            calls = d.calls + excluded.calls, amount = d.amount + excluded.amount,
            listed = d.listed + excluded.listed,
            input = d.input + excluded.input, cached_input = d.cached_input + excluded.cached_input,
            cache_write = d.cache_write + excluded.cache_write, output = d.output + excluded.output,
            reasoning = d.reasoning + excluded.reasoning, images = d.images + excluded.images,
            seconds = d.seconds + excluded.seconds, requests = d.requests + excluded.requests,
            energy_uwh = d.energy_uwh + excluded.energy_uwh, co2_ug = d.co2_ug + excluded.co2_ug;
    delete from hold where id in (select p.id from unnest(p_posts) p);
    get diagnostics v_settled = row_count;
    if v_settled <> cardinality(p_posts) then
        raise exception 'a hold is gone: its call was settled before' using errcode = 'RW002';
    end if;
end $$;

create or replace function book_unresolved(p_ids bigint[], p_reason text) returns bigint language plpgsql as $$
declare
    v_count bigint;
begin
    perform ensure_accounts(h.organisation_id, h.project_id, h.contract_id) from hold h where id = any(p_ids);
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
    insert into call (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision, attempt_of)
        select h.id, h.organisation_id, h.project_id, h.key_id, h.process_id, h.deployment_id, h.contract_id,
            h.endpoint, h.model, h.streamed, 'unresolved', p_reason, 'none', 0, 0, 0, 0, 0, 0, 0, 1, null,
            h.amount, h.amount, h.cost_bound, h.amount, h.slices, 0, h.started_at, 0,
            (extract(epoch from now() - h.started_at) * 1000000)::bigint, null, h.attempt_of
        from hold h where h.id = any(p_ids);
    insert into position_draw as d
        select h.contract_id, h.deployment_id, date_trunc('hour', h.started_at, 'UTC'), h.organisation_id, 0,
            count(*), sum(h.cost_bound), sum(h.cost_bound), 0, 0, 0, 0, 0, 0, 0, count(*), 0, 0
        from hold h where h.id = any(p_ids) group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (contract_id, deployment_id, hour, organisation_id, process_id) do update set
            calls = d.calls + excluded.calls, amount = d.amount + excluded.amount,
            listed = d.listed + excluded.listed, requests = d.requests + excluded.requests;
    delete from hold where id = any(p_ids);
    get diagnostics v_count = row_count;
    return v_count;
end $$;

-- Audits and reports read calls by when they began; calls come in that order, so a small index is enough.
create index call_started_at on call using brin (started_at);
