"""Costs: what contracts cost in a period, who bears it, and the margin that is left."""
