"""Classes written for pyWATS, run by our workers."""
