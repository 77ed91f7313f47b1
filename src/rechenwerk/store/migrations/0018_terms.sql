-- What a deployment asks its provider for: priority, flex ...; empty: nothing. See providers/registry.py.
alter table deployment add column service_tier text not null default '';
