"""WATS Standard XML: WSXF, whose steps are nested, and its older sibling WRML, which is flat."""
