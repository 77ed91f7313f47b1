"""Governance of capacity: pools, reserve, emergency draws, grants, sales, audit and the public report."""
