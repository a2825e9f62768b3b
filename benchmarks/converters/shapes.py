"""A small sample file blown up: its rows again and again in a unit, its unit again and again."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT: Final = 64_000
"""Characters of a unit, about: a board with some hundred measurements."""
ID_LENGTH: Final = 36
"""Of a UUID, whose last part is replaced; to other serial numbers something is appended."""


@frozen
class Shape:
    """Where rows and units of a sample lie; each mark is a text that its part begins with.

    A part ends before the first mark of what follows it, or, if that is empty, with what it is in.
    """

    unit: tuple[str, str]
    """Begins the first unit; begins what is left out after it (a second unit, mostly)."""
    rows: tuple[str, str]
    """In the unit: begins what is repeated; begins what follows that."""
    serials: tuple[str, ...] = ()
    """Texts that become others in each unit."""
    names: tuple[str, ...] = ()
    """Texts that become others in each repetition of the rows."""
    tail: str | None = None
    """Begins what ends the file, nothing if empty; None: what is left out after the unit."""
    joint: str = ""
    """Between units."""
    before: str = ""
    after: str = ""
    """Around all."""
    counted: str = ""
    """A pattern that is a number of six digits, one higher at each place in the file."""
    alone: bool = False
    """Whether the format has one unit a file, which is as large as the file is to be."""

    def pieces(self, text: str, size: int) -> Iterator[str]:
        """A file of about `size` characters: what is before the units, each of them, the rest."""
        head, unit, rest = _cut(text, *self.unit)
        tail = "" if self.tail == "" else _cut(text, self.tail, "")[1] if self.tail else rest
        counter = itertools.count(1)
        long = self._long(unit, size if self.alone else min(UNIT, size))
        count = 1 if self.alone else max(1, round(size / len(long)))
        yield self.before + head
        for number in range(count):
            joint = self.joint if number else ""
            yield joint + self._numbered(_changed(long, self.serials, number), counter)
        yield tail + self.after

    def _long(self, unit: str, size: int) -> str:
        start, rows, end = _cut(unit, *self.rows)
        times = max(1, math.ceil((size - len(start) - len(end)) / len(rows)))
        return start + "".join(_changed(rows, self.names, n) for n in range(times)) + end

    def _numbered(self, unit: str, counter: Iterator[int]) -> str:
        if not self.counted:
            return unit
        return re.sub(self.counted, lambda _found: f"{next(counter):06d}", unit)


def _cut(text: str, first: str, last: str) -> tuple[str, str, str]:
    start = text.index(first)
    end = text.index(last, start + len(first)) if last else len(text)
    return text[:start], text[start:end], text[end:]


def _changed(text: str, words: tuple[str, ...], number: int) -> str:
    for word in words:
        is_uuid = len(word) == ID_LENGTH
        new = f"{word[:-12]}{number:012d}" if is_uuid else f"{word}{number:06d}"
        text = text.replace(word, new)
    return text
