"""A block of lines that is drawn again and again on a terminal; elsewhere it is printed each time.

Lines at the margin are heads and bold. No line is wider than the terminal and no block higher, so
that what is drawn can be drawn over.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final, Self

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

HIDE_CURSOR: Final = "\x1b[?25l"
SHOW_CURSOR: Final = "\x1b[?25h"
OTHER_SCREEN: Final = "\x1b[?1049h"
FORMER_SCREEN: Final = "\x1b[?1049l"
TOP: Final = "\x1b[H"
CLEAR_LINE: Final = "\x1b[K"
CLEAR_BELOW: Final = "\x1b[J"


def styled(line: str) -> str:
    """A line as it is printed; `click.echo` takes the style away where there is no terminal."""
    return click.style(line, bold=True) if line and not line.startswith(" ") else line


class Screen:
    """A context manager; leaving it, with or without an error, gives the terminal back as it was.

    `whole` takes the whole terminal, as `top` does; otherwise the block stands where it began, and
    stays there.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._height = 0
        self.live = sys.stdout.isatty()
        """Whether there is a terminal to draw over."""

    def draw(self, lines: Sequence[str]) -> None:
        """Show `lines` in place of those before."""
        if not self.live:
            for line in lines:
                click.echo(styled(line))
            return
        width, height = shutil.get_terminal_size()
        shown = [styled(line[: width - 1]) + CLEAR_LINE for line in lines[: height - 1]]
        _write(self._back() + "".join(f"{line}\n" for line in shown) + CLEAR_BELOW)
        self._height = len(shown)

    def _back(self) -> str:
        """To where the block begins."""
        if self._whole:
            return TOP
        return f"\x1b[{self._height}A" if self._height else ""

    def __enter__(self) -> Self:
        if self.live:
            _write(HIDE_CURSOR + OTHER_SCREEN * self._whole)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self.live:
            _write(FORMER_SCREEN * self._whole + SHOW_CURSOR)


def _write(text: str) -> None:
    click.echo(text, nl=False)
