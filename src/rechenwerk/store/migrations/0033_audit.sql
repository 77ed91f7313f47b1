-- The audit as a chain: each event of an organisation is sealed with the one before, in the order of commits, so that
-- one that is altered, taken out or put in behind the database's back is found.

alter table audit_event add column address text; -- that the request came from; null: not known
create index on audit_event (organisation_id, what, id);
create index on audit_event (organisation_id, at);

create table audit_link (
    organisation_id bigint not null references organisation,
    number bigint not null check (number > 0),
    event_id bigint not null unique references audit_event (id),
    hash bytea not null check (length(hash) = 32),
    primary key (organisation_id, number)
);
create trigger append_only before update or delete or truncate on audit_link
    for each statement execute function append_only();

create function audit_hash(p_before bytea, e audit_event) returns bytea language sql stable as $$
    select sha256(p_before || convert_to(jsonb_build_array(e.id, extract(epoch from e.at)::text, e.organisation_id,
        e.actor_organisation, e.key_id, e.who, e.what, e.subject, e.before, e.after, e.address)::text, 'UTF8'))
$$;

-- Deferred: at the end of a transaction nothing else is locked any more, so that nobody waits in a circle.
create function link_event() returns trigger language plpgsql as $$
declare
    last audit_link;
begin
    perform pg_advisory_xact_lock(hashtext('rechenwerk.audit'), new.organisation_id::integer);
    select * into last from audit_link where organisation_id = new.organisation_id order by number desc limit 1;
    insert into audit_link (organisation_id, number, event_id, hash)
    values (new.organisation_id, coalesce(last.number, 0) + 1, new.id,
        audit_hash(coalesce(last.hash, '\x'::bytea), new));
    return null;
end $$;

-- What was there before: in the order of ids.
do $$
declare
    one audit_event;
    last audit_link;
begin
    for one in select * from audit_event order by organisation_id, id loop
        select * into last from audit_link
            where organisation_id = one.organisation_id order by number desc limit 1;
        insert into audit_link values (one.organisation_id, coalesce(last.number, 0) + 1, one.id,
            audit_hash(coalesce(last.hash, '\x'::bytea), one));
    end loop;
end $$;

create constraint trigger link_event after insert on audit_event
    deferrable initially deferred for each row execute function link_event();
