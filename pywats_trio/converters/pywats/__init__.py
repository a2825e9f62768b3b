"""Converter classes of pyWATS, run unmodified (`type = "pywats:package.module:Class"`).

A worker that is to load one opens the doors (`doors`), imports the class, and wraps it (`adapt`)
into a `Converter` like any other. Nothing here runs in the service.
"""

from pywats_trio.converters.pywats.adapter import adapt
from pywats_trio.converters.pywats.doors import provided

__all__ = ["adapt", "provided"]
