"""The steps of a report, looked through depth first.

This is the larger part of what a report costs that is only passed on: keep it lean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pywats_trio.reports import limits
from pywats_trio.reports.findings import Findings, check_lengths
from pywats_trio.reports.header import shown
from pywats_trio.reports.model import InvalidReport, Path, written
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.wsjf import kind

Judge = Callable[[Mapping[str, Any], Path, Findings], None]
"""Looks at one measurement of its kind."""

_LETTERS: Final = (*limits.STEP_LETTERS,)  # a tuple: a list in its place is unhashable
_CONTENT: Final = ("seqCall", "numericMeas", "stringMeas", "booleanMeas", "callExe", "messagePopup")
_NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML 1.0 cannot hold, and the server therefore neither."""


def _no_number(value: object, path: Path, found: Findings) -> None:
    if isinstance(value, float | Number):
        raise InvalidReport(f"{written(path)}: larger than any finite number", path)
    if not isinstance(value, str):
        raise InvalidReport(f'"{written(path)}" is {kind(value)}, a number is expected', path)
    if value in _NOT_FINITE:
        found.add(path, f"{value} is no number that WATS can store")
    else:
        found.add(path, f"{shown(value)} is no number", "error")


def _is_number(value: object) -> bool:
    return type(value) is int or (isinstance(value, float | Number) and math.isfinite(float(value)))


def _numeric(measurement: Mapping[str, Any], path: Path, found: Findings) -> None:
    value = measurement.get("value")
    if value is None:
        found.add((*path, "value"), "missing; a server is expected to require it", "error")
    elif not _is_number(value):
        _no_number(value, (*path, "value"), found)
    low, high = measurement.get("lowLimit"), measurement.get("highLimit")
    if low is not None and not _is_number(low):
        _no_number(low, (*path, "lowLimit"), found)
    if high is not None and not _is_number(high):
        _no_number(high, (*path, "highLimit"), found)
    _operator(measurement.get("compOp"), low, high, path, found)


def _operator(operator: object, low: object, high: object, path: Path, found: Findings) -> None:
    if operator is None:
        return
    name = operator.upper() if isinstance(operator, str) else ""
    if name in limits.TWO_LIMITS:
        if low is None or high is None:
            found.add(path, f"{operator} needs lowLimit and highLimit")
    elif name in limits.ONE_LIMIT:
        if low is None:
            found.add(path, f"{operator} needs its limit in lowLimit")
    elif name not in limits.NUMERIC_OPERATORS:
        found.add((*path, "compOp"), f"{shown(operator)} is no operator", "error")


def _string(measurement: Mapping[str, Any], path: Path, found: Findings) -> None:
    operator = measurement.get("compOp")
    if operator is not None and str(operator).upper() not in limits.STRING_OPERATORS:
        found.add((*path, "compOp"), f"{shown(operator)} is no operator for texts", "error")


def _boolean(_measurement: Mapping[str, Any], _path: Path, _found: Findings) -> None:
    """It has a status and a name, which are looked at for every kind."""


class StepCheck:
    """One walk over a report's steps, depth first."""

    def __init__(self, found: Findings, result: str, controls: bool) -> None:
        self._found = found
        self._passed = result == "P"
        self._controls = controls

    def root(self, root: Mapping[str, Any]) -> None:
        if root.get("seqCall") is None:
            self._found.add(("root", "seqCall"), "missing; the WATS documentation requires it")
        self._step(root, ("root",), 0)

    def _step(self, step: object, path: Path, depth: int) -> None:
        if type(step) is not dict:
            raise InvalidReport(f'"{written(path)}" is {kind(step)}, an object is expected', path)
        if depth > limits.MAX_NESTED_STEPS:
            raise InvalidReport(
                f"steps nested deeper than {limits.MAX_NESTED_STEPS} levels", path[:4]
            )
        self._words(step, path)
        if (values := step.get("numericMeas")) is not None:
            self._measurements(values, (*path, "numericMeas"), _numeric, limits.NUMERIC_LENGTHS)
        if (values := step.get("booleanMeas")) is not None:
            self._measurements(values, (*path, "booleanMeas"), _boolean, limits.BOOLEAN_LENGTHS)
        if (values := step.get("stringMeas")) is not None:
            self._measurements(values, (*path, "stringMeas"), _string, limits.STRING_LENGTHS)
        self._content(step, path)
        steps = step.get("steps")
        if steps is None:
            return
        if type(steps) is not list:
            here = (*path, "steps")
            raise InvalidReport(f'"{written(here)}" is {kind(steps)}, a list is expected', here)
        for index, child in enumerate(steps):
            self._step(child, (*path, "steps", index), depth + 1)

    def _words(self, step: Mapping[str, Any], path: Path) -> None:
        status = step.get("status")
        if status not in _LETTERS:
            self._odd_letter(status, (*path, "status"))
        elif self._passed and status in "FET" and len(path) > 1:
            self._passed = False  # one such finding says it all
            self._found.add((*path, "status"), f"{status}, though the result is P")
        name = step.get("name")
        if type(name) is not str or not name or (self._controls and _FORBIDDEN.search(name)):
            self._odd_name(name, (*path, "name"))
        if step.get("group", "M") not in ("M", "S", "C", None):
            self._found.add((*path, "group"), f"{shown(step['group'])} is none of S M C", "error")
        if not step.get("stepType"):
            self._found.add((*path, "stepType"), "missing", "error")
        check_lengths(step, limits.STEP_LENGTHS, path, self._found)

    def _odd_letter(self, status: object, path: Path) -> None:
        if status is not None:
            raise InvalidReport(
                f"{written(path)}: {shown(status)} is none of {' '.join(limits.STEP_STATUS)}", path
            )
        self._found.add(path, "missing; a server is expected to require it", "error")

    def _odd_name(self, name: object, path: Path) -> None:
        if name is not None and not isinstance(name, str):
            raise InvalidReport(f'"{written(path)}" is {kind(name)}, a text is expected', path)
        if not name:
            self._found.add(path, "missing; a server is expected to require it", "error")
        else:
            self._found.add(path, "holds control characters, which WATS may drop", "warning")

    def _content(self, step: Mapping[str, Any], path: Path) -> None:
        held = [key for key in _CONTENT if step.get(key) is not None]
        if len(held) > 1:
            self._found.add(path, f"holds {' and '.join(held)}: only one is allowed", "error")
        if step.get("chart") is not None and step.get("attachment") is not None:
            self._found.add(path, "holds chart and attachment: only one is allowed", "error")

    def _measurements(
        self, values: object, path: Path, judge: Judge, lengths: Mapping[str, int]
    ) -> None:
        if type(values) is not list:
            raise InvalidReport(f'"{written(path)}" is {kind(values)}, a list is expected', path)
        for index, value in enumerate(values):
            here = (*path, index)
            if type(value) is not dict:
                raise InvalidReport(
                    f'"{written(here)}" is {kind(value)}, an object is expected', here
                )
            status = value.get("status")
            if status not in _LETTERS and status is not None:
                self._odd_letter(status, (*here, "status"))
            judge(value, here, self._found)
            check_lengths(value, lengths, here, self._found)
        if len(values) > 1:
            self._names(values, path)

    def _names(self, values: list[dict[str, Any]], path: Path) -> None:
        names = [value.get("name") for value in values]
        if not all(isinstance(name, str) and name for name in names):
            self._found.add(path, "several measurements, but not each has a name", "error")
        elif len({*names}) < len(names):
            self._found.add(path, "two measurements have the same name", "error")
