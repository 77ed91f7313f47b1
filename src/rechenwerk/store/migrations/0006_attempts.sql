-- Attempts: one that failed after it had left, while another served the call, may have cost money. It is
-- booked as a call of its own, at no price and with a hold of zero, and names the call that it was for.
alter table hold add column attempt_of bigint;
alter table call add column attempt_of bigint;
alter type hold_row add attribute attempt_of bigint;
alter type post_row add attribute attempt_of bigint;

create or replace function till_post(p_process bigint, p_posts post_row[], p_transfers transfer_row[]) returns void
language plpgsql as $$
declare
    v_settled bigint;
begin
    insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision, attempt_of)
        select p.organisation, p.id, p.project, p.key, p_process, p.deployment, p.contract, p.endpoint,
            p.model, p.streamed, p.outcome, p.reason, p.source, p.input, p.cached, p.write, p.output,
            p.reasoning, p.images, p.seconds, p.requests, p.raw, p.held, p.price, p.cost,
            least(p.price, p.held), p.slices::bigint[], p.status, to_timestamp(p.started::float8 / 1e6),
            p.first, p.total, p.decision, p.attempt_of
        from unnest(p_posts) p;
    insert into transfer (organisation_id, call_id, line, debit, credit, amount)
        select t.organisation, t.call, t.line, t.debit, t.credit, t.amount from unnest(p_transfers) t;
    delete from hold where id in (select p.id from unnest(p_posts) p);
    get diagnostics v_settled = row_count;
    if v_settled <> cardinality(p_posts) then
        raise exception 'a hold is gone: its call was settled before' using errcode = 'RW002';
    end if;
end $$;

create or replace function till_hold(p_process bigint, p_holds hold_row[]) returns void language plpgsql as $$
begin
    insert into hold (id, organisation_id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, amount, cost_bound, slices, started_at, expires_at, attempt_of)
        select h.id, h.organisation, h.project, h.key, p_process, h.deployment, h.contract, h.endpoint,
            h.model, h.streamed, h.amount, h.bound, h.slices::bigint[],
            to_timestamp(h.started::float8 / 1e6), now() + make_interval(secs => h.expires), h.attempt_of
        from unnest(p_holds) h
        on conflict (id) do nothing; -- written before, and the acknowledgement was lost
end $$;

create or replace function book_unresolved(p_ids bigint[], p_reason text) returns bigint language plpgsql as $$
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
        started_at, first_byte_us, total_us, decision, attempt_of)
        select h.id, h.organisation_id, h.project_id, h.key_id, h.process_id, h.deployment_id, h.contract_id,
            h.endpoint, h.model, h.streamed, 'unresolved', p_reason, 'none', 0, 0, 0, 0, 0, 0, 0, 1, null,
            h.amount, h.amount, h.cost_bound, h.amount, h.slices, 0, h.started_at, 0,
            (extract(epoch from now() - h.started_at) * 1000000)::bigint, null, h.attempt_of
        from hold h where h.id = any(p_ids);
    delete from hold where id = any(p_ids);
    get diagnostics v_count = row_count;
    return v_count;
end $$;

-- What was said in conversations that clients go on with by the id of an answer (previous_response_id).
create table response (
    organisation_id bigint not null,
    project_id bigint not null,
    id text not null,
    items bytea not null,
    created_at timestamptz not null default now(),
    primary key (organisation_id, project_id, id)
);
create index on response (created_at);
