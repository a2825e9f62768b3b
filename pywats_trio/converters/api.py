"""What authors of converters import (contract section 7).

A converter is a plain synchronous function of bytes to reports. It runs in a worker process, never
in the service, so this module and what it imports stay free of trio and httpx.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final

from attrs import field, frozen

from pywats_trio.reports.model import Station

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from pywats_trio.reports.report import Report

__all__ = [
    "Argument",
    "Context",
    "Converter",
    "FolderConverter",
    "FolderSource",
    "Reject",
    "Retry",
    "Source",
    "Station",
]

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16 LE, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


_LINE_END: Final = re.compile(r"\r\n|\r|\n")
LONGEST_RETRY = 86_400
"""Seconds."""
AFTER: Final = ("move", "delete", "archive", "keep")
"""What `Context.after` takes; see `model.POST_ACTIONS`."""


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
        self._path = path
        self._mtime = mtime
        self._asked: set[str] = set()
        self.size = size

    @classmethod
    def from_bytes(cls, data: bytes, *, path: str = "<bytes>", mtime: float = 0.0) -> Source:
        """A source that lies in memory, for tests and embedders."""
        return cls(io.BytesIO(data), path=path, size=len(data), mtime=mtime)

    @property
    def path(self) -> str:
        """The whole path, for display."""
        self._asked.add("name")
        return self._path

    @property
    def name(self) -> str:
        """The file's name."""
        self._asked.add("name")
        return os.path.basename(self._path)  # noqa: PTH119 - Path would change odd names

    @property
    def mtime(self) -> float:
        """When it was written last, seconds since the epoch."""
        self._asked.add("mtime")
        return self._mtime

    def asked(self) -> str:
        """What was asked of it beside its bytes: a part of the ids that its reports get.

        Of two files with the same bytes whose serial numbers are their names, say, each has its own
        report.
        """
        known = {"name": os.path.basename(self._path), "mtime": self._mtime}  # noqa: PTH119
        return "".join(f":{one}={known[one]!a}" for one in sorted(self._asked))

    @property
    def file(self) -> BinaryIO:
        """The open file, for what must not hold all of it in memory; seek before you read."""
        return self._file

    def read_bytes(self) -> bytes:
        """The whole content, from the start whatever was read before."""
        self.file.seek(0)
        return self.file.read()

    def read_head(self, size: int = 8192) -> bytes:
        """At most the first `size` bytes: enough for `Converter.detect`."""
        self.file.seek(0)
        return self.file.read(size)

    def read_text(self, encoding: str | None = None) -> str:
        """The content as text: by its byte order mark, else UTF-8, else `encoding` or cp1252.

        Raises:
            Reject: the bytes are not even that; it names the first byte that is not.
        """
        data = self.read_bytes()
        for mark, name in BOMS:
            if data.startswith(mark):
                return _decode(data[len(mark) :], name)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return _decode(data, encoding or "cp1252")

    def lines(self, encoding: str | None = None) -> Iterator[str]:
        """The lines of `read_text`, without their ends (LF, CRLF or CR)."""
        # Not `splitlines`: it takes form feeds and other characters that stand in names for ends.
        lines = _LINE_END.split(self.read_text(encoding))
        return iter(lines if lines[-1] else lines[:-1])


class FolderSource(Source):
    """One unit of work of a `FolderConverter`: a folder, or a header file with its folder.

    `files` are the regular files of the folder by their paths relative to it, with `/`, sorted by
    the bytes of these paths; folders inside are entered, links are left out. They are open already,
    and what is read is what they were when the conversion began. `files[path]` opens the file anew,
    at its start.

    With a header, `name`, `path`, `file` and all `read_…` are the header's. Without one, `name` and
    `path` are the folder's, and there is nothing to read but `files`: `read_…` raises
    IsADirectoryError. `size` is that of all files together, `mtime` that of the newest.
    """

    def __init__(
        self,
        files: Mapping[str, Source],
        *,
        path: str,
        size: int,
        mtime: float,
        header: BinaryIO | None = None,
    ) -> None:
        super().__init__(header or io.BytesIO(), path=path, size=size, mtime=mtime)
        self.files = files
        self.has_header = header is not None

    @classmethod
    def from_files(
        cls,
        files: Mapping[str, bytes],
        *,
        header: bytes | None = None,
        path: str = "<folder>",
        mtime: float = 0.0,
    ) -> Self:
        """A unit that lies in memory, for tests and embedders; `header`: of what `path` names."""
        folder = path if header is None else os.path.splitext(path)[0]  # noqa: PTH122
        sources = {
            name: Source.from_bytes(files[name], path=f"{folder}/{name}", mtime=mtime)
            for name in sorted(files, key=os.fsencode)
        }
        size = sum(map(len, files.values())) + len(header or b"")
        head = None if header is None else io.BytesIO(header)
        return cls(sources, path=path, size=size, mtime=mtime, header=head)

    @property
    def file(self) -> BinaryIO:
        """The open header file.

        Raises:
            IsADirectoryError: the unit is a folder alone.
        """
        if not self.has_header:
            raise IsADirectoryError(f"{self.name!r} is a folder; read one of its `files`")
        return super().file


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
    pattern: str = ""
    """Of text, or a list of texts: a regular expression that each must match from end to end."""
    check: Callable[[Any], object] | None = None
    """Called with a value; what it raises as `Reject` or `ValueError` is what is wrong with it."""


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
    report_after: Callable[[str], None] = field(default=lambda _action: None)

    def progress(self, fraction: float) -> None:
        """Say how far the conversion is, 0.0 to 1.0."""
        self.report_progress(min(1.0, max(0.0, fraction)))

    def after(self, action: str) -> None:
        """Say what is to become of the file: `move`, `delete`, `archive` or `keep`.

        It is done when the reports are stored, and only where the configuration does not set
        `post_action`. The last word counts. Of a file that is not converted it means nothing.

        Raises:
            ValueError: `action` is none of the four.
        """
        if action not in AFTER:
            raise ValueError(f"after({action!r}): write one of {', '.join(map(repr, AFTER))}")
        self.report_after(action)


class Converter(ABC):
    """The base class of a converter. It is made once in a worker and used for many files."""

    id: ClassVar[str]
    """Unique, kebab-case."""
    version: ClassVar[str] = "0"
    patterns: ClassVar[tuple[str, ...]] = ("*",)
    """Which file names it takes where the configuration says nothing."""
    arguments: ClassVar[Mapping[str, Argument]] = {}

    # `source` is a Source, but in a FolderConverter a FolderSource: were it declared as a Source,
    # no type checker would let a class take folders.

    def detect(self, source: Any) -> float:  # noqa: ANN401
        """How sure it is, 0 to 1, that it can read this file; cheap, reads a few kilobytes."""
        del source
        return 0.0

    def unload(self) -> None:  # noqa: B027 - few have anything to end
        """The process ends and nobody waits for it: it is killed 0.2 s later."""

    @abstractmethod
    def convert(self, source: Any, context: Context) -> Iterable[Report]:  # noqa: ANN401
        """The reports of this file, in order.

        Raises:
            Reject: it can never be converted.
            Retry: not now.
            Exception: anything else is a failed attempt.
        """


class FolderConverter(Converter):
    """The base class of a converter whose unit of work is a folder.

    A unit is taken when all of this is true: the marker is there, if there is one; there are enough
    files; nothing in it has changed for the quiet time, and (where there is no marker) nobody has
    one of its files open for writing, as far as that can be known. The keys `marker`,
    `minimum_files` and `quiet_seconds` of the configuration come before what stands here.
    """

    unit: ClassVar[str] = "folder"
    """`folder`: each folder in the watch folder. `file-and-folder`: each file in the watch folder
    (the header) with the folder beside it that has its name without the ending."""
    patterns: ClassVar[tuple[str, ...]] = ("*",)
    """Which names of folders, or of header files, it takes."""
    marker: ClassVar[str] = ""
    """The name of a file in the folder that says that it is complete. It is one of the files."""
    minimum_files: ClassVar[int] = 1
    """How many files, beside the marker, the folder has at least; 0 to 10,000."""
    quiet_seconds: ClassVar[float] = 2.0
    """0 to 86,400."""

    def detect(self, source: FolderSource) -> float:
        """How sure it is, 0 to 1, that it can read this unit; cheap."""
        del source
        return 0.0

    @abstractmethod
    def convert(self, source: FolderSource, context: Context) -> Iterable[Report]:
        """The reports of this unit, in order; raises as `Converter.convert` does."""
