"""The malformed `<?xml:stylesheet …?>` that some reports of TestStand begin with."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HEAD: Final = 1 << 16
_MALFORMED: Final = re.compile(rb"<\?xml:stylesheet\b")
_BEFORE_DECLARATION: Final = re.compile(
    rb"(\xef\xbb\xbf)?(\s*<\?xml[:-]stylesheet[^>]{0,4096}>\s*)(<\?xml\s[^>]{0,200}>)"
)
_VISIBLE: Final = re.compile(rb"[^\r\n]")


def mended(file: BinaryIO) -> BinaryIO:
    """The file, with `<?xml:stylesheet …?>` put right: no parser takes its colon.

    Where it comes before the XML declaration, it changes places with that. All bytes behind stay
    where they are, and so do the lines.
    """
    file.seek(0)
    head = file.read(_HEAD)
    if not _MALFORMED.search(head):
        return file
    if match := _BEFORE_DECLARATION.match(head):
        blank = _VISIBLE.sub(b" ", match[2])
        head = (match[1] or b"") + match[3] + blank + head[match.end() :]
    return io.BufferedReader(_Mended(_MALFORMED.sub(b"<?xml-stylesheet", head), file))


class _Mended(io.RawIOBase):
    """A file whose beginning was replaced by as many other bytes."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head = head
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._head[self._at : self._at + len(view)]
        if not data:
            self._file.seek(self._at)
            data = self._file.read(len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
