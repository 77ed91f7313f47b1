-- Residency: where deployments process data, and where a project's data may go. Sealed keys of providers.

alter table provider add column secret bytea; -- sealed: see identity/secrets.py

alter table deployment
    add column jurisdiction text not null default '' check (jurisdiction ~ '^([A-Z]{2}|local)?$'),
    add column level text not null default 'shared'
        check (level in ('public', 'shared', 'no-retention', 'dedicated', 'own'));
update deployment d set jurisdiction = 'local', level = 'own' from provider p
    where p.organisation_id = d.organisation_id and p.id = d.provider_id
      and p.kind in ('embedded', 'embedded-embeddings');

alter table project add column data_class text not null default 'internal'
    check (data_class in ('public', 'internal', 'confidential', 'restricted'));

-- What differs from the defaults; organisation 0 changes them for all. No jurisdictions: any.
create table data_class (
    organisation_id bigint not null references organisation,
    name text not null check (name in ('public', 'internal', 'confidential', 'restricted')),
    jurisdictions text[] not null,
    level text not null check (level in ('public', 'shared', 'no-retention', 'dedicated', 'own')),
    active boolean not null default true,
    primary key (organisation_id, name)
);
create trigger config_changed after insert or update or delete on data_class
    for each statement execute function config_changed();
