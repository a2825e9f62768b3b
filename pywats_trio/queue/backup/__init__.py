"""Backups of the queue: copied while commits go on, with the files that wait, and verified."""
