"""Board testers: GR228X logs and i3070 log records (docs/reference/formats/teradyne-ict.md)."""
