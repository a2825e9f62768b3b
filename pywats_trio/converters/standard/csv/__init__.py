"""CSV: a table with one row a measurement (docs/reference/csv.md)."""
