"""File to reports: the pool of worker processes and the job that runs in one."""
