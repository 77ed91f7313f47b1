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

-- What comes back into a wallet: a call whose usage nobody knew was charged what it held; settled, it cost less.
create table wallet_release (
    organisation_id bigint not null,
    guard_id bigint not null,
    call_id bigint not null,
    amount numeric(38, 0) not null check (amount >= 0),
    released_at timestamptz not null default now(),
    primary key (organisation_id, guard_id, call_id),
    foreign key (organisation_id, guard_id) references guard (organisation_id, id)
);
create trigger append_only before update or delete or truncate on wallet_release
    for each statement execute function append_only();

-- Pays into a wallet, or out of it (below zero) what no gateway process has leased: what calls hold, have spent
-- or may still draw cannot be paid out. Returns what is still free.
-- Locks as `lease` does: the window first; `lease` looks at the guard again once it has the window.
create function wallet_change(p_organisation bigint, p_guard bigint, p_change numeric) returns numeric
language plpgsql as $$
declare
    v_granted numeric;
    v_amount numeric;
begin
    insert into guard_window (guard_id, starts_at, amount, hard)
        values (p_guard, to_timestamp(0), 0, true) on conflict do nothing;
    select granted into v_granted from guard_window
        where guard_id = p_guard and starts_at = to_timestamp(0) for no key update;
    update guard set amount = amount + p_change
        where organisation_id = p_organisation and id = p_guard and wallet
        returning amount into v_amount;
    if not found then
        raise exception 'there is no wallet %', p_guard using errcode = 'no_data_found';
    end if;
    if v_amount < v_granted then
        raise exception 'less than that is free' using errcode = 'RW003';
    end if;
    update guard_window set amount = v_amount where guard_id = p_guard and starts_at = to_timestamp(0);
    return v_amount - v_granted;
end $$;

-- A bank's reference pays once.
create unique index voucher_reference on voucher (organisation_id, (details ->> 'reference'))
    where kind in ('topup', 'refund') and details ? 'reference';

-- Money that went into or out of a wallet moves with the wallet, so its voucher is not reversed behind its back.
create function wallet_is_refunded() returns trigger language plpgsql as $$
begin
    if exists (select from voucher v where v.organisation_id = new.organisation_id and v.id = new.reverses
               and v.kind in ('topup', 'refund')) then
        raise exception 'a top-up is undone by a refund, a refund by a top-up' using errcode = 'RW004';
    end if;
    return new;
end $$;
create trigger wallet_is_refunded before insert on voucher for each row when (new.reverses is not null)
    execute function wallet_is_refunded();
