"""A converter's log records on their way to the service's log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pywats_trio.worker.channel import Channel

MAX_RECORDS: Final = 200
"""A job. What a converter says beyond that is counted, not carried."""
MAX_MESSAGE: Final = 4096
"""Characters."""


class Journal(logging.Handler):
    """Sends each record at once, so that it is known even if the process dies of the next line."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`; errors in formatting are the converter's own and go to it."""
        message = self.format(record)
        self._count += 1
        if self._count <= MAX_RECORDS:
            self._send(record.levelname, message)

    def _send(self, level: str, message: str) -> None:
        self._channel.put({"kind": "log", "level": level, "message": message[:MAX_MESSAGE]})
        self._channel.flush()

    def start(self) -> None:
        """A job begins."""
        self._count = 0

    def finish(self) -> None:
        """A job ends: say how much was not said."""
        if (dropped := self._count - MAX_RECORDS) > 0:
            self._send("WARNING", f"{dropped} more log records were dropped")


def logger_for(converter_id: str, handler: Journal) -> logging.Logger:
    """The logger that a converter gets: everything to the service, nothing to standard error."""
    logger = logging.getLogger(f"converter.{converter_id}")
    logger.handlers = [handler]
    logger.propagate = False
    return logger
