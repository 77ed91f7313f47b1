"""The control plane: keys, projects, budgets, books and configuration as a JSON API."""
