"""The command: one file per group of commands; the only place that prints."""
