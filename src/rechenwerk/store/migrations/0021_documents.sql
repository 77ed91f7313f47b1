-- Documents: jobs, files, what was read and found in them, every decision about it, and what models answered.
-- The rows of documents are the queue: there is no second truth about what is to be done.

-- A key may be bound to a class of its own: its calls go where both its class and its project's allow.
alter table api_key add column data_class text
    check (data_class in ('public', 'internal', 'confidential', 'restricted'));
create function stricter_class(p_one text, p_other text) returns text language sql immutable as $$
    select (array['public', 'internal', 'confidential', 'restricted'])[greatest(
        array_position(array['public', 'internal', 'confidential', 'restricted'], p_one),
        coalesce(array_position(array['public', 'internal', 'confidential', 'restricted'], p_other), 1))]
$$;

-- What an organisation looks for in its documents: a new version is a new row.
create table document_schema (
    organisation_id bigint not null references organisation,
    name text not null check (name <> ''),
    version integer not null check (version > 0),
    body jsonb not null,
    made_by text not null,
    made_at timestamptz not null default now(),
    primary key (organisation_id, name, version)
);
create trigger append_only before update or delete or truncate on document_schema
    for each statement execute function append_only();

create table document_job (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    project_id bigint not null,
    name text not null check (name <> ''),
    source text not null default '', -- where a command found the files
    schema_name text not null,
    schema_version integer not null, -- 0: a ready schema
    schema_body jsonb not null, -- as it was then
    model text not null, -- '': rules only
    data_class text not null check (data_class in ('public', 'internal', 'confidential', 'restricted')),
    budget numeric(38, 0) check (budget >= 0), -- nano-units; null: what the project has
    state text not null default 'open' check (state in ('open', 'running', 'paused', 'done', 'cancelled')),
    reason text not null default '', -- why it is paused, or what holds it up
    made_by text not null,
    made_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    served_at timestamptz not null default now(), -- jobs take turns
    keep_days integer not null check (keep_days > 0), -- after its end
    webhook text not null default '',
    webhook_secret bytea, -- sealed
    webhook_id text not null default '',
    webhook_state text not null default '' check (webhook_state in ('', 'waiting', 'delivered', 'given up')),
    webhook_attempts integer not null default 0,
    webhook_next_at timestamptz,
    webhook_answer text not null default '',
    primary key (organisation_id, id),
    foreign key (organisation_id, project_id) references project (organisation_id, id),
    check ((webhook = '') = (webhook_secret is null))
);
create index document_job_source on document_job (organisation_id, source, schema_name) where source <> '';
create index document_job_webhook on document_job (webhook_next_at) where webhook_state = 'waiting';

-- Keys of a job: its calls stand in the books under them. The text is kept, sealed, as long as it opens.
create table document_key (
    organisation_id bigint not null,
    job_id bigint not null,
    key_id bigint not null,
    sealed bytea, -- null once it was revoked
    primary key (organisation_id, job_id, key_id),
    foreign key (organisation_id, job_id) references document_job (organisation_id, id) on delete cascade,
    foreign key (organisation_id, key_id) references api_key (organisation_id, id)
);

-- Bytes: once per organisation, sealed in parts.
create table document_file (
    organisation_id bigint not null references organisation,
    sha256 bytea not null check (length(sha256) = 32),
    size bigint not null check (size >= 0),
    made_at timestamptz not null default now(),
    primary key (organisation_id, sha256)
);
create table document_part (
    organisation_id bigint not null,
    sha256 bytea not null,
    number integer not null check (number >= 0),
    data bytea not null,
    primary key (organisation_id, sha256, number),
    foreign key (organisation_id, sha256) references document_file (organisation_id, sha256) on delete cascade
);

create table job_document (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    job_id bigint not null,
    parent_id bigint, -- the archive or mail that it was in
    name text not null check (name <> ''),
    sha256 bytea, -- null: what was refused before it was read
    size bigint not null default 0 check (size >= 0),
    kind text not null default '',
    language text not null default '',
    pages integer not null default 0,
    state text not null default 'waiting'
        check (state in ('waiting', 'running', 'done', 'refused', 'failed', 'duplicate', 'unpacked')),
    step text not null default 'read' check (step in ('read', 'extract', 'end')),
    reason text not null default '', -- why it was refused or failed, or what it waits for
    german text not null default '', -- the same in German, where it is for a clerk
    faults text[] not null default '{}', -- what could not be read of it
    tries integer not null default 0,
    next_at timestamptz not null default now(),
    lease bigint, -- who has it in hand
    lease_until timestamptz,
    made_at timestamptz not null default now(),
    ended_at timestamptz,
    primary key (organisation_id, id),
    unique nulls not distinct (organisation_id, job_id, parent_id, name, sha256),
    foreign key (organisation_id, job_id) references document_job (organisation_id, id) on delete cascade,
    foreign key (organisation_id, parent_id) references job_document (organisation_id, id) on delete cascade,
    foreign key (organisation_id, sha256) references document_file (organisation_id, sha256),
    check ((state = 'running') = (lease is not null)),
    check ((lease is null) = (lease_until is null))
);
create index job_document_waits on job_document (next_at, id) where state = 'waiting';
create index job_document_runs on job_document (lease_until) where state = 'running';
create index job_document_of_job on job_document (organisation_id, job_id, id);
create index job_document_of_file on job_document (organisation_id, sha256);

create table document_page (
    organisation_id bigint not null,
    document_id bigint not null,
    number integer not null check (number > 0),
    source text not null,
    fault text not null default '',
    width real not null default 0,
    height real not null default 0,
    primary key (organisation_id, document_id, number),
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);

create table document_text (
    organisation_id bigint not null,
    document_id bigint not null,
    parsed bytea not null, -- sealed
    characters bigint not null,
    primary key (organisation_id, document_id),
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);

create table document_value (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    document_id bigint not null,
    place integer not null, -- order within the document
    field text not null,
    value jsonb,
    state text not null
        check (state in ('proven', 'unproven', 'absent', 'accepted', 'corrected', 'rejected')),
    origin text not null check (origin in ('xml', 'rule', 'trained', 'model', 'person')),
    evidence jsonb,
    reasons text[] not null default '{}',
    version integer not null default 1,
    primary key (organisation_id, id),
    unique (organisation_id, document_id, field),
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);
create index document_value_to_review on document_value (organisation_id, document_id) where state = 'unproven';

-- Every decision, with who and when. Nobody changes one; they go with their document.
create table document_decision (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    document_id bigint not null,
    field text not null,
    version integer not null, -- of the value, after it
    action text not null check (action in ('accept', 'correct', 'reject')),
    by_key bigint not null,
    by_name text not null,
    made_at timestamptz not null default now(),
    before jsonb not null,
    after jsonb not null,
    note text not null default '',
    primary key (organisation_id, id),
    unique (organisation_id, document_id, field, version),
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);
create function document_decision_stays() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' or exists (select from job_document where id = old.document_id) then
        raise exception 'decisions stay: decide again' using errcode = 'restrict_violation';
    end if;
    return old;
end $$;
create trigger decision_stays before update or delete on document_decision
    for each row execute function document_decision_stays();
create trigger no_truncate before truncate on document_decision
    for each statement execute function append_only();

-- Answers of models by purpose: asked again after a crash, a question is answered from here.
create table document_answer (
    organisation_id bigint not null,
    job_id bigint not null,
    purpose text not null,
    digest bytea not null check (length(digest) = 32), -- of the question
    answer bytea not null, -- sealed
    made_at timestamptz not null default now(),
    primary key (organisation_id, job_id, purpose),
    foreign key (organisation_id, job_id) references document_job (organisation_id, id) on delete cascade
);

-- What left the house, and what was deleted: both stay when a job goes.
create table document_export (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    job_id bigint not null,
    format text not null,
    bytes bigint not null,
    sha256 bytea not null check (length(sha256) = 32),
    by_name text not null,
    made_at timestamptz not null default now(),
    primary key (organisation_id, id)
);
create trigger append_only before update or delete or truncate on document_export
    for each statement execute function append_only();
create table document_deletion (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    job_id bigint not null,
    name text not null,
    documents integer not null,
    by_name text not null,
    made_at timestamptz not null default now(),
    primary key (organisation_id, id)
);
create trigger append_only before update or delete or truncate on document_deletion
    for each statement execute function append_only();
