-- Budgets of organisations and of more periods, and prepaid wallets: guards like any others.

-- A guard without a project is its organisation's: every call of the organisation needs it.
alter table guard alter column project_id drop not null;
alter table guard add foreign key (organisation_id) references organisation (id);
alter table guard add constraint a_key_has_a_project check (key_id is null or project_id is not null);
alter table guard drop constraint guard_period_check;
alter table guard add constraint guard_period_check
    check (period in ('minute', 'day', 'week', 'month', 'quarter', 'year', 'total', 'now'));
alter table guard drop constraint guard_check;
alter table guard add constraint guard_unit_has_period check (
    (unit = 'money' and period in ('day', 'week', 'month', 'quarter', 'year', 'total'))
    or (unit in ('requests', 'tokens') and period = 'minute')
    or (unit = 'calls' and period = 'now'));

-- A wallet is a hard guard of money for all time whose amount is what was paid in and not paid back.
alter table guard add column wallet boolean not null default false;
alter table guard add constraint wallet_is_hard
    check (not wallet or (unit = 'money' and period = 'total' and hard and key_id is null));
alter table guard drop constraint guard_organisation_id_project_id_key_id_unit_period_key;
alter table guard add constraint guard_is_one_of_its_kind
    unique nulls not distinct (organisation_id, project_id, key_id, unit, period, wallet);
