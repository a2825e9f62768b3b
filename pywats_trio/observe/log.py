"""The log of a service: structlog to JSON lines in a rotated file and to standard error.

structlog has one configuration for the whole process. `configure` takes it over and `Log.close`
gives back what was there before; of two logs open at a time, the one opened last gets the lines.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog
from structlog.contextvars import merge_contextvars

from pywats_trio.config.options import default_log_file
from pywats_trio.observe.console import Console
from pywats_trio.observe.record import Encoder, Record, leading, record
from pywats_trio.observe.rotate import RotatingFile
from pywats_trio.observe.sink import Sink, Stream
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self, TextIO

    from pywats_trio.config.options import LogOptions

_NUMBERS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(
    options: LogOptions,
    *,
    instance: str,
    data_dir: Path,
    terminal: bool,
    secrets: Sequence[str] = (),
    stream: TextIO | None = None,
) -> Log:
    """Open the log: JSON to the file, and to `stream` (standard error) what fits its reader.

    On a terminal that is the console form, else JSON again; `log.format` may insist on either.
    `secrets` are values that are masked wherever they turn up. Loggers of the standard library
    go the same way, from warnings on. Raises nothing: a file that cannot be written is said once
    on `stream`, and the service goes on.
    """
    encoder = Encoder(secrets)
    console = options.format == "console" or (options.format == "auto" and terminal)
    return Log(
        options.file or default_log_file(data_dir),
        options,
        instance=instance,
        encoder=encoder,
        stream=sys.stderr if stream is None else stream,
        form=Console(encoder, colours=terminal) if console else encoder,
    )


class Log:
    """An open log; a context manager that closes it."""

    def __init__(
        self,
        file: Path,
        options: LogOptions,
        *,
        instance: str,
        encoder: Encoder,
        stream: TextIO,
        form: Encoder | Console,
    ) -> None:
        self.file = file
        self._instance = instance
        self._encoder = encoder
        self._form = form
        self._stream = Sink(
            Stream(stream),
            note_dropped=lambda count: form.line(self._lines_dropped(count)),
            complain=lambda _error: None,  # nowhere is left to say it
        )
        self._disk = Sink(
            RotatingFile(file, max_bytes=options.max_bytes, backups=options.backups),
            note_dropped=lambda count: encoder.line(self._lines_dropped(count)),
            complain=self._complain,
        )
        self._bridge = _Bridge(self, max(logging.WARNING, _NUMBERS[options.level]))
        self._before = structlog.get_config() if structlog.is_configured() else None
        self._take_over(_NUMBERS[options.level])
        self._open = True

    @property
    def dropped(self) -> int:
        """Lines that the file lost since the start: too many at a time, or it failed."""
        return self._disk.dropped

    def close(self) -> None:
        """Give structlog back and write what waits, for 0.4 s at the most each way."""
        if self._open:
            self._open = False
            self._give_back()
            self._disk.close()
            self._stream.close()

    def set_level(self, level: str) -> None:
        """Another least severe level from now on."""
        if self._open:
            structlog.configure(
                wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level])
            )
            self._bridge.setLevel(max(logging.WARNING, _NUMBERS[level]))

    def mask(self, secrets: Sequence[str]) -> None:
        """Mask these values, too, from now on; from any thread."""
        self._encoder.mask(secrets)

    def write(self, logger: str, level: str, event: MutableMapping[str, Any]) -> None:
        """One record to the file and to the stream. Does not block."""
        written = record(leading(level, logger, self._instance), event)
        line = self._encoder.line(written)
        self._disk.put(line)
        self._stream.put(line if self._form is self._encoder else self._form.line(written))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take_over(self, level: int) -> None:
        structlog.configure(
            processors=[merge_contextvars, _hand_over],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=lambda *names: _Named(self, *names),
            # A cached logger would go on writing to a log that is closed.
            cache_logger_on_first_use=False,
        )
        logging.getLogger().addHandler(self._bridge)

    def _give_back(self) -> None:
        logging.getLogger().removeHandler(self._bridge)
        structlog.reset_defaults()
        if self._before is not None:
            structlog.configure(**self._before)

    def _lines_dropped(self, count: int) -> Record:
        return self._own("log lines dropped", dropped=count)

    def _complain(self, error: OSError) -> None:
        told = self._own(
            "log file cannot be written; its lines are dropped until it can",
            file=printable(str(self.file)),
            error=error.strerror,
        )
        self._stream.put(self._form.line(told))

    def _own(self, event: str, **fields: object) -> Record:
        return record(leading("warning", __name__, self._instance), {"event": event, **fields})


class _Named:
    """What structlog wraps: it takes the finished event, under the logger's name."""

    def __init__(self, log: Log, name: str = "") -> None:
        self._log = log
        self._name = name

    def write(self, level: str, event: MutableMapping[str, Any]) -> None:
        self._log.write(self._name, level, event)

    debug = info = warning = error = critical = write


class _Bridge(logging.Handler):
    """Records of the standard library's loggers on their way into the log."""

    def __init__(self, log: Log, level: int) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """The format is the constant event; the message stands beside it where they differ."""
        event: dict[str, Any] = {"event": str(record.msg), "exc_info": record.exc_info}
        if record.args:
            event["message"] = _message(record)
        self._log.write(record.name, record.levelname.lower(), event)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError) as error:  # arguments that do not fit their format
        return f"{record.args!r} do not fit: {error}"


def _hand_over(
    _logger: object, level: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str, MutableMapping[str, Any]], dict[str, Any]]:
    """structlog's last processor: the arguments for the wrapped logger."""
    return (level, event), {}
