"""WATS Standard Text Format: lines of cells between tabs, one or several units in a file."""
