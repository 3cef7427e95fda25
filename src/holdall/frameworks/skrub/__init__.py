"""skrub: transformers of tables as they come."""
