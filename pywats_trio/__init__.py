"""pywats-trio: watch folder, sandboxed converter, crash-safe queue, upload to a WATS server."""

from __future__ import annotations

__version__ = "0.1.0"
