"""A source's text line by line, for files that are too large to be held as one text.

The encoding is found by the rules of `Source.read_text`: the byte order mark, else UTF-8, else the
one that the caller names.
"""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO, Final

from attrs import frozen

from pywats_trio.converters.api import BOMS, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from pywats_trio.converters.api import Source

LONGEST_LINE: Final = 1 << 20
"""Characters, with the line's end."""
_CHUNK: Final = 1 << 20
_DOS_END: Final = "\x1a"
"""The mark that DOS put behind the last line."""


@frozen
class Text:
    """A source that is known to be text; it can be read any number of times, one at a time."""

    encoding: str
    _file: BinaryIO
    _start: int
    """Bytes of the byte order mark."""

    def lines(self, longest: int) -> Iterator[str]:
        """The lines with their ends (LF, CRLF or CR); one of more characters comes in pieces."""
        self._file.seek(self._start)
        text = io.TextIOWrapper(
            io.BufferedReader(_Borrowed(self._file), _CHUNK), self.encoding, newline=""
        )
        while line := text.readline(longest):
            yield line


class _Borrowed(io.RawIOBase):
    """A file that stays open when the wrapper around this is thrown away."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._file.read(len(view))
        view[: len(data)] = data
        return len(data)


@frozen
class Line:
    """A line of a text file, without its end."""

    number: int
    """From 1."""
    text: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"line {self.number}"

    def refusal(self, why: str, hint: str = "") -> Reject:
        """The error for something wrong in this line."""
        return Reject(f"line {self.number}: {why}", hint=hint)


def lines(source: Source, fallback: str = "cp1252") -> Iterator[Line]:
    """The lines of a text file, one in memory at a time; ends are LF, CRLF and CR.

    Raises:
        Reject: as `opened`; or the file is empty, holds zero bytes or a line that is no line.
    """
    if not source.size:
        raise Reject("the file is empty")
    number = 0
    for number, text in enumerate(opened(source, fallback).lines(LONGEST_LINE), 1):
        line = Line(number, text.rstrip("\r\n"))
        if line.text.strip() == _DOS_END:
            continue
        if "\0" in text:
            raise line.refusal("a zero byte: the file is damaged (power loss?) or no text")
        if len(text) == LONGEST_LINE:
            raise line.refusal(f"more than {LONGEST_LINE - 1:,} characters: this is no text file")
        yield line


def beginning(source: Source, size: int) -> str:
    """The first `size` bytes as text, for `Converter.detect`; what is no text as U+FFFD."""
    head = source.read_head(size)
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    return head.decode("utf-8", "replace")


def opened(source: Source, fallback: str = "cp1252") -> Text:
    """The source as text; all of its bytes are decoded once, none of the text is kept.

    Raises:
        Reject: the bytes are no text, with the first that is not; or `fallback` is no encoding.
    """
    file = source.file
    head = source.read_head(4)
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return _checked(file, encoding, len(mark))
    if fault(file, "utf-8", 0) is None:
        return Text("utf-8", file, 0)
    return _checked(file, _known(fallback), 0)


def check_encoding(encoding: str) -> None:
    """See whether an argument names one.

    Raises:
        Reject: it does not.
    """
    try:
        "".encode(encoding)  # only an encoding of texts; decoding nothing would not look
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        raise Reject(
            f'the argument encoding "{encoding}" is no encoding',
            hint="Write a name that Python knows, such as cp1252 or shift_jis.",
        ) from None


def _known(encoding: str) -> str:
    try:
        check_encoding(encoding)
    except Reject as error:
        raise Reject(f"the file is not UTF-8, and {error.why}", hint=error.hint) from None
    return encoding


def _checked(file: BinaryIO, encoding: str, start: int) -> Text:
    if (found := fault(file, encoding, start)) is not None:
        at, byte = found
        raise Reject(f"not {encoding}: byte 0x{byte:02x} at {at} of the file cannot be decoded")
    return Text(encoding, file, start)


def fault(file: BinaryIO, encoding: str, start: int = 0) -> tuple[int, int] | None:
    """Where the first byte is that is no text of this encoding, and the byte."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(start)
    read = start
    chunk = b"-"
    while chunk:
        chunk = file.read(_CHUNK)
        read += len(chunk)
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            # Its bytes are those that were left over from the chunk before, and this chunk.
            return read - len(error.object) + error.start, error.object[error.start]
        except UnicodeError:  # UTF-16 without its mark
            return start, chunk[0]
    return None
