"""Names, versions, aliases and their history. Knows digests, not models."""
