"""Where a pyWATS class finds its file, and who hears what it says."""

from __future__ import annotations

import errno
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pywats_trio.converters.api import Reject, Source, Station
from pywats_trio.converters.pywats.calls import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def laid_out(source: Source, scratch: Path, arguments: Mapping[str, Any], station: Station) -> Job:
    """A copy of the source under its own name: these classes open paths, a worker may not.

    Raises:
        Reject: the file is larger than a file in the scratch folder may be.
    """
    path = scratch / source.name  # no folder of its own: to remove one may take milliseconds
    try:
        path.write_bytes(source.read_bytes())
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise Reject(
            f"the file has {source.size} bytes, more than a worker may write; "
            "a class of pyWATS needs a copy of its file",
            hint="Split the file, or write its converter on pywats_trio.converters.",
        ) from error
    os.utime(path, (source.mtime, source.mtime))  # no effect where the kernel shuts us in
    # To pyWATS an argument without a value is one that is not there.
    known = {name: value for name, value in arguments.items() if value is not None}
    return Job(path, source.path, source.mtime, known, station)


class _Forward(logging.Handler):
    """Hands records of any logger to that of the job."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`."""
        if self._logger.isEnabledFor(record.levelno):
            self._logger.handle(record)


@contextmanager
def heard(logger: logging.Logger) -> Iterator[None]:
    """While it lasts, what the class says to loggers of its own reaches that of the job."""
    root = logging.getLogger()
    handler, level = _Forward(logger), root.level
    root.addHandler(handler)
    root.setLevel(logger.getEffectiveLevel())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
