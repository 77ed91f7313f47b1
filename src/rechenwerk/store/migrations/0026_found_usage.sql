-- What was drawn from contracts, with what settled calls were found to have cost and used instead of what was booked.
-- As many as there are settlements, each looked up by its id: joined, the planner might read all calls.
create or replace view draw as
    select contract_id, deployment_id, hour, organisation_id, calls, amount, listed, input, cached_input, cache_write,
        output, reasoning, images, seconds, requests, energy_uwh, co2_ug
    from position_draw
    union all
    select c.contract_id, c.deployment_id, date_trunc('hour', c.started_at, 'UTC'), s.organisation_id, 0,
        s.cost - c.cost,
        case when c.cost > 0
            then round(coalesce(c.listed, c.cost) * s.cost / c.cost) - coalesce(c.listed, c.cost) else 0 end,
        settled_units(s.usage, 'input', c.input, s.cost, c.cost) - c.input,
        settled_units(s.usage, 'cached_input', c.cached_input, s.cost, c.cost) - c.cached_input,
        settled_units(s.usage, 'cache_write', c.cache_write, s.cost, c.cost) - c.cache_write,
        settled_units(s.usage, 'output', c.output, s.cost, c.cost) - c.output,
        settled_units(s.usage, 'reasoning', c.reasoning, s.cost, c.cost) - c.reasoning,
        settled_units(s.usage, 'images', c.images, s.cost, c.cost) - c.images,
        settled_units(s.usage, 'seconds', c.seconds, s.cost, c.cost) - c.seconds,
        settled_units(s.usage, 'requests', c.requests, s.cost, c.cost) - c.requests,
        0, 0
    from settled_call s cross join lateral (
        select * from call c where c.organisation_id = s.organisation_id and c.id = s.call_id offset 0) c;
