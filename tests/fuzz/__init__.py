"""Decoders under fire: `python -m tests.fuzz NAME --seconds 60` with atheris, and a short run as a test."""
