"""Teradyne Spectrum, in-circuit test."""
