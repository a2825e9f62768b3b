"""Steps that stand one after the other in a file, put under the sequences that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from pywats_trio.reports.limits import MAX_NESTED_STEPS

if TYPE_CHECKING:
    from pywats_trio.reports.builder import SequenceBuilder

DEEPEST = MAX_NESTED_STEPS - 1
"""Sequences above a step."""


@define
class Sequences:
    """The sequences below a root, opened as their names come.

    A step goes on in those of the step before as far as their names are the same. What comes back
    later is a sequence of its own, so that the order of the steps stays that of the file.
    """

    root: SequenceBuilder
    _open: list[tuple[str, SequenceBuilder]] = field(factory=list, init=False)
    """Those that the last step is in, outermost first."""

    def at(self, *path: str) -> SequenceBuilder:
        """The sequence that lies at `path`, names from the root's child down; none: the root.

        Raises:
            ValueError: it lies deeper than a report can nest (`DEEPEST` names).
        """
        if len(path) > DEEPEST:
            raise ValueError(f"{len(path)} sequences in each other, {DEEPEST} are possible")
        same = 0
        while same < min(len(path), len(self._open)) and self._open[same][0] == path[same]:
            same += 1
        del self._open[same:]
        for name in path[same:]:
            above = self._open[-1][1] if self._open else self.root
            self._open.append((name, above.sequence(name)))
        return self._open[-1][1] if self._open else self.root

    def new(self, *path: str) -> SequenceBuilder:
        """The same, but the last of them begins anew even if it is open."""
        self.at(*path[:-1])
        return self.at(*path)
