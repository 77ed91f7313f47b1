-- The accounts of a call are exactly the eight that its project and contract have for it. Vouchers make other ones
-- beside them (a contract's accruals, a project's wallet, its cost under no contract), which are none of a call's.
create or replace function ensure_accounts(p_organisation bigint, p_project bigint, p_contract bigint)
returns table (kind text, id bigint) language plpgsql as $$
#variable_conflict use_column
begin
    insert into account (organisation_id, kind, project_id, contract_id)
        select p_organisation, k.kind, case when k.by_project then p_project else 0 end,
               case when k.by_contract then p_contract else 0 end
        from (values ('receivable', true, false), ('revenue', true, false), ('overrun', true, false),
              ('unresolved_price', true, false), ('cost', true, true), ('failed', true, true),
              ('unresolved_cost', true, true), ('payable', false, true)) k(kind, by_project, by_contract)
        on conflict do nothing;
    return query select a.kind, a.id
        from (values ('receivable', true, false), ('revenue', true, false), ('overrun', true, false),
              ('unresolved_price', true, false), ('cost', true, true), ('failed', true, true),
              ('unresolved_cost', true, true), ('payable', false, true)) k(kind, by_project, by_contract)
        join account a on a.organisation_id = p_organisation and a.kind = k.kind
            and a.project_id = case when k.by_project then p_project else 0 end
            and a.contract_id = case when k.by_contract then p_contract else 0 end;
end $$;
