"""WSJF files: from bytes to reports, each with the text it came in.

The values are read with the C scanner of `json`, which is what makes a report that is passed
through cheap; a position is looked for only where a line must be named or a key be spliced in.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.reports.model import InvalidReport, Path
from pywats_trio.reports.numbers import MAX_DEPTH
from pywats_trio.reports.spans import find, line_and_column, repeated, skip_blank

if TYPE_CHECKING:
    from collections.abc import Iterator

_UTF16: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_WORD: Final = re.compile(
    r'"(?:[^"\\]|\\.)*+"|(?P<word>(?<![\w"-])-?(?:NaN|Infinity)(?![\w"]))', re.DOTALL
)
_TOO_DEEP: Final = f"nested too deep: more than {MAX_DEPTH} levels of lists and objects"


class _DuplicateKey(Exception):
    """A key stands twice in one object, with different values."""


@frozen
class Document:
    """One report's text, and what it says."""

    value: dict[str, Any]
    text: str
    raw: bytes | None
    """The file's bytes where `text` is all of them in UTF-8: they can be sent as they came."""
    line: int = 1
    column: int = 1
    """Where `text` begins in the file."""
    mended: tuple[str, ...] = ()
    """What was changed in the text to make it JSON, one sentence each."""

    def place(self, path: Path) -> str:
        """Where the value at `path` stands in the file: `line 37, column 12`."""
        line, column = line_and_column(self.text, find(self.text, path))
        if line == 1:
            column += self.column - 1
        return f"line {line + self.line - 1}, column {column}"


def documents(data: bytes) -> list[Document]:
    """The reports of a file: one object, a list of objects, or one object after the other.

    What Python and others write though it is no JSON is put right: NaN and Infinity get quotes,
    half a surrogate pair becomes U+FFFD.

    Raises:
        InvalidReport: no JSON, cut off, nested too deep, no text, or no report in it.
    """
    text, raw = _decode(data)
    mended_text, mended = _mend(text)
    try:
        return _read(mended_text, None if mended else raw, mended)
    except RecursionError as error:
        raise InvalidReport(_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise _syntax(mended_text, error) from error
    except ValueError as error:  # what `int` says of a number with more than 4300 digits
        raise InvalidReport(f"a number cannot be read: {error}") from error


def _decode(data: bytes) -> tuple[str, bytes | None]:
    """The text, and the bytes again if they are that text in UTF-8 without a mark."""
    if not data:
        raise InvalidReport("the file is empty")
    for mark, encoding in _UTF16:
        if data.startswith(mark):
            return _text(data[len(mark) :], encoding), None
    if 0 in data:
        _refuse_zeros(data)
    if data.startswith(codecs.BOM_UTF8):
        return _text(data[len(codecs.BOM_UTF8) :], "utf-8"), None
    return _text(data, "utf-8"), data


def _refuse_zeros(data: bytes) -> None:
    if not data.strip(b"\0"):
        raise InvalidReport("the file holds only zero bytes (power loss while it was written?)")
    raise InvalidReport(
        f"a zero byte at byte {data.index(0)}: the file is damaged, or UTF-16 without a byte "
        "order mark"
    )


def _text(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        line, column = line_and_column(before, len(before))
        raise InvalidReport(
            f"not {encoding[:6].upper().rstrip('-')}: byte 0x{data[error.start]:02x} at line "
            f"{line}, column {column}; JSON must be UTF-8, or UTF-16 with a byte order mark"
        ) from error


def _mend(text: str) -> tuple[str, tuple[str, ...]]:
    notes = []
    if "NaN" in text or "Infinity" in text:
        quoted = _WORD.sub(lambda m: f'"{m[0]}"' if m["word"] else m[0], text)
        if quoted != text:
            text = quoted
            notes.append("bare NaN or Infinity is no JSON; it is sent in quotes")
    if "\\u" in text:
        whole = _ESCAPE.sub(lambda m: "\\ufffd" if m["half"] else m[0], text)
        if whole != text:
            text = whole
            notes.append("half a surrogate pair is no text; U+FFFD is sent in its place")
    return text, tuple(notes)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs) and any(repr(result[k]) != repr(v) for k, v in pairs):
        raise _DuplicateKey
    return result


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)


def _value(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except _DuplicateKey as error:
        raise _duplicate(text, position) from error


def _read(text: str, raw: bytes | None, mended: tuple[str, ...]) -> list[Document]:
    start = skip_blank(text, 0)
    if start == len(text):
        raise InvalidReport("the file holds only white space")
    if text[start] == "<":
        raise InvalidReport('not JSON: it starts with "<" (an HTML page?)')
    listed = text[start] == "["
    spans = list(_listed(text, start) if listed else _sequence(text, start))
    if not spans:
        raise InvalidReport("the list is empty: there is no report in it")
    if len(spans) == 1 and not listed:
        return [Document(_checked(spans[0][0], 1, text), text, raw, mended=mended)]
    found = []
    for number, (value, begin, end) in enumerate(spans, 1):
        own = text[begin:end]
        line, column = line_and_column(text, begin)
        found.append(Document(_checked(value, number, own), own, None, line, column, mended))
    return found


def _sequence(text: str, position: int) -> Iterator[tuple[Any, int, int]]:
    """One value, or several objects with nothing but white space between them."""
    value, end = _value(text, position)
    yield value, position, end
    position = skip_blank(text, end)
    while position < len(text):
        if text[position] != "{":
            raise json.JSONDecodeError("Extra data", text, position)
        value, end = _value(text, position)
        yield value, position, end
        position = skip_blank(text, end)


def _listed(text: str, position: int) -> Iterator[tuple[Any, int, int]]:
    """The elements of the list that begins here and fills the text."""
    position = skip_blank(text, position + 1)
    if text[position : position + 1] != "]":
        while True:
            value, end = _value(text, position)
            yield value, position, end
            position = skip_blank(text, end)
            if text[position : position + 1] != ",":
                break
            position = skip_blank(text, position + 1)
    if text[position : position + 1] != "]":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, position)
    position = skip_blank(text, position + 1)
    if position < len(text):
        raise json.JSONDecodeError("Extra data", text, position)


def _checked(value: object, number: int, text: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidReport(f"report {number} is {kind(value)}, an object is expected")
    if text.count("{") + text.count("[") > MAX_DEPTH:  # fewer brackets cannot be too deep
        _check_depth(value)
    return value


def _check_depth(value: object) -> None:
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidReport(_TOO_DEEP)
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]


def kind(value: object) -> str:
    """What a JSON value is, as a sentence needs it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
    return names.get(type(value), "a number")


def _syntax(text: str, error: json.JSONDecodeError) -> InvalidReport:
    end = len(text.rstrip())
    if error.pos >= end or error.msg.startswith("Unterminated string"):
        line, column = line_and_column(text, end)
        return InvalidReport(
            f"JSON ends in the middle (line {line}, column {column})",
            hint="The file is cut off; write it anew.",
        )
    place = f"(line {error.lineno}, column {error.colno})"
    if error.msg == "Extra data":
        return InvalidReport(f"text after the end of the JSON value {place}")
    return InvalidReport(f"not JSON: {error.msg} {place}")


def _duplicate(text: str, position: int) -> InvalidReport:
    pair = repeated(text, position)
    if pair is None:
        return InvalidReport("a key stands twice in one object, with different values")
    first, second = (line_and_column(text, member.key_start)[0] for member in pair)
    return InvalidReport(
        f'the key "{pair[0].key}" stands twice with different values '
        f"(lines {first} and {second}): which one is meant?"
    )
