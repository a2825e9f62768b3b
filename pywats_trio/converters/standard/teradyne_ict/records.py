r"""The records of an i3070 log: `{@NAME|field|field{@NAME|…}}`, in each other and on any lines.

A field that holds braces, bars or line ends is written as a literal, `~LENGTH|text`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import decimals
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.reports.operators import Value

MAX_DEPTH: Final = 32
"""Records in each other."""
BOARD: Final = "BTEST"

_MARK: Final = re.compile(r"[{}]|~(?P<length>\d{1,6})\|", re.ASCII)
_NAME: Final = re.compile(r"\s*@?(?P<name>[^\\~]*)")
_TRUNCATED: Final = "\x04"
"""With this the tester marks a record that it could not write whole."""
_BLANK: Final = " \t\r\n\f\v\x1a" + _TRUNCATED
_BETWEEN: Final = frozenset("|{}~\\\n")
_SHOWN: Final = 60


@define(eq=False)
class Record:
    """One record; the first of its fields is its name."""

    line: int
    above: Record | None = field(repr=False)
    fields: list[str] = field(factory=lambda: [""])
    children: list[Record] = field(factory=list)
    name: str = ""
    """Upper case, without the `@`; known when its first child begins or it is closed."""
    has_child: bool = False
    """Boards are not among the children."""

    @property
    def where(self) -> str:
        return f"line {self.line}"

    @property
    def is_truncated(self) -> bool:
        return any(_TRUNCATED in field for field in self.fields)

    @property
    def text(self) -> str:
        """All behind its name, as it is written."""
        return "|".join(self.fields[1:]).replace(_TRUNCATED, "").strip("\r\n")

    def refusal(self, why: str, hint: str = "") -> Reject:
        """The error for something wrong in this record."""
        return Reject(f"line {self.line}: {why}", hint=hint)

    def get(self, number: int) -> str:
        """A field, from 1 on; empty where it is missing.

        Raises:
            Reject: it goes on over the end of a line.
        """
        if number >= len(self.fields):
            return ""
        value = self.fields[number].strip(_BLANK)
        self._refuse_stray(value.partition("\n")[2])
        return value

    def refuse_text_behind(self) -> None:
        """What holds other records has its fields in one piece, and then only records.

        Raises:
            Reject: its last field is followed by a line of text.
        """
        self._refuse_stray(self.fields[-1].partition("\n")[2])

    def _refuse_stray(self, text: str) -> None:
        if text := text.strip(_BLANK):
            raise self.refusal(
                f'"{shortened(text, _SHOWN)}" stands in @{self.name}, but in no record'
            )

    def number(self, number: int, what: str) -> Value | None:
        """A field that is a number, None where it is empty.

        Raises:
            Reject: it is none.
        """
        return decimals.number(self.get(number), what, self.where)

    def code(self, number: int) -> int | None:
        """A field that is a status, None where it is empty.

        Raises:
            Reject: it is no whole number.
        """
        text = self.get(number)
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,4}", text):
            shown = shortened(text, _SHOWN)
            raise self.refusal(f'the status "{shown}" of @{self.name} is no whole number')
        return int(text)


def closed(text: str) -> Iterator[Record]:
    """Each board (`@BTEST`) and each record that stands in no other, as they close.

    A board is not among the children of the record that it stands in.

    Raises:
        Reject: text outside of records, a brace too many, one that is not closed, or records too
            deep in each other.
    """
    parser = _Parser()
    start = position = 0
    while mark := _MARK.search(text, position):
        position = mark.end()
        if mark["length"]:
            end = _literal_end(text, position, int(mark["length"])) if parser.open else None
            if end is None:  # a text with a tilde in it
                continue
            parser.take(text[start : mark.start()])
            parser.take_literal(text[position:end])
            position = end
        else:
            parser.take(text[start : mark.start()])
            if mark[0] == "{":
                parser.begin()
            elif (record := parser.close()) is not None:
                yield record
        start = position
    parser.take(text[start:])
    parser.finish()


def _literal_end(text: str, start: int, length: int) -> int | None:
    end = start + length
    return end if end < len(text) and text[end] in _BETWEEN else None


@define
class _Parser:
    open: Record | None = None
    _depth: int = 0
    _line: int = 1

    def take(self, piece: str) -> None:
        """Plain text: fields of the open record, or blanks."""
        content = piece.strip(_BLANK)
        has_child = self.open is not None and self.open.has_child
        if content and (self.open is None or has_child):
            line = self._line + piece[: piece.index(content[0])].count("\n")
            shown = shortened(content.partition("\n")[0], _SHOWN)
            raise Reject(f'line {line}: "{shown}" stands in no record')
        if self.open is not None and not has_child:
            first, *others = piece.split("|")
            self.open.fields[-1] += first
            self.open.fields += others
        self._line += piece.count("\n")

    def take_literal(self, text: str) -> None:
        """Text that is one field, whatever it holds."""
        if self.open is not None:
            if self.open.fields[-1].strip(_BLANK) or len(self.open.fields) == 1:
                self.open.fields.append(text)
            else:
                self.open.fields[-1] = text
        self._line += text.count("\n")

    def begin(self) -> None:
        if self._depth >= MAX_DEPTH:
            raise Reject(f"line {self._line}: more than {MAX_DEPTH} records in each other")
        if self.open is not None:
            self.open.name, self.open.has_child = _name(self.open), True
        self.open = Record(self._line, self.open)
        self._depth += 1

    def close(self) -> Record | None:
        """Returns the record if it is one that `closed` yields."""
        record = self.open
        if record is None:
            raise Reject(f"line {self._line}: a brace that closes no record")
        record.name = _name(record)
        self.open = record.above
        self._depth -= 1
        if record.name == BOARD:
            _refuse_inner(record)
            return record
        if record.above is None:
            return record
        record.above.children.append(record)
        return None

    def finish(self) -> None:
        if (record := self.open) is not None:
            raise record.refusal(
                f"@{shortened(_name(record), _SHOWN)} is not closed before the end of the file: it "
                "is cut off",
                "Drop the log when the tester has written its last board.",
            )


def _name(record: Record) -> str:
    match = _NAME.match(record.fields[0])
    return match["name"].strip(_BLANK).upper() if match else ""


def _refuse_inner(board: Record) -> None:
    above = board.above
    while above is not None:
        if above.name == BOARD:
            raise board.refusal(f"a board begins in the board of line {above.line}: it has no end")
        above = above.above
