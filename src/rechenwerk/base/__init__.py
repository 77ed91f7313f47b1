"""Money, usage, ids, clock, settings, the error tree: what every room may use."""
