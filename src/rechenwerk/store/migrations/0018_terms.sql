-- What a deployment asks its provider for: priority, flex ...; empty: nothing. See providers/registry.py.
alter table deployment add column service_tier text not null default '';

-- What the house does by itself (grants that lie idle return) has no key.
alter table audit_event alter column key_id drop not null;

-- Which grant contracts of its pool an application opens to its project. Those that are there opened all of them.
create table grant_contract (
    application_id bigint not null references grant_application (id),
    organisation_id bigint not null,
    contract_id bigint not null,
    primary key (application_id, contract_id),
    foreign key (organisation_id, contract_id) references contract (organisation_id, id)
);
create function pool_grants(p_pool bigint) returns table (organisation_id bigint, contract_id bigint, name text)
language sql stable as $$
    select distinct c.organisation_id, c.id, c.name
    from (select distinct on (deployment_id) * from pool_member where pool_id = p_pool
          order by deployment_id, valid_from desc) m
    join deployment d on d.id = m.deployment_id and d.active
    join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id and c.kind = 'grant'
    where m.tokens_per_minute > 0
$$;
insert into grant_contract
    select a.id, g.organisation_id, g.contract_id from grant_application a, pool_grants(a.pool_id) g;
create trigger append_only before update or delete or truncate on grant_contract
    for each statement execute function append_only();
