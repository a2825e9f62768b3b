"""On which line each key of a TOML or JSON text stands.

`tomllib` and `json` read the values but do not say where they found them. This scan only looks
for places: it relies on the text being valid, which the real parser has said before, and leaves the
decoding of keys to that parser. TOML: https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.config.mistakes import KeyPath

_PART: Final = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY: Final = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_GAP: Final = re.compile(r"(?:\s|#[^\n]*)*")
_STRING: Final = re.compile(
    # A multi-line string may end in up to two quotes of its own before the closing three.
    r'"""(?:\\.|[^\\])*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}\n#]+")


def toml_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every key, table and list element of a valid TOML document."""
    scan = _Scan(text, _toml_key)
    scan.document()
    return scan.lines


def json_lines(text: str) -> dict[KeyPath, int]:
    """The same for a valid JSON text."""
    scan = _Scan(text, _json_key)
    scan.gap()
    scan.value(())
    return scan.lines


def _toml_key(raw: str) -> tuple[str, ...]:
    parts = []
    node: Any = tomllib.loads(f"{raw}=0")
    while isinstance(node, dict):
        ((part, node),) = node.items()
        parts.append(part)
    return tuple(parts)


def _json_key(raw: str) -> tuple[str, ...]:
    return (json.loads(raw),)


class _Scan:
    """One pass over `text`; `at` is the next character."""

    def __init__(self, text: str, decode: Callable[[str], tuple[str, ...]]) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._decode = decode
        self._starts = [match.end() for match in re.finditer("\n", text)]
        self._sizes: dict[KeyPath, int] = {}
        """Arrays of tables: how many elements so far."""

    def document(self) -> None:
        table: KeyPath = ()
        while self.gap():
            if self._text.startswith("[[", self._at):
                table = self._header("[[", self._next_element)
            elif self._text.startswith("[", self._at):
                table = self._header("[", self._inside)
            else:
                self._pair(table)

    def gap(self) -> bool:
        """Skip blanks, line ends and comments; False at the end of the text."""
        self._take(_GAP)
        return self._at < len(self._text)

    def value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_STRING if opening in "\"'" else _SCALAR)

    def _header(self, bracket: str, enter: Callable[[Sequence[str]], KeyPath]) -> KeyPath:
        line = self._line()
        self._at += len(bracket)
        self.gap()
        table = enter(self._decode(self._take(_KEY)))
        self._note(table, line)
        self.lines[table] = line
        self.gap()
        self._at += len(bracket)
        return table

    def _inside(self, parts: Sequence[str]) -> KeyPath:
        """`[a.b]`: below an array of tables it means the newest element."""
        path: KeyPath = ()
        for part in parts:
            path += (part,)
            if path in self._sizes:
                path += (self._sizes[path] - 1,)
        return path

    def _next_element(self, parts: Sequence[str]) -> KeyPath:
        array = (*self._inside(parts[:-1]), parts[-1])
        index = self._sizes.get(array, 0)
        self._sizes[array] = index + 1
        return (*array, index)

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table + self._decode(self._take(_KEY))
        self._note(path, line)
        self.gap()
        self._at += 1  # the = or :
        self.gap()
        self.value(path)

    def _array(self, path: KeyPath) -> None:
        index = 0
        self._at += 1
        while self._more("]"):
            self._note((*path, index), self._line())
            self.value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._more("}"):
            self._pair(path)

    def _more(self, closing: str) -> bool:
        self.gap()
        if self._text[self._at] == ",":
            self._at += 1
            self.gap()
        if self._text[self._at] != closing:
            return True
        self._at += 1
        return False

    def _note(self, path: KeyPath, line: int) -> None:
        """`a.b.c` makes `a` and `a.b`, too, unless they stood somewhere before."""
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], line)

    def _line(self) -> int:
        return bisect_right(self._starts, self._at) + 1

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"line {self._line()}: the text is not valid")
        self._at = match.end()
        return match.group()
