-- Documents: pages of a document under way are kept as they are read, and lists tell how far it is without
-- counting anew.

-- A document under way: its pages that were read, so that another worker goes on after them. They go when
-- the whole text is stored.
drop table document_page;
create table document_page (
    organisation_id bigint not null,
    document_id bigint not null,
    number integer not null check (number > 0),
    page bytea not null, -- sealed
    primary key (organisation_id, document_id, number),
    foreign key (organisation_id, document_id) references job_document (organisation_id, id) on delete cascade
);

-- What lists and progress show of a document stands with it: a job of 20,000 documents has millions of values.
alter table job_document
    add column pages_read integer not null default 0, -- of `pages`, which is known once it was opened
    add column characters bigint not null default 0, -- of its text
    add column answers integer not null default 0, -- of a model, that the job keeps about it
    add column proven integer not null default 0, -- and so on: its values by state, kept by the database
    add column unproven integer not null default 0,
    add column absent integer not null default 0,
    add column accepted integer not null default 0,
    add column corrected integer not null default 0,
    add column rejected integer not null default 0;
update job_document set pages_read = pages;
update job_document d set characters = t.characters from document_text t
    where t.organisation_id = d.organisation_id and t.document_id = d.id;
alter table document_text drop column characters;
update job_document d set answers = a.number
from (select organisation_id, split_part(purpose, ':', 1) as about, count(*) as number from document_answer
    group by 1, 2) a
where a.organisation_id = d.organisation_id and a.about = 'document ' || d.id;

create view document_value_sums as
    select organisation_id, document_id,
        count(*) filter (where state = 'proven') as proven, count(*) filter (where state = 'unproven') as unproven,
        count(*) filter (where state = 'absent') as absent, count(*) filter (where state = 'accepted') as accepted,
        count(*) filter (where state = 'corrected') as corrected,
        count(*) filter (where state = 'rejected') as rejected
    from document_value group by 1, 2;
update job_document d set proven = s.proven, unproven = s.unproven, absent = s.absent, accepted = s.accepted,
    corrected = s.corrected, rejected = s.rejected
from document_value_sums s where s.organisation_id = d.organisation_id and s.document_id = d.id;

create function document_value_counts() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        update job_document d set proven = d.proven - s.proven, unproven = d.unproven - s.unproven,
            absent = d.absent - s.absent, accepted = d.accepted - s.accepted,
            corrected = d.corrected - s.corrected, rejected = d.rejected - s.rejected
        from (select organisation_id, document_id,
                count(*) filter (where state = 'proven') as proven,
                count(*) filter (where state = 'unproven') as unproven,
                count(*) filter (where state = 'absent') as absent,
                count(*) filter (where state = 'accepted') as accepted,
                count(*) filter (where state = 'corrected') as corrected,
                count(*) filter (where state = 'rejected') as rejected
            from old_rows group by 1, 2) s
        where d.organisation_id = s.organisation_id and d.id = s.document_id;
    end if;
    if tg_op <> 'DELETE' then
        update job_document d set proven = d.proven + s.proven, unproven = d.unproven + s.unproven,
            absent = d.absent + s.absent, accepted = d.accepted + s.accepted,
            corrected = d.corrected + s.corrected, rejected = d.rejected + s.rejected
        from (select organisation_id, document_id,
                count(*) filter (where state = 'proven') as proven,
                count(*) filter (where state = 'unproven') as unproven,
                count(*) filter (where state = 'absent') as absent,
                count(*) filter (where state = 'accepted') as accepted,
                count(*) filter (where state = 'corrected') as corrected,
                count(*) filter (where state = 'rejected') as rejected
            from new_rows group by 1, 2) s
        where d.organisation_id = s.organisation_id and d.id = s.document_id;
    end if;
    return null;
end $$;
create trigger value_counts_inserted after insert on document_value referencing new table as new_rows
    for each statement execute function document_value_counts();
create trigger value_counts_updated after update on document_value
    referencing old table as old_rows new table as new_rows
    for each statement execute function document_value_counts();
create trigger value_counts_deleted after delete on document_value referencing old table as old_rows
    for each statement execute function document_value_counts();

-- The documents in hand, and those that wait for something: few among many.
create index job_document_in_hand on job_document (organisation_id, job_id) where state = 'running';
create index job_document_held_up on job_document (organisation_id, job_id, next_at, id)
    where state = 'waiting' and reason <> '';

-- Documents with something to review, and the values that facts are made of: few among many.
create index job_document_to_review on job_document (organisation_id, job_id, id) where unproven > 0;
create index job_document_untold on job_document (organisation_id, job_id, id) where schema_origin = 'nobody';
drop index document_value_to_review;
create index document_value_to_review on document_value (organisation_id, document_id, place)
    where state = 'unproven';
create index document_value_factual on document_value (organisation_id, document_id)
    where field = 'date' or field like 'figures.%';

-- What the documents of a job say together, sealed in parts, as its facts were reckoned last.
create table document_statement (
    organisation_id bigint not null,
    job_id bigint not null,
    part integer not null check (part >= 0),
    sealed bytea not null,
    primary key (organisation_id, job_id, part),
    foreign key (organisation_id, job_id) references document_job (organisation_id, id) on delete cascade
);
-- Of a large job a worker reckons them: somebody looked, and documents had changed.
alter table document_job add column reckon_wanted boolean not null default false;
create index document_job_reckon_wanted on document_job (id) where reckon_wanted;
create index document_clash_open on document_clash (organisation_id, job_id, id) where state = 'open' and not gone;

-- A job's cost is what the books say of its keys.
create index call_day_of_key on call_day (organisation_id, key_id);
