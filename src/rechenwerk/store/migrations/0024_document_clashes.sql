-- Documents: what they say rests sealed; contradictions are decided by people; entities that are known; masking.

-- Values and decisions. An office seals the rows that are there in clear when it starts; no new one can be in clear.
alter table document_value
    add column sealed bytea, -- value, evidence and reasons; null where nothing is said
    add constraint document_value_is_sealed
        check (value is null and evidence is null and reasons = '{}') not valid;
create index document_value_clear on document_value (id)
    where value is not null or evidence is not null or reasons <> '{}';
alter table document_decision
    add column sealed bytea, -- before, after and note
    alter column before drop not null,
    alter column after drop not null,
    add constraint document_decision_is_sealed
        check (sealed is not null and before is null and after is null and note = '') not valid;
create index document_decision_clear on document_decision (id) where before is not null;
create or replace function document_decision_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.sealed is null and new.sealed is not null
        and to_jsonb(old) - array['sealed', 'before', 'after', 'note']
            = to_jsonb(new) - array['sealed', 'before', 'after', 'note'] then
        return new; -- the same decision, sealed
    end if;
    if tg_op <> 'DELETE' or exists (select from job_document where id = old.document_id) then
        raise exception 'decisions stay: decide again' using errcode = 'restrict_violation';
    end if;
    return old;
end $$;

-- Answers that a gateway keeps: sealed where it has a key.
alter table idempotent add column sealed boolean not null default false;

-- Jobs: whether personal data is masked before a model sees it; what their facts were reckoned from.
alter table document_job
    add column mask boolean not null default false,
    add column facts_of text not null default '', -- '': not yet since it ended
    add column clashes_of text not null default '';
create index document_job_unreckoned on document_job (ended_at) where state = 'done' and facts_of = '';
alter table job_document add column schema_german text not null default ''; -- schema_reason for a German clerk

-- Facts of a document as they were reckoned with its job's, so that other jobs of the project can be compared.
create table document_fact (
    organisation_id bigint not null,
    document_id bigint not null,
    sealed bytea not null,
    primary key (organisation_id, document_id),
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);

-- What documents contradict each other about: an item of its job's review.
create table document_clash (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    job_id bigint not null,
    state text not null default 'open' check (state in ('open', 'side', 'both', 'rejected')),
    side integer check (side >= 0), -- the one that is right
    gone boolean not null default false, -- the documents do not contradict each other any more
    version integer not null default 1,
    sealed bytea not null, -- the sides with their quotes
    made_at timestamptz not null default now(),
    primary key (organisation_id, id),
    foreign key (organisation_id, job_id) references document_job (organisation_id, id) on delete cascade,
    check ((state = 'side') = (side is not null))
);
create index document_clash_of_job on document_clash (organisation_id, job_id, id);

-- Whose quotes it has: it goes with the first of these documents that is deleted.
create table document_clash_source (
    organisation_id bigint not null,
    clash_id bigint not null,
    document_id bigint not null,
    primary key (organisation_id, clash_id, document_id),
    foreign key (organisation_id, clash_id) references document_clash (organisation_id, id) on delete cascade,
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);
create index document_clash_source_of_document on document_clash_source (organisation_id, document_id);
create function document_clash_goes() returns trigger language plpgsql as $$
begin
    if not exists (select from job_document where organisation_id = old.organisation_id and id = old.document_id) then
        delete from document_clash where organisation_id = old.organisation_id and id = old.clash_id;
    end if;
    return null;
end $$;
create trigger clash_goes after delete on document_clash_source
    for each row execute function document_clash_goes();

-- Every decision about it, with who and when. Nobody changes one; they go with it.
create table document_clash_decision (
    organisation_id bigint not null,
    id bigint generated always as identity unique,
    clash_id bigint not null,
    version integer not null, -- of the contradiction, after it
    action text not null check (action in ('side', 'both', 'reject')),
    side integer check (side >= 0),
    by_key bigint not null,
    by_name text not null,
    made_at timestamptz not null default now(),
    sealed bytea not null, -- the sides as they were seen, and the note
    primary key (organisation_id, id),
    unique (organisation_id, clash_id, version),
    foreign key (organisation_id, clash_id) references document_clash (organisation_id, id) on delete cascade,
    check ((action = 'side') = (side is not null))
);
create function document_clash_decision_stays() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' or exists (select from document_clash where id = old.clash_id) then
        raise exception 'decisions stay: decide again' using errcode = 'restrict_violation';
    end if;
    return old;
end $$;
create trigger decision_stays before update or delete on document_clash_decision
    for each row execute function document_clash_decision_stays();
create trigger no_truncate before truncate on document_clash_decision
    for each statement execute function append_only();

-- Suppliers and customers that an organisation knows, with their accounts and VAT ids.
create table document_known (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity unique,
    sealed bytea not null, -- the name, the numbers and who said each
    made_by text not null,
    made_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    primary key (organisation_id, id)
);
