"""What a contestant is, for those that make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Do = Callable[[Path, Mapping[str, Any]], int]
"""Reads a file, and says how many reports it made of it."""
