-- Documents: a job of several kinds tells each document's kind first.

alter table document_job add column kinds jsonb; -- [{schema, version}] as they were then; null: one schema for all
alter table job_document
    add column schema_name text not null default '', -- the kind of this document; '': the job's, or not known
    add column schema_origin text not null default '' -- who told it; '': nobody has yet
        check (schema_origin in ('', 'trained', 'rule', 'model', 'person', 'nobody')),
    add column schema_reason text not null default ''; -- how it was told, or why it cannot be told
