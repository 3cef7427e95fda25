"""Packages as something that runs where Python does not, or where another server is at home. One module a target."""
