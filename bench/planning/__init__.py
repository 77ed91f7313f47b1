"""What the planner promised: speed, memory, exact quantiles, identities, clearing."""
