"""The standard converters, one file a format."""
