-- The till: the one way into the books for calls.

-- No lock: who writes for a process that was buried a moment ago loses the race at the hold's own row.
create function check_fence(p_process bigint) returns void language plpgsql as $$
begin
    perform 1 from process where id = p_process and ended_at is null;
    if not found then
        raise exception 'process % was declared dead', p_process using errcode = 'RW001';
    end if;
end $$;

-- Settles finished calls. Arrays are columns; element i of each belongs to one call (p_) or transfer (t_).
-- A post without its hold was settled before: RW002 tells the caller to leave it out.
create function till_post(
    p_ids bigint[], p_organisations bigint[], p_projects bigint[], p_keys bigint[], p_process bigint,
    p_deployments bigint[], p_contracts bigint[], p_endpoints text[], p_models text[], p_streamed boolean[],
    p_outcomes text[], p_reasons text[], p_sources text[], p_input bigint[], p_cached bigint[],
    p_write bigint[], p_output bigint[], p_reasoning bigint[], p_images bigint[], p_seconds bigint[],
    p_requests bigint[], p_raw text[], p_held bigint[], p_prices bigint[], p_costs bigint[], p_slices text[],
    p_statuses integer[], p_started bigint[], p_first bigint[], p_total bigint[], p_decisions text[],
    t_organisations bigint[], t_calls bigint[], t_lines smallint[], t_debits bigint[], t_credits bigint[],
    t_amounts bigint[]
) returns void language plpgsql as $$
declare
    v_settled bigint;
begin
    insert into call (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision)
        select p.id, p.organisation, p.project, p.key, p_process, p.deployment, p.contract, p.endpoint,
            p.model, p.streamed, p.outcome, p.reason, p.source, p.input, p.cached, p.write, p.output,
            p.reasoning, p.images, p.seconds, p.requests, p.raw, p.held, p.price, p.cost,
            least(p.price, p.held), p.slices::bigint[], p.status, to_timestamp(p.started::float8 / 1e6),
            p.first, p.total, p.decision
        from unnest(p_ids, p_organisations, p_projects, p_keys, p_deployments, p_contracts, p_endpoints,
            p_models, p_streamed, p_outcomes, p_reasons, p_sources, p_input, p_cached, p_write, p_output,
            p_reasoning, p_images, p_seconds, p_requests, p_raw, p_held, p_prices, p_costs, p_slices,
            p_statuses, p_started, p_first, p_total, p_decisions)
            as p(id, organisation, project, key, deployment, contract, endpoint, model, streamed, outcome,
                 reason, source, input, cached, write, output, reasoning, images, seconds, requests, raw,
                 held, price, cost, slices, status, started, first, total, decision);
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select * from unnest(t_organisations, t_calls, t_lines, t_debits, t_credits, t_amounts);
    delete from hold where id = any(p_ids);
    get diagnostics v_settled = row_count;
    if v_settled <> cardinality(p_ids) then
        raise exception 'a hold is gone: its call was settled before' using errcode = 'RW002';
    end if;
exception when unique_violation then
    raise exception 'a call was settled before' using errcode = 'RW002';
end $$;

create function till_hold(
    p_process bigint, h_ids bigint[], h_organisations bigint[], h_projects bigint[], h_keys bigint[],
    h_deployments bigint[], h_contracts bigint[], h_endpoints text[], h_models text[], h_streamed boolean[],
    h_amounts bigint[], h_bounds bigint[], h_slices text[], h_started bigint[], h_expires integer[]
) returns void language plpgsql as $$
begin
    insert into hold (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, amount, cost_bound, slices, started_at, expires_at)
        select h.id, h.organisation, h.project, h.key, p_process, h.deployment, h.contract, h.endpoint,
            h.model, h.streamed, h.amount, h.bound, h.slices::bigint[],
            to_timestamp(h.started::float8 / 1e6), to_timestamp(h.started::float8 / 1e6 + h.expires)
        from unnest(h_ids, h_organisations, h_projects, h_keys, h_deployments, h_contracts, h_endpoints,
            h_models, h_streamed, h_amounts, h_bounds, h_slices, h_started, h_expires)
            as h(id, organisation, project, key, deployment, contract, endpoint, model, streamed, amount,
                 bound, slices, started, expires)
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
                  for update skip locked loop
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
    for v_slice in select id, granted - posted as idle from slice
                   where process_id = p_process and granted > posted order by guard_id, starts_at loop
        perform give_back(v_slice.id, v_slice.idle, 0);
    end loop;
    return v_count;
end $$;
