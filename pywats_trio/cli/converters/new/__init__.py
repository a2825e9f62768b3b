"""`pywats-trio converters new NAME`: a converter to begin with, its sample and its test."""

from __future__ import annotations

from pywats_trio.cli.converters.new.command import new

__all__ = ["new"]
