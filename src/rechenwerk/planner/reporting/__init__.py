"""A plan as a page and on paper."""
