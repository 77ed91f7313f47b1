-- A provider, or one model of it, that somebody switched off: it stands in the configuration and serves nothing.
alter table provider
    add column out_since timestamptz,
    add column out_reason text not null default '';
alter table deployment
    add column out_since timestamptz,
    add column out_reason text not null default '';
