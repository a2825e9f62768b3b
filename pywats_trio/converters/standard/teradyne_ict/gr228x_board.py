"""A board in a GR228X log, as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.builder import Result


@define
class Board:
    """The lines from one `@` to the next."""

    line: Line
    program: str
    """The path of the test program; empty where none began before."""
    serial: str
    start: str
    loose: list[Line]
    """What stands outside of boards: after this one, and of the first also before it."""
    lines: list[Line] = field(factory=list)
    result: Result | None = None
    """None until its event line comes."""
    end: str = ""

    @property
    def where(self) -> str:
        return f"the board of line {self.line.number}"
