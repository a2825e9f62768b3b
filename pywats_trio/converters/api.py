"""What authors of converters import (contract section 7).

A converter is a plain synchronous function of bytes to reports. It runs in a worker process, never
in the service, so this module and what it imports stay free of trio and httpx.
"""

from __future__ import annotations

import codecs
import io
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from attrs import field, frozen

from pywats_trio.reports.model import Station

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pywats_trio.reports.report import Report

__all__ = ["Argument", "Context", "Converter", "Reject", "Retry", "Source", "Station"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16 LE, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


LONGEST_RETRY = 86_400
"""Seconds."""


class Reject(Exception):
    """This file can never be converted: it goes to `error_dir` with `why`, without a retry."""

    def __init__(self, why: str, *, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


class Retry(Exception):
    """Not now: the file waits for `after` seconds and is tried again; counts as an attempt.

    Raises:
        ValueError: `after` is not 0 to 86,400 seconds.
    """

    def __init__(self, why: str, *, after: float = 30.0) -> None:
        super().__init__(why)
        # NaN and what is no number at all fail this comparison, too.
        if not 0 <= after <= LONGEST_RETRY:
            raise ValueError(f"Retry(after={after!r}): write 0 to {LONGEST_RETRY} seconds")
        self.why = why
        self.after = after


class Source:
    """One file to convert, already open: a converter gets no path that it could open.

    `name` is the file's name as text (bytes that are not UTF-8 as surrogate escapes), `path` the
    whole path for display, `size` in bytes, `mtime` in seconds since the epoch.
    """

    def __init__(self, file: BinaryIO, *, path: str, size: int, mtime: float) -> None:
        self._file = file
        self.path = path
        self.name = os.path.basename(path)  # noqa: PTH119 - Path would change odd names
        self.size = size
        self.mtime = mtime

    @classmethod
    def from_bytes(cls, data: bytes, *, path: str = "<bytes>", mtime: float = 0.0) -> Source:
        """A source that lies in memory, for tests and embedders."""
        return cls(io.BytesIO(data), path=path, size=len(data), mtime=mtime)

    def read_bytes(self) -> bytes:
        """The whole content, from the start whatever was read before."""
        self._file.seek(0)
        return self._file.read()

    def read_head(self, size: int = 8192) -> bytes:
        """At most the first `size` bytes: enough for `Converter.detect`."""
        self._file.seek(0)
        return self._file.read(size)

    def read_text(self, encoding: str | None = None) -> str:
        """The content as text: by its byte order mark, else UTF-8, else `encoding` or cp1252.

        Raises:
            Reject: the bytes are not even that; it names the first byte that is not.
        """
        data = self.read_bytes()
        for mark, name in _BOMS:
            if data.startswith(mark):
                return _decode(data[len(mark) :], name)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return _decode(data, encoding or "cp1252")

    def lines(self, encoding: str | None = None) -> Iterator[str]:
        """The lines of `read_text`, without their ends (LF, CRLF or CR)."""
        return iter(self.read_text(encoding).splitlines())


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise Reject(
            f"not {encoding}: byte 0x{byte:02x} at {error.start} cannot be decoded"
        ) from error


@frozen
class Argument:
    """The declaration of one key under `[converters.arguments]`."""

    type: type
    default: Any = None
    help: str = ""
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False


@frozen
class Context:
    """What a converter may know and use besides its source."""

    arguments: Mapping[str, Any]
    """Every declared argument, with its default where the configuration says nothing."""
    station: Station
    logger: logging.Logger
    """Its records reach the service's log with the file's correlation id."""
    scratch: Path
    """A folder of its own, emptied after the job."""
    report_progress: Callable[[float], None] = field(default=lambda _fraction: None)

    def progress(self, fraction: float) -> None:
        """Say how far the conversion is, 0.0 to 1.0."""
        self.report_progress(min(1.0, max(0.0, fraction)))


class Converter(ABC):
    """The base class of a converter. It is made once in a worker and used for many files."""

    id: ClassVar[str]
    """Unique, kebab-case."""
    version: ClassVar[str] = "0"
    patterns: ClassVar[tuple[str, ...]] = ("*",)
    """Which file names it takes where the configuration says nothing."""
    arguments: ClassVar[Mapping[str, Argument]] = {}

    def detect(self, source: Source) -> float:
        """How sure it is, 0 to 1, that it can read this file; cheap, reads a few kilobytes."""
        del source
        return 0.0

    @abstractmethod
    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """The reports of this file, in order.

        Raises:
            Reject: it can never be converted.
            Retry: not now.
            Exception: anything else is a failed attempt.
        """
