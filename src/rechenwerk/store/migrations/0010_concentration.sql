-- Concentration: the most that one provider, or all providers of one owner, may have of spend, capacity or
-- commitments; see contracts/concentration.py.
create table concentration_cap (
    organisation_id bigint not null references organisation,
    name text not null check (name <> ''),
    dimension text not null check (dimension in ('spend', 'capacity', 'commitments')),
    by_what text not null check (by_what in ('provider', 'owner')),
    of_name text not null default '', -- empty: whichever
    at_most numeric not null check (at_most > 0 and at_most <= 1),
    hard boolean not null,
    window_days integer not null check (window_days between 1 and 366),
    active boolean not null default true,
    primary key (organisation_id, name)
);
create trigger config_changed after insert or update or delete on concentration_cap
    for each statement execute function config_changed();
