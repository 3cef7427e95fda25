"""Tables of any size: read by pieces, scored on every core, written in order, whole or not at all."""
