"""Keysight TestExec SL: XML whose names differ from version to version."""
