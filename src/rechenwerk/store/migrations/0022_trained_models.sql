-- Models that an organisation trains from its own examples. Nothing of them crosses the wall between
-- organisations: every key begins with the organisation. Texts and models are sealed.

create table trained_model (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    name text not null check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    kind text not null check (kind in ('classifier', 'extractor')),
    schema_name text not null default '', -- of an extractor's fields
    active integer, -- the version that answers; null for none
    made_at timestamptz not null default now(),
    primary key (organisation_id, id),
    unique (organisation_id, name)
);

create table trained_example (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    model_id bigint not null,
    digest bytea not null check (length(digest) = 32), -- of the text: the same text is one example
    body bytea not null, -- sealed
    made_by text not null,
    made_at timestamptz not null default now(),
    primary key (organisation_id, id),
    unique (organisation_id, model_id, digest),
    foreign key (organisation_id, model_id) references trained_model (organisation_id, id) on delete cascade
);

-- Versions never change; a rollback chooses another one.
create table trained_version (
    organisation_id bigint not null,
    model_id bigint not null,
    version integer not null check (version > 0),
    artefact bytea not null, -- sealed
    sha256 bytea not null check (length(sha256) = 32), -- before it was sealed
    report jsonb not null,
    embedder text not null, -- the model whose vectors it needs; '' for none
    seed bigint not null,
    made_by text not null,
    made_at timestamptz not null default now(),
    primary key (organisation_id, model_id, version),
    foreign key (organisation_id, model_id) references trained_model (organisation_id, id) on delete cascade
);
create function trained_version_stays() returns trigger language plpgsql as $$
begin
    raise exception 'versions stay as they are: train another one' using errcode = 'restrict_violation';
end $$;
create trigger version_stays before update on trained_version
    for each row execute function trained_version_stays();

alter table trained_model add foreign key (organisation_id, id, active)
    references trained_version (organisation_id, model_id, version) deferrable initially deferred;

-- Which version answered since when, and who chose it.
create table trained_choice (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    model_id bigint not null,
    version integer not null,
    by_name text not null,
    made_at timestamptz not null default now(),
    primary key (organisation_id, id),
    foreign key (organisation_id, model_id) references trained_model (organisation_id, id) on delete cascade
);
