"""Organisations, projects, keys and scopes; pure."""
