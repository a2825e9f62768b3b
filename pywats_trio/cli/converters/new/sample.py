"""The file that a converter is begun from."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import BOMS
from pywats_trio.errors import UsageError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 1 << 20
"""Bytes; all of it is looked at."""
EXPECTED: Final = ".expected.json"
_CONTROLS: Final = frozenset(map(chr, {*range(32)} - {*b"\t\n\r\f\x1a\x1b"}))
_NUL: Final = frozenset("\0")
_FALLBACKS: Final = ("cp1252", "latin-1")


@frozen
class Sample:
    """Its name, its bytes, and what they are as text."""

    path: Path
    data: bytes
    encoding: str
    text: str | None
    """None: it is no text."""

    @property
    def name(self) -> str:
        return self.path.name


def read(path: Path) -> Sample:
    """The sample at `path`.

    Raises:
        UsageError: it is not there, no file, empty or too large.
    """
    told = printable(str(path))
    if path.name.endswith(EXPECTED):
        raise UsageError(f"{told} says what is expected of a sample; name the sample itself")
    try:
        if not path.exists():
            raise UsageError(f"there is no file {told}; name a file that the tester wrote")
        if not path.is_file():
            raise UsageError(f"{told} is no file; name a file that the tester wrote")
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{told} cannot be read: {why}") from error
    if len(data) > LARGEST:
        raise UsageError(
            f"{told} is larger than {LARGEST >> 20} MB; begin with a smaller file of its kind"
        )
    if not data.strip(b"\0 \t\r\n"):
        raise UsageError(f"{told} is empty; name a file that holds a test")
    encoding, text = _decoded(data)
    return Sample(path, data, encoding, text)


def _decoded(data: bytes) -> tuple[str, str | None]:
    """By the rules of `Source.read_text`; the fallback is the first that takes the bytes."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return _FALLBACKS[0], _text(data[len(mark) :], encoding, _NUL)
    if (text := _text(data, "utf-8", _NUL)) is not None:
        return _FALLBACKS[0], text
    for encoding in _FALLBACKS:
        if (text := _text(data, encoding, _CONTROLS)) is not None:
            return encoding, text
    return _FALLBACKS[0], None


def _text(data: bytes, encoding: str, never: frozenset[str]) -> str | None:
    """None where it is none, or has characters that a text never has."""
    try:
        text = codecs.decode(data, encoding)
    except UnicodeDecodeError:
        return None
    return None if never.intersection(text) else text


def lines(text: str) -> list[str]:
    """The lines as a converter sees them (LF, CRLF or CR)."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
