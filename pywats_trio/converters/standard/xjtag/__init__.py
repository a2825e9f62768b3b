"""XJTAG's .xjlog: a zip archive of test runs."""
