"""Contracts: what was bought, what a month of it costs, where it stands, what the next unit costs. Pure."""
