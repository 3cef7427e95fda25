"""Environments: what a package needs to run, locked; whether an interpreter has it; and one made that has."""
