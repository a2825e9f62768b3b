"""Klippel QC: a header file and a folder of tables."""
