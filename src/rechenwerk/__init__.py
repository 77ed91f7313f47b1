"""Rechenwerk: a self-hosted AI cloud whose books balance.

Importing this package does nothing: no network, no thread, no environment variable is read.
"""

__version__ = "0.1.0"
