"""The steps of one unit, built up row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.standard.csv.steps import TYPES, entry
from pywats_trio.reports.limits import MAX_NESTED_STEPS
from pywats_trio.reports.steps import judged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.standard.csv.steps import Entry
    from pywats_trio.converters.standard.csv.table import Row

Step = dict[str, Any]
_WORST_FIRST: Final = "ETF"
_DEEPEST: Final = MAX_NESTED_STEPS - 1
"""Sequences above a step."""


def worst(letters: Collection[str]) -> str:
    """E over T over F, else P."""
    return next((letter for letter in _WORST_FIRST if letter in letters), "P")


class Tree:
    """A root sequence that rows add steps to, in their order.

    A row goes on in the sequences of the row before as far as their names are the same; what comes
    back later is a sequence of its own, so that the order of the steps stays that of the file.
    """

    def __init__(self, name: str, mark: Mark) -> None:
        self._mark = mark
        self._root = self._sequence(name)
        self._open: list[tuple[str, Step]] = []
        """The sequences that the last row is in, outermost first."""
        self._several: tuple[object, Step, set[str]] | None = None
        """The step that a next measurement may go on with, and what would make it so."""

    def add(self, row: Row) -> Step:
        """The step of a row, a new one or one that goes on; its `reportText` is a list of lines."""
        name, path = row.get("step"), _path(row)
        if not name:
            raise row.refusal("no step")
        found = entry(row, self._mark)
        same = (path, name, found.kind)
        if self._several is not None and found.name and self._several[0] == same:
            _same, step, letters = self._several
            _measure(step, found)
            letters.add(found.status)
            step["status"] = _of_several(letters)
        else:
            step = self._step(name, found)
            self._sequence_of(path)["steps"].append(step)
            self._several = (same, step, {found.status}) if found.name else None
        _say(step, row.raw("report_text"), found.rest)
        return step

    def finish(self) -> Step:
        """The root with the status of every sequence; nothing can be added any more."""
        _settle(self._root)
        return self._root

    def _step(self, name: str, found: Entry) -> Step:
        _key, single, multiple = TYPES[found.kind]
        step = self._new(multiple if found.name else single, name, found.status)
        _measure(step, found)
        return step

    @staticmethod
    def _new(kind: str, name: str, status: str) -> Step:
        return {"group": "M", "stepType": kind, "name": name, "status": status}

    def _sequence(self, name: str) -> Step:
        step = self._new("SequenceCall", name, "P")
        return {**step, "seqCall": {"path": "", "name": name, "version": ""}, "steps": []}

    def _sequence_of(self, path: tuple[str, ...]) -> Step:
        common = 0
        while common < min(len(path), len(self._open)) and self._open[common][0] == path[common]:
            common += 1
        del self._open[common:]
        for name in path[common:]:
            above = self._open[-1][1] if self._open else self._root
            below = self._sequence(name)
            above["steps"].append(below)
            self._open.append((name, below))
        return self._open[-1][1] if self._open else self._root


def _path(row: Row) -> tuple[str, ...]:
    group = row.get("group")
    if not group:
        return ()
    path = tuple(name for part in group.split("/") if (name := part.strip()))
    if len(path) > _DEEPEST:
        raise row.refusal(f"a group of {len(path)} levels, {_DEEPEST} are possible")
    return path


def _measure(step: Step, found: Entry) -> None:
    if found.measured is not None:
        step.setdefault(TYPES[found.kind][0], []).extend(judged([found.measured]))


def _of_several(letters: Collection[str]) -> str:
    """E, T or F if one is; what all are if they are one letter (all skipped), else P."""
    return next(iter(letters)) if len(letters) == 1 else worst(letters)


def _say(step: Step, text: str, rest: Sequence[str]) -> None:
    """Add to the lines of the step's text; one that every row of a step repeats stands once."""
    lines = step.get("reportText", [])
    if text.strip() and text not in lines[:1]:
        lines.append(text)
    lines += rest
    if lines:
        step["reportText"] = lines


def _settle(sequence: Step) -> None:
    """Give the sequence its status and the steps in it their texts."""
    for step in sequence["steps"]:
        if "steps" in step:
            _settle(step)
        elif "reportText" in step:
            step["reportText"] = "\n".join(step["reportText"])
    sequence["status"] = worst({step["status"] for step in sequence["steps"]})
