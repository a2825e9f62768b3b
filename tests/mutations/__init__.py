"""Samples broken in ten thousand ways, and what each converter makes of them in a real worker."""
