-- Conversations with models. What people and models wrote, titles and files' names included, is sealed.

create sequence chat_number;                        -- of all rows here: what is sealed is bound to its row

create table chat (
    organisation_id bigint not null references organisation,
    id bigint not null unique,
    person_id bigint references person,             -- whose it is; a program's is its key's
    key_id bigint,
    title bytea not null,                           -- sealed
    shared boolean not null default false,          -- everybody in the organisation may read it
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (organisation_id, id),
    check ((person_id is null) <> (key_id is null)),
    foreign key (organisation_id, key_id) references api_key (organisation_id, id)
);
create index on chat (organisation_id, person_id, changed_at desc, id desc);
create index on chat (organisation_id, key_id, changed_at desc, id desc) where key_id is not null;
create index on chat (organisation_id, changed_at desc, id desc) where shared;

-- A tree: a question's parent is the answer before it, an answer's the question. Several children: branches.
create table chat_message (
    organisation_id bigint not null,
    chat_id bigint not null,
    id bigint not null,
    parent_id bigint,
    role text not null check (role in ('user', 'assistant')),
    model text not null check ((role = 'assistant') = (model <> '')),
    state text not null check (state in ('done', 'writing', 'stopped', 'failed')),
    sealed bytea not null,
    call_id bigint check (call_id is null or role = 'assistant'),
    once text check (length(once) between 1 and 200),   -- a repeated request finds what the first one made
    made_at timestamptz not null,
    primary key (organisation_id, chat_id, id),
    foreign key (organisation_id, chat_id) references chat on delete cascade,
    foreign key (organisation_id, chat_id, parent_id) references chat_message on delete cascade
);
create unique index on chat_message (organisation_id, chat_id, once) where once is not null;
create index on chat_message (organisation_id, chat_id, parent_id);

-- Files in a question: of a text its words, as they go to the model; of a picture its bytes.
create table chat_file (
    organisation_id bigint not null,
    chat_id bigint not null,
    id bigint not null,
    message_id bigint,                              -- null: not sent yet
    kind text not null check (kind <> ''),
    size bigint not null check (size >= 0),         -- of the file, in bytes
    named bytea not null,                           -- its name, sealed
    sealed bytea not null,
    made_at timestamptz not null,
    primary key (organisation_id, chat_id, id),
    foreign key (organisation_id, chat_id) references chat on delete cascade,
    foreign key (organisation_id, chat_id, message_id) references chat_message on delete cascade
);
create index on chat_file (organisation_id, chat_id, message_id);

create table chat_template (
    organisation_id bigint not null references organisation,
    id bigint not null unique,
    person_id bigint references person,
    key_id bigint,
    sealed bytea not null,                          -- name and text
    shared boolean not null default false,
    made_at timestamptz not null,
    primary key (organisation_id, id),
    check ((person_id is null) <> (key_id is null)),
    foreign key (organisation_id, key_id) references api_key (organisation_id, id)
);
create index on chat_template (organisation_id, person_id);
