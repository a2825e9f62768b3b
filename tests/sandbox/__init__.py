"""The kernel layers, against real processes."""
