"""What the converters of the package share: each thing that formats have in common, once."""
