"""The store: what is accepted, stored, delivered or failed, and the order of work."""
