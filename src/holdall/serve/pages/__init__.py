"""Pages of the server: files that are sent as they are. They load nothing from elsewhere."""
