"""Chat: conversations with models through the public gateway, kept sealed, each its owner's."""
