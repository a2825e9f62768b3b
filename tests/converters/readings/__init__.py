"""Second readings of sample files: what a right conversion must show, found in another way."""
