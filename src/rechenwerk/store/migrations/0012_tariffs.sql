-- Tariffs: versions of terms, each with an id that calls are booked under; and discounts on them. Both are dated
-- and for ever: what changes is a new row, so that no booked call ever changes.

-- A version holds from `valid_from` until the next one of its model does; of two from the same moment the later
-- written one. No terms: from then on the model is not sold under this organisation's tariff.
alter table tariff add column id bigint generated always as identity;
alter table tariff add column recorded_at timestamptz not null default clock_timestamp();
alter table tariff add column terms jsonb;
update tariff set terms = jsonb_build_object('price', rates), recorded_at = valid_from;
alter table tariff drop column rates;
alter table tariff drop constraint tariff_pkey;
alter table tariff add primary key (id);
alter table tariff alter column valid_from drop default;
create index on tariff (organisation_id, model, valid_from, id);
create trigger append_only before update or delete or truncate on tariff
    for each statement execute function append_only();

-- What was sold was sold: a new version begins now or later. Only the first of a model may say that it held before.
create function tariff_begins() returns trigger language plpgsql as $$
begin
    if new.valid_from < now() and exists (select from tariff t where t.organisation_id = new.organisation_id
            and t.model = new.model and t.recorded_at < now()) then
        raise exception 'a tariff of % cannot begin in the past', new.model using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger tariff_begins before insert on tariff for each row execute function tariff_begins();

-- A discount of an organisation (project 0) or of one project, on all models ('') or on one. Of several that
-- hold on a day the most special counts: project and model, project, model, organisation. Of two rows for the
-- same the one that begins later counts, from its first day on; a share of 0 ends one.
create table tariff_discount (
    organisation_id bigint not null references organisation,
    id bigint generated always as identity primary key,
    project_id bigint not null default 0,
    model text not null default '',
    valid_from date not null,
    valid_to date check (valid_to >= valid_from),
    share numeric not null check (share >= 0 and share <= 1),
    reason text not null,
    made_by text not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index on tariff_discount (organisation_id, project_id, model, valid_from, id);
create function discount_project() returns trigger language plpgsql as $$
begin
    if new.project_id <> 0 and not exists (select from project p where p.organisation_id = new.organisation_id
            and p.id = new.project_id) then
        raise exception 'project % does not belong to the organisation of the discount', new.project_id
            using errcode = 'foreign_key_violation';
    end if;
    if new.valid_from < (now() at time zone 'UTC')::date - 1 then -- a day for clocks that differ
        raise exception 'a discount cannot begin in the past' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger discount_project before insert on tariff_discount
    for each row execute function discount_project();
create trigger append_only before update or delete or truncate on tariff_discount
    for each statement execute function append_only();
create trigger config_changed after insert on tariff_discount
    for each statement execute function config_changed();
