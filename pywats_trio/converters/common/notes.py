"""What of a file is not in its report, or not as it was there: each kind is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.reports.builder import ReportBuilder

MOST: Final = 50
"""Kinds; what more there are is only counted."""


@define
class Notes:
    """Findings of one report that may come with every line of its file."""

    _found: dict[str, list[int]] = field(factory=dict, init=False)
    """The first line of each kind, and how many lines there are."""
    _more: int = field(default=0, init=False)

    def add(self, what: str, line: int) -> None:
        """One more of this kind; `what` is a sentence without its place."""
        if what in self._found:
            self._found[what][1] += 1
        elif len(self._found) < MOST:
            self._found[what] = [line, 1]
        else:
            self._more += 1

    def sentences(self) -> Iterator[str]:
        """The kinds in the order in which they came up."""
        for what, (line, count) in self._found.items():
            more = f" and {count - 1:,} more" if count > 1 else ""
            yield f"{what} (line {line}{more})"
        if self._more:
            yield f"{self._more:,} more of other kinds"

    def tell(self, builder: ReportBuilder) -> None:
        """Make them findings of the report."""
        for sentence in self.sentences():
            builder.note(sentence)
