"""XML files as small trees that know their lines; large files as one small tree after the other.

Read with the expat of the standard library: nothing to install, nothing to load but a C module, and
its handlers can refuse a DOCTYPE, and with it every entity, before anything is expanded or opened.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, NoReturn
from xml.parsers import expat

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import reading
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from _typeshed import ReadableBuffer as Buffer

    from pywats_trio.converters.api import Source

MAX_DEPTH: Final = 256
"""Elements within elements."""

_CHUNK: Final = 1 << 16
SEPARATOR: Final = "\x1f"
"""In the name of an attribute, between its namespace and what it is called."""
_SHOWN: Final = 60
_DECLARED: Final = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BOMS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NATIVE: Final = frozenset({"utf-8", "utf8", "utf-16", "us-ascii", "ascii"})
"""Encodings that expat knows itself; of all others Python decodes what it is fed."""
_LATIN_1: Final = frozenset({"iso-8859-1", "iso8859-1", "latin-1", "latin1"})
_WINDOWS: Final = "".join(
    bytes((code,)).decode("cp1252", "ignore") or chr(code) for code in range(256)
)
"""The characters of the bytes. Who declares iso-8859-1 on Windows means this: what the two do not
have in common are control characters in iso-8859-1, which nobody writes."""
_CUT_OFF: Final = frozenset(
    {
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    }
)


@define
class Element:
    """One element: its name without the namespace, and where it begins."""

    name: str
    space: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(factory=list)
    texts: list[str] = field(factory=list)

    @property
    def text(self) -> str:
        """Its own text, without that of its children."""
        return "".join(self.texts)

    def named(self, *names: str) -> list[Element]:
        """The children of these names, in order."""
        return [child for child in self.children if child.name in names]

    def child(self, name: str) -> Element | None:
        """The first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def get(self, attribute: str) -> str | None:
        """The value of an attribute, None where it is missing."""
        return self.attributes.get(attribute)

    def find(self, *names: str) -> Element | None:
        """The first child of the first name, of that the first child of the second, and so on."""
        found: Element | None = self
        for name in names:
            found = found.child(name) if found is not None else None
        return found

    def refusal(self, why: str, hint: str = "") -> Reject:
        """The error for something wrong in this element."""
        return Reject(f"{why} (line {self.line})", hint=hint)


def beginning(source: Source, size: int) -> str:
    """The first `size` bytes as text, for `Converter.detect`; what is no text as U+FFFD."""
    data = source.read_head(size)
    try:
        return data.decode(encoding_of(data), "replace")
    except LookupError:
        return data.decode("latin-1")


def head(source: Source, size: int) -> Element | None:
    """The root with what the first `size` bytes hold, for `Converter.detect`; None: no XML."""
    root = None
    file = io.BytesIO(source.read_head(size))
    try:
        for event in stream(file, ()):
            root = event.element
    except Reject:  # it goes on behind these bytes, as a rule
        pass
    return root


class Event(NamedTuple):
    """An element began, or it ended and is whole."""

    begins: bool
    element: Element


def parse(data: bytes) -> Element:
    """The root element.

    Raises:
        Reject: empty, cut off, not well-formed, in another encoding than it says, with a DOCTYPE,
            or nested deeper than `MAX_DEPTH`.
    """
    root = None
    for event in stream(io.BytesIO(data), ()):
        root = event.element
    if root is None:  # expat has refused that already
        raise Reject("there is no element in the file")
    return root


def stream(file: BinaryIO, names: Container[str]) -> Iterator[Event]:
    """The elements of these names and the root, as they begin and end, in document order.

    No such element becomes a child of the one around it, so that of a file of any size no more is
    in memory than one of the smallest of them, and what else stands in those that are open. The
    file is read from its start.

    Raises:
        Reject: as `parse`.
    """
    file.seek(0)
    start = file.read(_CHUNK)
    if not start.strip(b"\0"):
        _refuse_empty(start, file)
    mark = _mark(start)
    decoder = None if mark else _decoder(encoding_of(start))
    builder = _Builder(names, mark)
    # expat takes the mark of UTF-8 for a character where it is told that it is UTF-8.
    chunk = start.removeprefix(codecs.BOM_UTF8)
    try:
        while chunk:
            builder.feed(decoder.decode(chunk) if decoder else chunk)
            yield from builder.taken()
            chunk = file.read(_CHUNK)
        builder.feed(decoder.decode(b"", True) if decoder else b"", final=True)
        yield from builder.taken()
    except expat.ExpatError as error:
        _refuse(file, error)
    except UnicodeError as error:
        raise Reject(f"declared {encoding_of(start)}, but is not: {error}") from error
    except (LookupError, ValueError) as error:  # expat found a declaration that we did not
        raise Reject(f"{shortened(str(error), 2 * _SHOWN)} (line 1)") from error


class _Builder:
    def __init__(self, names: Container[str], encoding: str | None) -> None:
        """`encoding`: whatever the file declares."""
        self._names = names
        self._open: list[Element] = []
        self._events: list[Event] = []
        self._parser = expat.ParserCreate(encoding, SEPARATOR)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, data: bytes | str, *, final: bool = False) -> None:
        self._parser.Parse(data, final)

    def taken(self) -> list[Event]:
        """What happened since it was asked last."""
        events, self._events = self._events, []
        return events

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if len(self._open) >= MAX_DEPTH:
            raise Reject(
                f"nested too deep: more than {MAX_DEPTH} elements in each other, line {line}"
            )
        space, _, name = tag.rpartition(SEPARATOR)
        element = Element(name, space, attributes, line)
        if not self._open or name in self._names:
            self._events.append(Event(True, element))
        else:
            self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        if not self._open or element.name in self._names:
            self._events.append(Event(False, element))

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _doctype(
        self, _name: str, _system: str | None, _public: str | None, internal: bool
    ) -> None:
        content = " with entities" if internal else ""
        raise Reject(
            f"a DOCTYPE{content} is not allowed (line {self._parser.CurrentLineNumber})",
            hint="Reports need none; remove it.",
        )


def encoding_of(data: bytes) -> str:
    """By byte order mark, else by declaration, else UTF-8; lower case."""
    if name := _mark(data):
        return name
    match = _DECLARED.match(data)
    return match[1].decode("ascii").lower() if match else "utf-8"


def _mark(data: bytes) -> str | None:
    """What a byte order mark says, which comes before what the file declares."""
    return next((name for mark, name in _BOMS.items() if data.startswith(mark)), None)


class _Windows(codecs.IncrementalDecoder):
    def decode(self, data: Buffer, final: bool = False) -> str:
        del final
        return codecs.charmap_decode(data, self.errors, _WINDOWS)[0]


def _decoder(name: str) -> codecs.IncrementalDecoder | None:
    """What decodes a file for expat, which knows few encodings itself."""
    if name in _NATIVE:
        return None
    if name in _LATIN_1:
        return _Windows()
    try:
        "".encode(name)  # only an encoding of texts
        return codecs.getincrementaldecoder(name)()
    except (LookupError, ValueError):
        shown = shortened(name, _SHOWN)
        raise Reject(f'the declared encoding "{shown}" is unknown (line 1)') from None


def _refuse_empty(head: bytes, file: BinaryIO) -> None:
    """A file that begins with zero bytes, if it is nothing else."""
    chunk = head
    while chunk:
        if chunk.strip(b"\0"):
            return
        chunk = file.read(_CHUNK)
    raise Reject(
        "the file holds only zero bytes (power loss while it was written?)"
        if head
        else "the file is empty"
    )


def _refuse_cut_off(file: BinaryIO, error: expat.ExpatError) -> NoReturn:
    """Says where the text ends, not where the blanks after it do."""
    file.seek(0)
    read = lines = 0
    newline = -1
    place = ""
    is_xml = False
    while chunk := file.read(_CHUNK):
        is_xml = is_xml or b"<" in chunk
        if text := chunk.rstrip():
            last = text.rfind(b"\n")
            column = read + len(text) - (newline if last < 0 else read + last)
            line = lines + text.count(b"\n") + 1
            place = f"line {line}, column {column}"
        if (last := chunk.rfind(b"\n")) >= 0:
            newline = read + last
        lines += chunk.count(b"\n")
        read += len(chunk)
    raise Reject(
        f"XML ends in the middle ({place})"
        if is_xml
        else "not XML: there is no element in the file",
        hint="The file is cut off; write it anew.",
    ) from error


def _refuse(file: BinaryIO, error: expat.ExpatError) -> NoReturn:
    reason = expat.ErrorString(error.code)
    place = f"line {error.lineno}, column {error.offset + 1}"
    if reason in _CUT_OFF:
        _refuse_cut_off(file, error)
    file.seek(0)
    name = encoding_of(file.read(_CHUNK))
    if name in _NATIVE and (fault := reading.fault(file, name)) is not None:
        raise Reject(
            f"declared {name}, but byte 0x{fault[1]:02x} at {place} is not",
            hint="Write the file in the encoding that its first line names.",
        ) from error
    raise Reject(f"not well-formed XML: {reason} ({place})") from error
