"""The child process that runs converters. Imports neither trio nor httpx."""

from __future__ import annotations

from typing import Final

EXIT_FORKED: Final = 70
"""What a copy of the worker that a converter made by `os.fork` ends with."""
EXIT_BROKEN: Final = 71
"""The worker cannot go on: a converter took away what it stands on, such as its socket."""
