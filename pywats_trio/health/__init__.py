"""The HTTP face: what is true now, read only."""
