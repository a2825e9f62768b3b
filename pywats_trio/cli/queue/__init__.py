"""`pywats-trio queue`: the items of the running service, or of its queue where it is stopped."""
