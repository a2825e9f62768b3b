"""The steps of a report, looked through depth first.

This is the larger part of what a report costs that is only passed on: keep it lean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.reports import limits, measurement_check, parts
from pywats_trio.reports.findings import Findings, Trail, path_of
from pywats_trio.reports.header import shown
from pywats_trio.reports.measurement_check import odd_letter, unlike
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.rules import (
    MISSING,
    Elsewhere,
    Flag,
    Instant,
    Real,
    Rule,
    Text,
    Whole,
    each,
    suspects,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTENT: Final = ("seqCall", "numericMeas", "stringMeas", "booleanMeas", "callExe", "messagePopup")
_SIDES: Final = ("chart", "attachment")
_ALONE: Final = frozenset({*_CONTENT, *_SIDES})
_DOCUMENTED: Final = "missing; the WATS documentation requires it"
_LETTERS: Final = (*limits.STEP_STATUS, "U")  # tuples: a list in its place is unhashable
_BAD: Final = ("F", "E", "T")
_GROUPS: Final = ("M", "S", "C")


@frozen
class _Name(Text):
    """The name of a step; what is no text is refused."""

    def __call__(self, value: object, trail: Trail, found: Findings) -> None:
        if not isinstance(value, str):
            raise unlike(value, trail, "a text")
        Text.__call__(self, value, trail, found)


_STEP: Final[Mapping[str, Rule]] = {
    **texts(limits.STEP_LENGTHS),
    **each(Text(), "stepType", "errorCodeFormat", "totTimeFormat", "interactiveExeNumFormat"),
    **each(Whole(), "id", "errorCode", "interactiveExeNum"),
    **each(Flag(), "causedUUTFailure", "causedSeqFailure"),
    "name": _Name(limits.STEP_LENGTHS["name"]),
    **each(Elsewhere(), "status", "group"),
    "totTime": Real(),
    "start": Instant(),
    "numericMeas": measurement_check.NUMERIC,
    "stringMeas": measurement_check.STRING,
    "booleanMeas": measurement_check.BOOLEAN,
    "seqCall": parts.SEQUENCE_CALL,
    "callExe": parts.EXECUTABLE,
    "messagePopup": parts.POPUP,
    "loop": parts.LOOP,
    "chart": parts.CHART,
    "attachment": parts.FILE,
    "additionalResults": parts.ADDITIONAL,
}
_look: Final = suspects(_STEP)


class StepCheck:
    """One walk over a report's steps, depth first."""

    def __init__(self, found: Findings, result: str) -> None:
        self._found = found
        self._passed = result == "P"

    def root(self, root: Mapping[str, Any]) -> None:
        """The root and all that is below.

        Raises:
            InvalidReport: something in it has no meaning as WSJF.
        """
        if root.get("seqCall") is None and not root.get("steps"):
            self._found.add(("root", "seqCall"), _DOCUMENTED)
        self._step(root, ((), "root"), 0)

    def _step(self, step: object, trail: Trail, depth: int) -> None:
        if type(step) is not dict:
            raise unlike(step, trail, "an object")
        status = step.get("status")
        if status not in _LETTERS:
            self._no_letter(status, (trail, "status"))
        elif self._passed and status in _BAD and depth:
            self._passed = False  # one such finding says it all
            self._found.at((trail, "status"), f"{status}, though the result is P")
        odd = _look(step)
        for key in odd:
            if key in _STEP:
                _STEP[key](step[key], (trail, key), self._found)
        if len(odd) > 1 and len(_ALONE.intersection(odd)) > 1:
            self._too_much(odd, trail)
        group = step.get("group")
        if group not in _GROUPS or not (step.get("name") and step.get("stepType")):
            self._lacking(step, group, trail)
        if (steps := step.get("steps")) is not None:
            if steps and step.get("seqCall") is None:
                self._no_sequence(step, trail)
            self._steps(steps, (trail, "steps"), depth + 1)

    def _too_much(self, odd: list[str], trail: Trail) -> None:
        for among in (_CONTENT, _SIDES):
            held = [key for key in odd if key in among]
            if len(held) > 1:
                message = f"holds {' and '.join(held)}: only one is allowed"
                self._found.at(trail, message, "error")

    def _no_sequence(self, step: Mapping[str, Any], trail: Trail) -> None:
        """Steps below one that is no sequence call, or at least says so with its type."""
        if step.get("stepType") in limits.SEQUENCE_TYPES:
            self._found.at((trail, "seqCall"), _DOCUMENTED)
        else:
            self._found.at((trail, "steps"), "only a step with seqCall has steps below it", "error")

    def _steps(self, steps: object, trail: Trail, depth: int) -> None:
        if type(steps) is not list:
            raise unlike(steps, trail, "a list")
        if steps and depth > limits.MAX_NESTED_STEPS:
            raise InvalidReport(
                f"steps nested deeper than {limits.MAX_NESTED_STEPS} levels", path_of(trail)[:4]
            )
        for index, child in enumerate(steps):
            self._step(child, (trail, index), depth)

    def _no_letter(self, status: object, trail: Trail) -> None:
        if status is None:
            self._found.at(trail, MISSING, "error")
        else:
            odd_letter(status, _LETTERS, trail, self._found)

    def _lacking(self, step: Mapping[str, Any], group: object, trail: Trail) -> None:
        if group is None:
            self._found.at((trail, "group"), _DOCUMENTED)
        elif group not in _GROUPS:
            message = f"{shown(group)} is none of {' '.join(_GROUPS)}"
            self._found.at((trail, "group"), message, "error")
        for key in ("name", "stepType"):
            if not step.get(key):
                self._found.at((trail, key), MISSING, "error")
