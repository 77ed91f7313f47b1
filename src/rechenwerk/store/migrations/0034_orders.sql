-- Jobs of documents in other orders than the newest first: by name, and by state, those under way before the others.
create index document_job_of_name on document_job (organisation_id, lower(name), id);
create index document_job_of_state on document_job
    (organisation_id, array_position('{running,paused,open,done,cancelled}'::text[], state), id);

-- An answer that is being written says so every few seconds: another office tells it from one whose office has died.
alter table chat_message add column beat_at timestamptz not null default now();
