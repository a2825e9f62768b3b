"""The log, the metrics, what is true now."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """While the block lasts, importing `name` fails, if nobody has imported it before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # as the import system documents
    try:
        yield
    finally:
        del sys.modules[name]


# structlog loads rich, where that is installed, to print tracebacks that our console form prints
# itself: 3 MB and 20 ms in every service (docs/performance.md).
with _hidden("rich"):
    import structlog as structlog
