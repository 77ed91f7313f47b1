"""Budgets, wallets and alerts in PostgreSQL."""
