"""What stands above the rows of an .ATD file: of the panel, and of each board (group) on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.common import words
from pywats_trio.converters.common.notes import Notes

if TYPE_CHECKING:
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.builder import Result

GROUP: Final = re.compile(r"\* GROUP No\. ?(\d{1,6}) *\*", re.ASCII)
_VERDICT: Final = re.compile(r"\* ([A-Z][A-Z -]{0,20}?) *\*", re.ASCII)
_COUNTS: Final = re.compile(r"D\.T ?: ?\d+ ")
_NAMED: Final = re.compile(r"(Model|Serial No\.|Test time|Version No\.|Test ID|User name) ?:(.*)")
_OTHER: Final = re.compile(r"([A-Za-z][A-Za-z0-9 ._-]{0,40}?) ?:(.*)")
_DATE: Final = re.compile(r"DATE\s+(\S+\s+\S+)")
_RESULTS: Final[dict[str, Result]] = {"PASS": "P", "FAIL": "F", "NO-TEST": "E"}
UNTESTED: Final = "NO-TEST"


@define
class Header:
    """The lines of one header: of a panel, or of a group."""

    line: Line
    """The first."""
    verdict: str = ""
    counts: str = ""
    date: str = ""
    named: dict[str, str] = field(factory=dict)
    """By the names that `_NAMED` knows."""
    other: list[tuple[str, str]] = field(factory=list)
    """Name and value of what else it says."""
    notes: Notes = field(factory=Notes)

    def get(self, name: str) -> str:
        """What was said of it, empty if nothing was."""
        return self.named.get(name, "")

    @property
    def result(self) -> Result | None:
        """None where there is no verdict."""
        return _RESULTS.get(self.verdict)

    def take(self, line: Line) -> None:
        """One more line.

        Raises:
            Reject: the verdict is an unknown word, or a line comes twice and differs.
        """
        text = line.text.strip()
        if match := _VERDICT.fullmatch(text):
            word = match[1].strip()
            if words.verdict(word) is None and word not in _RESULTS:
                raise line.refusal(f'"{word}" is no verdict; PASS, FAIL and NO-TEST are known')
            self._once("verdict", self.verdict, word, line)
            self.verdict = word
        elif _COUNTS.match(text):
            self.counts = " ".join(text.split())
        elif match := _DATE.fullmatch(text):
            self._once("DATE", self.date, match[1], line)
            self.date = match[1]
        elif match := _NAMED.fullmatch(text):
            self._once(match[1], self.get(match[1]), match[2].strip(), line)
            self.named[match[1]] = match[2].strip()
        elif match := _OTHER.fullmatch(text):
            if value := match[2].strip():
                self.other.append((match[1], value))
        elif text:
            self.notes.add("a line above the rows is not known and not sent", line.number)

    def _once(self, name: str, before: str, value: str, line: Line) -> None:
        if before and before != value:
            raise line.refusal(f"a second {name} that says something else")
