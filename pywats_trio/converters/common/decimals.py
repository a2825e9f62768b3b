"""Numbers of files whose decimal mark may be a point or a comma."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from attrs import define

from pywats_trio.converters.api import Reject
from pywats_trio.reports import numbers
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.reports.operators import Value

Mark = Literal[".", ","]

_MARKED: Final = re.compile(
    r"[+-]?(?:\d+(?P<mark>[.,])\d*|(?P<first>[.,])\d+)(?:[eE][+-]?\d+)?", re.ASCII
)
_SHOWN: Final = 60
"""Characters of a wrong cell that a message repeats."""
_WHOLE: Final = re.compile(r"[+-]?\d+(?:[eE][+-]?\d+)?", re.ASCII)


def value(text: str, mark: Mark) -> Value | None:
    """A number as it is written, with `mark`; None where it is none, or larger than any double.

    `nan`, `inf` and `-inf` are numbers that are not finite. There are no marks for thousands.
    """
    if mark == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    read = numbers.read(text)
    return float(read) if isinstance(read, str) else read


def number(text: str, what: str, where: str, mark: Mark = ".") -> Value | None:
    """The same of a cell that may be empty (None) but must be a number if it is not.

    Raises:
        Reject: it is none; `what` it is and `where` it stands say which is meant.
    """
    text = text.strip()
    if not text:
        return None
    if (read := value(text, mark)) is None:
        raise Reject(f'{where}: {what} "{shortened(text, _SHOWN)}" is not a number')
    return read


def mark_in(text: str) -> Mark | None:
    """The decimal mark of what looks like a number with one, else None."""
    match = _MARKED.fullmatch(text)
    if match is None:
        return None
    return "," if "," in (match["mark"], match["first"]) else "."


def looks_numeric(text: str) -> bool:
    """Whether it would be a number with the one mark or the other."""
    return mark_in(text) is not None or _WHOLE.fullmatch(text) is not None


@define
class Marks:
    """Which decimal marks the numbers of a file have; the first place of each is remembered."""

    _first: dict[Mark, tuple[int, str]]

    @classmethod
    def none(cls) -> Marks:
        """Of a file that was not looked at yet."""
        return cls({})

    def see(self, line: int, text: str) -> None:
        """Look at one cell."""
        if (mark := mark_in(text)) is not None:
            self._first.setdefault(mark, (line, text))

    def decide(self) -> Mark:
        """The only mark that was seen; the point where none was.

        Raises:
            Reject: both were seen, so that nobody knows what `1.005` is.
        """
        if "," not in self._first:
            return "."
        if "." not in self._first:
            return ","
        (comma_line, comma), (point_line, point) = self._first[","], self._first["."]
        raise Reject(
            f"decimal comma (line {comma_line}: {comma}) and decimal point (line {point_line}: "
            f"{point}) in one file: {point} may be a thousand",
            hint="Set the argument decimal to the mark that is meant.",
        )
