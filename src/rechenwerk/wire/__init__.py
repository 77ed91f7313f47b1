"""Dialects: OpenAI bytes to values and back, SSE frames, error bodies; no network."""
