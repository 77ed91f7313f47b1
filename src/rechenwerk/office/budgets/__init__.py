"""Budgets with their windows, prepaid wallets, and alerts that reach people."""
