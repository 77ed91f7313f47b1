-- Money that is finally booked: usage of settled calls, wallets that pay all that is owed, payments and write-offs.

-- What a settlement found: its usage, too, so that tariffs count it; and the period in which that is booked.
create or replace view settled_call as
    select v.organisation_id, v.call_id, v.id as voucher_id, (v.details ->> 'cost')::numeric(38, 0) as cost,
        (v.details ->> 'price')::numeric(38, 0) as price, v.at, v.details -> 'usage' as usage
    from voucher v
    where v.kind = 'settlement' and v.call_id is not null and not exists (
        select from voucher r where r.organisation_id = v.organisation_id and r.reverses = v.id);

-- The units of a bucket that a settled call is found to have used: told with its settlement, else what was counted,
-- in the proportion of what it is found to have cost.
create function settled_units(p_usage jsonb, p_bucket text, p_counted bigint, p_cost numeric, p_booked numeric)
returns bigint language sql immutable as $$
    select case when p_usage is not null then coalesce((p_usage ->> p_bucket)::bigint, 0)
        when p_bucket <> 'requests' and p_booked > 0 and p_cost is not null then round(p_counted * p_cost / p_booked)::bigint
        else p_counted end
$$;

-- What came back into a wallet may be taken back again, when a bill is undone: below zero. One row each time.
alter table wallet_release drop constraint wallet_release_pkey;
alter table wallet_release drop constraint wallet_release_amount_check;
alter table wallet_release add column id bigint generated always as identity;
alter table wallet_release add primary key (organisation_id, guard_id, call_id, id);

-- What a wallet paid beyond its calls has left the wallet, and comes back by the next step, never by itself.
create or replace function wallet_is_refunded() returns trigger language plpgsql as $$
begin
    if exists (select from voucher v where v.organisation_id = new.organisation_id and v.id = new.reverses
               and v.kind in ('topup', 'refund')) then
        raise exception 'a top-up is undone by a refund, a refund by a top-up' using errcode = 'RW004';
    end if;
    if exists (select from voucher v where v.organisation_id = new.organisation_id and v.id = new.reverses
               and v.kind = 'payment' and v.details ? 'wallet' and v.details ? 'beyond') then
        raise exception 'what a wallet paid beside its calls comes back when what it paid for is reversed'
            using errcode = 'RW004';
    end if;
    return new;
end $$;

-- A bank's reference is booked once, whatever was paid; of a payment that was reversed it is free again.
drop index voucher_reference;
create function reference_is_new() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('rechenwerk.reference'), hashint8(new.organisation_id));
    if exists (select from voucher v where v.organisation_id = new.organisation_id
            and v.kind in ('topup', 'refund', 'payment') and v.details ->> 'reference' = new.details ->> 'reference'
            and not exists (select from voucher r where r.organisation_id = v.organisation_id
                and r.reverses = v.id)) then
        raise exception 'the reference was booked before' using errcode = 'unique_violation';
    end if;
    return new;
end $$;
create index voucher_reference on voucher (organisation_id, (details ->> 'reference')) where details ? 'reference';
create trigger reference_is_new before insert on voucher for each row
    when (new.kind in ('topup', 'refund', 'payment') and new.details ? 'reference')
    execute function reference_is_new();

insert into account_kind values ('vat', 'liability', 'Value added tax', 'Umsatzsteuer');
insert into voucher_kind values ('write-off', 'Write-off', 'Ausbuchung'), ('clearing', 'Clearing', 'Verrechnung');
create index voucher_group on voucher ((details ->> 'group')) where details ? 'group';
