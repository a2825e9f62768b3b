"""The nested parentheses of a Spectrum log as nodes that know their lines, one at a time.

`(KEY: "text")`, `(KEY: text)`, `(KEY: (OTHER: …) …)`. The tester escapes nothing: a quoted text
ends where a quote is followed by the parenthesis that closes its node, and a parenthesis without a
key after it, as in `C:\\Program Files (x86)`, is a part of the text around it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import reading

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from pywats_trio.converters.api import Source
    from pywats_trio.converters.common.reading import Line

DEEPEST: Final = 64
"""Nodes in each other; real ones are six deep."""

_OUTERMOST: Final = frozenset({"PROGRAM_NAME", "SUBPROGRAM_NAME", "SECTION_NAME", "STEP"})
"""What stands in no other node: where it does, the one around it was not closed."""
_FREE_TEXT: Final = "USER"
"""Holds what the author of the test program prints, never nodes."""
_PARENTHESIS: Final = re.compile(r"[()]")
_KEY: Final = re.compile(r"\(\s*([A-Z][A-Z0-9_]*)\s*:")
_QUOTE: Final = re.compile(r'\s*"')
_QUOTE_ENDS: Final = re.compile(r'"(?=[ \t]*(?:\)[ \t]*(?:[(),]|$)|$))')


@define
class Node:
    """A pair of parentheses; or, without a key, text that stands outside of all of them."""

    key: str
    line: int
    children: list[Node] = field(factory=list)
    texts: list[str] = field(factory=list)
    """Its own text, by lines."""

    @property
    def text(self) -> str:
        """Its own text, without quotes, and without that of its children."""
        return " ".join(self.texts).strip()

    def named(self, *keys: str) -> list[Node]:
        """The children of these keys, in order."""
        return [child for child in self.children if child.key in keys]

    def get(self, key: str) -> str:
        """The text of the first child of this key; empty where there is none."""
        return next((child.text for child in self.children if child.key == key), "")

    def everything(self) -> Iterator[Node]:
        """This node and all in it, in the order of the file."""
        yield self
        for child in self.children:
            yield from child.everything()

    def written(self, hidden: Container[int] = ()) -> str:
        """What is in it as it stands in the file, in one line, but for `hidden` (ids of nodes)."""
        inner = (child.bracketed(hidden) for child in self.children if id(child) not in hidden)
        return " ".join(part for part in (self.text, *inner) if part)

    def bracketed(self, hidden: Container[int] = ()) -> str:
        """The same with its key and parentheses; empty where nothing is in it."""
        inner = self.written(hidden)
        return f"({self.key}: {inner})" if inner else ""

    def refusal(self, why: str, hint: str = "") -> Reject:
        """The error for something wrong in this node."""
        return Reject(f"{self.key} (line {self.line}): {why}", hint=hint)


def stream(source: Source, encoding: str) -> Iterator[Node]:
    """The outermost nodes and what stands between them, in order; one in memory at a time.

    Raises:
        Reject: as `reading.lines`; or parentheses and quotes do not come in pairs, or there are
            more than `DEEPEST` in each other.
    """
    parser = _Parser()
    for line in reading.lines(source, encoding):
        yield from parser.feed(line)
    parser.end()


@define
class _Open:
    node: Node
    parentheses: int = 0
    """That are open in its text."""


class _Parser:
    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._quote: list[str] = []
        """The lines of a quoted text that has not ended."""
        self._quote_line = 0
        """Where it begins; 0: there is none."""
        self._done: list[Node] = []

    def feed(self, line: Line) -> list[Node]:
        """The nodes that end in this line."""
        self._done = []
        at = 0
        while at <= len(line.text):
            at = self._quoted(line, at) if self._quote_line else self._plain(line, at)
        return self._done

    def end(self) -> None:
        if self._quote_line:
            raise Reject(f'the quoted text that begins in line {self._quote_line} has no end (")')
        if self._open:
            node = self._open[-1].node
            raise Reject(
                f"the parenthesis ({node.key}: of line {node.line} is not closed",
                hint="The file is cut off; write it anew.",
            )

    def _quoted(self, line: Line, at: int) -> int:
        """Reads on in a quoted text."""
        found = _QUOTE_ENDS.search(line.text, at)
        self._quote.append(line.text[at : found.start()] if found else line.text[at:])
        if found is None:
            return len(line.text) + 1
        self._open[-1].node.texts.append("\n".join(self._quote))
        self._quote_line = 0
        return found.end()

    def _plain(self, line: Line, at: int) -> int:
        """Reads on to the next node that begins or ends, or to the end of the line."""
        text = line.text
        top = self._open[-1] if self._open else None
        if top and not (top.node.texts or top.node.children) and (quote := _QUOTE.match(text, at)):
            self._quote, self._quote_line = [], line.number
            return quote.end()
        for mark in _PARENTHESIS.finditer(text, at):
            if mark[0] == "(":
                if key := self._key(line, mark.start()):
                    self._text(line, text[at : mark.start()])
                    self._begin(line, key[1])
                    return key.end()
                if top is None:
                    raise line.refusal("a parenthesis without a KEY: after it")
                top.parentheses += 1
            elif top and top.parentheses:
                top.parentheses -= 1
            else:
                self._text(line, text[at : mark.start()])
                self._close(line)
                return mark.end()
        self._text(line, text[at:])
        return len(text) + 1

    def _key(self, line: Line, at: int) -> re.Match[str] | None:
        if self._open and self._open[-1].node.key == _FREE_TEXT:
            return None
        return _KEY.match(line.text, at)

    def _text(self, line: Line, text: str) -> None:
        if not (text := text.strip()):
            return
        if self._open:
            self._open[-1].node.texts.append(text)
        else:
            self._done.append(Node("", line.number, texts=[text]))

    def _begin(self, line: Line, key: str) -> None:
        if self._open:
            around = self._open[-1].node
            if key in _OUTERMOST:
                raise Reject(
                    f"the parenthesis ({around.key}: of line {around.line} is not closed before "
                    f"the ({key}: of line {line.number}"
                )
            if len(self._open) >= DEEPEST:
                raise line.refusal(f"more than {DEEPEST} parentheses in each other")
        node = Node(key, line.number)
        if self._open:
            self._open[-1].node.children.append(node)
        self._open.append(_Open(node))

    def _close(self, line: Line) -> None:
        if not self._open:
            raise line.refusal("a parenthesis is closed that was not opened")
        node = self._open.pop().node
        if not self._open:
            self._done.append(node)
