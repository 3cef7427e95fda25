"""THE BYTES: blobs by digest, the OCI layout, the archive. Knows digests, not models."""
