"""A damaged queue: noticed, set aside byte for byte, and saved row by row into a fresh one."""
