"""Where a call may go, and in which order: rules, health, balance, retries; pure."""
