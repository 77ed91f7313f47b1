-- Period close: a period that is closed takes no call and no voucher any more; what it came to stands in documents
-- with gapless numbers, which are for ever.

alter table project add column cost_centre text not null default '' check (length(cost_centre) <= 40);

-- How an organisation's statements are written, and by which key shared costs are allocated to its projects.
create table statement_setting (
    organisation_id bigint primary key references organisation,
    prefix text not null default 'RW' check (prefix ~ '^[A-Z0-9]{1,12}$'),
    issuer text[] not null default '{}',
    recipient text[] not null default '{}',
    vat_rate numeric not null default 0 check (vat_rate between 0 and 100),
    reverse_charge boolean not null default false,
    allocation text not null default 'none' check (allocation in ('none', 'use', 'equal', 'fixed'))
);
create table allocation_share (
    organisation_id bigint not null,
    project_id bigint not null,
    percent numeric not null check (percent > 0 and percent <= 100),
    primary key (organisation_id, project_id),
    foreign key (organisation_id, project_id) references project (organisation_id, id)
);

create table period_close (
    organisation_id bigint not null references organisation,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    closed_at timestamptz not null,
    closed_by text not null check (closed_by <> ''),
    with_unresolved boolean not null,
    primary key (organisation_id, starts_at)
);
create trigger append_only before update or delete or truncate on period_close
    for each statement execute function append_only();

-- Up to where an organisation's books are closed: for calls first (`calls_until`), while the last vouchers of the
-- period are written, then for everything. One row each, so that the till's check is one comparison.
create table period_lock (
    organisation_id bigint primary key references organisation,
    calls_until timestamptz not null,
    closed_until timestamptz not null default '-infinity',
    check (closed_until <= calls_until)
);
create index on period_lock (calls_until);

create function period_stays_closed() returns trigger language plpgsql as $$
begin
    if new.organisation_id <> old.organisation_id or new.calls_until < old.calls_until
            or new.closed_until < old.closed_until then
        raise exception 'a closed period stays closed: book a correction instead' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger period_stays_closed before update on period_lock
    for each row execute function period_stays_closed();
create trigger append_only before delete or truncate on period_lock
    for each statement execute function append_only();

-- The till pays one comparison per statement: nearly always no hold begins before the newest closed period's end.
-- A call is booked from its hold, so without holds a closed period has no new calls.
create function hold_in_open_period() returns trigger language plpgsql as $$
declare
    v_until timestamptz;
begin
    if (select min(started_at) from new_rows) < (select max(calls_until) from period_lock) then
        select l.calls_until into v_until from new_rows n join period_lock l using (organisation_id)
            where n.started_at < l.calls_until limit 1;
        if found then
            raise exception 'a call that began before % belongs to a closed period', v_until
                using errcode = 'restrict_violation';
        end if;
    end if;
    return null;
end $$;
create trigger hold_in_open_period after insert on hold referencing new table as new_rows
    for each statement execute function hold_in_open_period();

-- From now on no call that began before `p_until` is taken; returns how many of them are under way still: above
-- zero, nothing has changed. The lock waits for holds that are being written, and stands for milliseconds.
create function stop_calls(p_organisation bigint, p_until timestamptz) returns bigint language plpgsql as $$
declare
    v_open bigint;
begin
    lock table hold in share mode;
    select count(*) into v_open from hold where organisation_id = p_organisation and started_at < p_until;
    if v_open = 0 then
        insert into period_lock as l (organisation_id, calls_until) values (p_organisation, p_until)
            on conflict (organisation_id) do update set calls_until = greatest(l.calls_until, excluded.calls_until);
    end if;
    return v_open;
end $$;

-- Whoever writes a voucher or a fee and whoever closes a period never do it at once: shared by the writers, alone
-- for the close, until the end of the transaction.
create function books_key(p_organisation bigint) returns bigint language sql immutable as $$
    select (x'5ec4e600'::bigint << 32) | (p_organisation & 4294967295)
$$;
create function entry_in_open_period() returns trigger language plpgsql as $$
declare
    v_organisation bigint;
    v_until timestamptz;
begin
    for v_organisation in select distinct organisation_id from new_rows order by 1 loop
        perform pg_advisory_xact_lock_shared(books_key(v_organisation));
    end loop;
    if tg_table_name = 'voucher' then
        select l.closed_until into v_until from new_rows n join period_lock l using (organisation_id)
            where n.at < l.closed_until limit 1;
    else
        select l.closed_until into v_until from new_rows n join period_lock l using (organisation_id)
            where n.booked_at < l.closed_until limit 1;
    end if;
    if found then
        raise exception 'the books are closed until %; book it in an open period', to_char(v_until at time zone 'UTC',
            'YYYY-MM-DD') using errcode = 'restrict_violation';
    end if;
    return null;
end $$;
create trigger entry_in_open_period after insert on voucher referencing new table as new_rows
    for each statement execute function entry_in_open_period();
create trigger entry_in_open_period after insert on fee referencing new table as new_rows
    for each statement execute function entry_in_open_period();

-- Numbers of documents: a row that is locked until the documents stand, or until nothing has happened.
create table document_counter (
    organisation_id bigint not null references organisation,
    year integer not null,
    taken integer not null default 0 check (taken >= 0),
    primary key (organisation_id, year)
);

create table document (
    organisation_id bigint not null references organisation,
    number text not null check (number <> ''),
    year integer not null,
    ordinal integer not null check (ordinal > 0),
    kind text not null check (kind in ('statement', 'reversal', 'correction')),
    project_id bigint not null default 0, -- 0: the organisation's, which sums up
    period timestamptz not null, -- the first moment of the month that it is about
    booked_in timestamptz not null, -- of the month whose entries it shows
    issued_at timestamptz not null,
    issued_by text not null,
    exact numeric(38, 0) not null, -- nano-units, as booked
    net numeric(38, 0) not null, -- cents, as all that follow
    vat numeric(38, 0) not null,
    gross numeric(38, 0) not null,
    reverses text,
    content text not null,
    sha256 bytea not null,
    primary key (organisation_id, number),
    unique (organisation_id, year, ordinal),
    unique (organisation_id, reverses, kind), -- taken back once, replaced once
    foreign key (organisation_id, reverses) references document (organisation_id, number),
    constraint total_is_net_and_vat check (gross = net + vat),
    constraint content_is_signed_for check (sha256 = sha256(convert_to(content, 'UTF8'))),
    constraint corrections_name_what_they_correct check ((kind = 'statement') = (reverses is null))
);
create unique index one_statement on document (organisation_id, project_id, booked_in) where kind = 'statement';
create trigger append_only before update or delete or truncate on document
    for each statement execute function append_only();

create function document_is_next() returns trigger language plpgsql as $$
begin
    if new.ordinal > 1 and not exists (select from document where organisation_id = new.organisation_id
            and year = new.year and ordinal = new.ordinal - 1) then
        raise exception 'document % leaves a gap before it', new.number using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger document_is_next before insert on document for each row execute function document_is_next();

-- Vouchers that stand on a correction, and so on no statement of the period that they were booked in.
create table document_voucher (
    organisation_id bigint not null,
    voucher_id bigint not null,
    project_id bigint not null,
    number text not null,
    primary key (organisation_id, voucher_id, project_id),
    foreign key (organisation_id, voucher_id) references voucher (organisation_id, id),
    foreign key (organisation_id, number) references document (organisation_id, number)
);
create trigger append_only before update or delete or truncate on document_voucher
    for each statement execute function append_only();
