-- The till: the one way into the books for calls.

-- No lock: who writes for a process that was buried a moment ago loses the race at the hold's own row.
create function check_fence(p_process bigint) returns void language plpgsql as $$
begin
    perform 1 from process where id = p_process and ended_at is null;
    if not found then
        raise exception 'process % was declared dead', p_process using errcode = 'RW001';
    end if;
end $$;

-- A batch travels as an array of rows: one array per column would cost a scan per column.
create type hold_row as (
    id bigint, organisation bigint, project bigint, key bigint, deployment bigint, contract bigint,
    endpoint text, model text, streamed boolean, amount bigint, bound bigint, slices text, started bigint,
    expires integer
);
create type post_row as (
    id bigint, organisation bigint, project bigint, key bigint, deployment bigint, contract bigint,
    endpoint text, model text, streamed boolean, outcome text, reason text, source text, input bigint,
    cached bigint, write bigint, output bigint, reasoning bigint, images bigint, seconds bigint,
    requests bigint, raw text, held bigint, price bigint, cost bigint, slices text, status integer,
    started bigint, first bigint, total bigint, decision text
);
create type transfer_row as (
    organisation bigint, call bigint, line smallint, debit bigint, credit bigint, amount bigint
);

-- Settles finished calls. A post without its hold was settled before: RW002, or a unique violation, tells
-- the caller to leave it out.
create function till_post(p_process bigint, p_posts post_row[], p_transfers transfer_row[]) returns void
language plpgsql as $$
declare
    v_settled bigint;
begin
    insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision)
        select p.organisation, p.id, p.project, p.key, p_process, p.deployment, p.contract, p.endpoint,
            p.model, p.streamed, p.outcome, p.reason, p.source, p.input, p.cached, p.write, p.output,
            p.reasoning, p.images, p.seconds, p.requests, p.raw, p.held, p.price, p.cost,
            least(p.price, p.held), p.slices::bigint[], p.status, to_timestamp(p.started::float8 / 1e6),
            p.first, p.total, p.decision
        from unnest(p_posts) p;
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select t.organisation, t.call, t.line, t.debit, t.credit, t.amount from unnest(p_transfers) t;
    delete from hold where id in (select p.id from unnest(p_posts) p);
    get diagnostics v_settled = row_count;
    if v_settled <> cardinality(p_posts) then
        raise exception 'a hold is gone: its call was settled before' using errcode = 'RW002';
    end if;
end $$;

create function till_hold(p_process bigint, p_holds hold_row[]) returns void language plpgsql as $$
begin
    insert into hold (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, amount, cost_bound, slices, started_at, expires_at)
        select h.id, h.organisation, h.project, h.key, p_process, h.deployment, h.contract, h.endpoint,
            h.model, h.streamed, h.amount, h.bound, h.slices::bigint[],
            to_timestamp(h.started::float8 / 1e6), now() + make_interval(secs => h.expires)
        from unnest(p_holds) h
        on conflict (id) do nothing; -- written before, and the acknowledgement was lost
end $$;

-- Books holds that nobody will settle any more at what they held: on the unresolved accounts, with the
-- reason, until a usage record or the provider's bill settles them.
create function book_unresolved(p_ids bigint[], p_reason text) returns bigint language plpgsql as $$
declare
    v_count bigint;
begin
    perform ensure_accounts(h.organisation_id, h.project_id, h.contract_id) from hold h where id = any(p_ids);
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select h.organisation_id, h.id, x.line, d.id, c.id, x.amount
        from hold h
        cross join lateral (values (1, 'unresolved_cost', 'payable', h.cost_bound),
                                   (2, 'unresolved_price', 'revenue', h.amount)) x(line, debit, credit, amount)
        join account d on d.organisation_id = h.organisation_id and d.kind = x.debit
            and d.project_id = h.project_id
            and d.contract_id = case when x.debit = 'unresolved_cost' then h.contract_id else 0 end
        join account c on c.organisation_id = h.organisation_id and c.kind = x.credit
            and c.project_id = case when x.credit = 'revenue' then h.project_id else 0 end
            and c.contract_id = case when x.credit = 'payable' then h.contract_id else 0 end
        where h.id = any(p_ids) and x.amount > 0;
    insert into call (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision)
        select h.id, h.organisation_id, h.project_id, h.key_id, h.process_id, h.deployment_id, h.contract_id,
            h.endpoint, h.model, h.streamed, 'unresolved', p_reason, 'none', 0, 0, 0, 0, 0, 0, 0, 1, null,
            h.amount, h.amount, h.cost_bound, h.amount, h.slices, 0, h.started_at, 0,
            (extract(epoch from now() - h.started_at) * 1000000)::bigint, null
        from hold h where h.id = any(p_ids);
    delete from hold where id = any(p_ids);
    get diagnostics v_count = row_count;
    return v_count;
end $$;

-- Buries processes whose heartbeat stopped: fences them, books their holds as unresolved, gives their
-- slices back. Also books holds that a dead process still wrote, and those past their expiry. Returns how
-- many holds were booked.
create function sweep(p_silence interval) returns bigint language plpgsql as $$
declare
    v_dead bigint;
    v_count bigint := 0;
    v_more bigint;
begin
    for v_dead in select id from process where ended_at is null and heartbeat_at < now() - p_silence
                  for no key update skip locked loop
        v_count := v_count + process_end(v_dead, 'the gateway process ended before the call did');
    end loop;
    if exists (select from hold h join process p on p.id = h.process_id and p.ended_at is not null) then
        select book_unresolved(array(select h.id from hold h join process p on p.id = h.process_id
                                     where p.ended_at is not null for update of h skip locked),
                               'the gateway process ended before the call did') into v_more;
        v_count := v_count + v_more;
    end if;
    if exists (select from hold h where h.expires_at < now()) then
        select book_unresolved(array(select h.id from hold h where h.expires_at < now()
                                     for update skip locked), 'the hold expired before the call ended')
            into v_more;
        v_count := v_count + v_more;
    end if;
    return v_count;
end $$;

create function process_end(p_process bigint, p_reason text) returns bigint language plpgsql as $$
declare
    v_count bigint;
    v_slice record;
begin
    update process set ended_at = now() where id = p_process and ended_at is null;
    select book_unresolved(array(select id from hold where process_id = p_process), p_reason) into v_count;
    -- Of a minute's requests and tokens the books do not know how many were used: they stay used.
    for v_slice in select s.id, s.granted - s.posted as idle from slice s join guard g on g.id = s.guard_id
                   where s.process_id = p_process and s.granted > s.posted and g.unit in ('money', 'calls')
                   order by s.guard_id, s.starts_at loop
        perform give_back(v_slice.id, v_slice.idle, 0);
    end loop;
    return v_count;
end $$;
