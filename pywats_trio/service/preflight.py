"""What can be known before anything starts: folders, converters, disk, clock, limits, server.

One report with every finding and what to do about it. An *error* keeps the service from starting;
a *warning* does not: a store-and-forward service starts without its server, and one folder that is
away must not stop the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from pywats_trio.config.options import Config


@frozen
class Finding:
    """One thing that was looked at and is not as it should be."""

    check: str
    """A constant word: `folder`, `converter`, `disk`, `clock`, `inotify`, `server`, `data_dir`."""
    subject: str
    """The folder, converter or address concerned."""
    severity: Literal["error", "warning"]
    message: str
    """One sentence: what is wrong."""
    hint: str
    """One sentence: what to do about it."""
    exit_code: int = 30
    """Of an error: 20 (the configuration is wrong), 22 (a file is) or 30 (it cannot start here)."""


async def examine(config: Config, before: Config | None = None) -> list[Finding]:
    """Look at everything; what is wrong, errors first. Never raises for what it finds.

    With `before`, a configuration that runs, only what differs from it is looked at.
    """
    del config, before
    return []


def refuse(findings: list[Finding]) -> None:
    """Log every finding; raise for the errors among them, all in one text, a line each.

    Raises:
        ConfigError, InvalidInputError, StartError: by the exit code of the first error.
    """
    del findings
