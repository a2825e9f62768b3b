"""Local control: length-prefixed JSON over a Unix socket (contract section 9)."""
