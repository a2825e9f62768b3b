"""A WATS-compatible server for demonstrations, tests and benchmarks."""
