"""`pywats-trio converters`: one file a command, imported on use."""
