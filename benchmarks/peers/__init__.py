"""Queues that others have written, doing what ours does, in an environment of their own."""
