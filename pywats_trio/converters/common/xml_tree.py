"""XML files as small trees that know their lines.

Read with the expat of the standard library: nothing to install, nothing to load but a C module, and
its handlers can refuse a DOCTYPE, and with it every entity, before anything is expanded or opened.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NoReturn
from xml.parsers import expat

from attrs import define, field

from pywats_trio.converters.api import Reject

MAX_DEPTH: Final = 256
"""Elements within elements."""

_SEPARATOR: Final = "\x1f"
_DECLARED: Final = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BOMS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
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


def parse(data: bytes) -> Element:
    """The root element.

    Raises:
        Reject: empty, cut off, not well-formed, in another encoding than it says, with a DOCTYPE,
            or nested deeper than `MAX_DEPTH`.
    """
    if not data.strip(b"\0"):
        raise Reject(
            "the file holds only zero bytes (power loss while it was written?)"
            if data
            else "the file is empty"
        )
    builder = _Builder()
    try:
        builder.feed(data)
    except expat.ExpatError as error:
        _refuse(data, error)
    return builder.root()


class _Builder:
    def __init__(self) -> None:
        self._open: list[Element] = []
        self._root: Element | None = None
        self._parser = self._make()

    def _make(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        return parser

    def feed(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            if expat.ErrorString(error.code) != expat.errors.XML_ERROR_UNKNOWN_ENCODING:
                raise
            self._feed_decoded(data)
        except (LookupError, ValueError):  # an encoding that expat cannot be taught by a table
            self._feed_decoded(data)

    def _feed_decoded(self, data: bytes) -> None:
        """Let Python decode it, which knows more encodings."""
        self._parser = self._make()
        self._parser.Parse(_decoded(data), True)

    def root(self) -> Element:
        if self._root is None:  # expat has refused that already
            raise Reject("there is no element in the file")
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if len(self._open) >= MAX_DEPTH:
            raise Reject(
                f"nested too deep: more than {MAX_DEPTH} elements in each other, line {line}"
            )
        space, _, name = tag.rpartition(_SEPARATOR)
        element = Element(name, space, attributes, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _doctype(
        self, _name: str, _system: str | None, _public: str | None, internal: bool
    ) -> None:
        content = " with entities" if internal else ""
        raise Reject(
            f"a DOCTYPE{content} is not allowed (line {self._parser.CurrentLineNumber})",
            hint="WATS reports need none; remove it.",
        )


def encoding_of(data: bytes) -> str:
    """By byte order mark, else by declaration, else UTF-8; lower case."""
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            return name
    match = _DECLARED.match(data)
    return match[1].decode("ascii").lower() if match else "utf-8"


def _decoded(data: bytes) -> str:
    name = encoding_of(data)
    try:
        return data.decode(name)
    except LookupError:
        raise Reject(f'the declared encoding "{name}" is unknown (line 1)') from None
    except UnicodeError as error:
        raise Reject(f"declared {name}, but is not: {error}") from error


def _refuse(data: bytes, error: expat.ExpatError) -> NoReturn:
    reason = expat.ErrorString(error.code)
    if reason in _CUT_OFF:
        end = data.rstrip()
        line, column = end.count(b"\n") + 1, len(end) - end.rfind(b"\n")
        cut = f"XML ends in the middle (line {line}, column {column})"
        raise Reject(
            cut if b"<" in data else "not XML: there is no element in the file",
            hint="The file is cut off; write it anew.",
        ) from error
    place = f"line {error.lineno}, column {error.offset + 1}"
    name = encoding_of(data)
    try:
        data.decode(name)
    except UnicodeDecodeError as wrong:
        raise Reject(
            f"declared {name}, but byte 0x{data[wrong.start]:02x} at {place} is not",
            hint="Write the file in the encoding that its first line names.",
        ) from error
    except LookupError:
        pass
    raise Reject(f"not well-formed XML: {reason} ({place})") from error
