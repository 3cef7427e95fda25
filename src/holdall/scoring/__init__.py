"""THE call: columns in, columns out. Opens a package, checks a batch against the schema, runs the steps."""
