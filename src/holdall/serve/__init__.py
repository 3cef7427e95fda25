"""Serving: one data plane, and doors that translate to it. Only `http` and `processes` know of a network."""
