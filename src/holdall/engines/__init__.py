"""RUN: one file per artefact format: files → predict(columns)."""
