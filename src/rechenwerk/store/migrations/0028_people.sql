-- People: who signs in, in which organisation, and with which role. A session is a key of theirs.

create table person (
    id bigint generated always as identity primary key,
    email text not null unique check (email = lower(email) and email like '%_@_%'),
    name text not null check (name <> ''),
    password text,                                  -- Argon2id; null: only single sign-on opens
    issuer text,                                    -- of single sign-on, with the subject that it knows
    subject text,
    language text not null default '',              -- '': what the browser asks for
    made_at timestamptz not null,
    check ((issuer is null) = (subject is null)),
    unique (issuer, subject)
);

create table membership (
    organisation_id bigint not null references organisation,
    person_id bigint not null references person,
    role text not null check (role in ('operator', 'owner', 'controller', 'reviewer', 'member', 'auditor')),
    project_id bigint not null,                     -- pays for what this person asks models
    made_at timestamptz not null,
    primary key (organisation_id, person_id),
    foreign key (organisation_id, project_id) references project (organisation_id, id)
);
create index on membership (person_id);

-- A link that makes somebody a member, once.
create table invitation (
    id bigint generated always as identity primary key,
    organisation_id bigint not null references organisation,
    hash bytea not null unique check (length(hash) = 32),
    role text not null check (role in ('operator', 'owner', 'controller', 'reviewer', 'member', 'auditor')),
    project_id bigint not null,
    email text check (email = lower(email)),        -- null: whoever has the link
    made_by text not null,
    made_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    used_by bigint references person,
    check ((used_at is null) = (used_by is null)),
    foreign key (organisation_id, project_id) references project (organisation_id, id)
);
create index on invitation (organisation_id);

-- Failed and running attempts of the last minutes: what guessing passwords is slowed down by.
create table sign_in_try (
    at timestamptz not null,
    email text not null,
    address text not null
);
create index on sign_in_try (email, at);
create index on sign_in_try (address, at);

-- Single sign-on that is under way in some browser.
create table sign_in_trip (
    hash bytea primary key check (length(hash) = 32),
    nonce text not null,
    verifier text not null,
    invitation bytea,
    goes_to text not null,
    expires_at timestamptz not null
);

-- A session is a key: it expires, it can be revoked, its calls are booked on a project like any other's.
alter table api_key add column person_id bigint references person;
create index on api_key (person_id) where person_id is not null;
