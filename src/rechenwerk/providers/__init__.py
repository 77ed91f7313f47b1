"""Provider registry, one transport, the embedded model."""
