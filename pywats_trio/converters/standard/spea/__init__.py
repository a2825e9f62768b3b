"""SPEA's in-circuit testers: lines of cells (docs/reference/formats/spea.md)."""
