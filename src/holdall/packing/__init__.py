"""A live model → a sealed package: capture, probe, choose, prove, seal."""
