"""The data plane: one road for every call."""
