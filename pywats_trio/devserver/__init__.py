"""A WATS-compatible server for demonstrations, tests and benchmarks."""

from __future__ import annotations

from pywats_trio.devserver.faults import Fault
from pywats_trio.devserver.server import DevServer, open_devserver

__all__ = ["DevServer", "Fault", "open_devserver"]
