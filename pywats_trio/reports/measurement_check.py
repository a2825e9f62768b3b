"""The measurements of a step: numbers against limits, texts and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from pywats_trio.reports import limits
from pywats_trio.reports.findings import Findings, Trail, path_of
from pywats_trio.reports.header import shown
from pywats_trio.reports.model import InvalidReport, written
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.rules import (
    MISSING,
    Elsewhere,
    Real,
    Rule,
    Text,
    each,
    suspects,
    texts,
)
from pywats_trio.reports.wsjf import kind

Measurement: TypeAlias = Mapping[str, Any]
Judge: TypeAlias = Callable[[Measurement, Trail, Findings], None]
"""Looks at one measurement beyond its single members."""

_LETTERS: Final = (*limits.MEASUREMENT_LETTERS,)  # a tuple: a list in its place is unhashable
_NEEDS: Final = {
    **dict.fromkeys(limits.NUMERIC_OPERATORS, 0),
    **dict.fromkeys(limits.ONE_LIMIT, 1),
    **dict.fromkeys(limits.TWO_LIMITS, 2),
}
"""How many limits an operator needs."""
_UNKNOWN: Final = 3


@frozen
class _Measured(Real):
    """A value or a limit; what has no meaning as a number is refused."""

    def __call__(self, value: object, trail: Trail, found: Findings) -> None:
        wrong = self.wrong(value)
        if wrong is None:
            return
        if isinstance(value, str):
            found.at(trail, *wrong)
        elif isinstance(value, float | Number) or type(value) is int:
            path = path_of(trail)
            raise InvalidReport(f"{written(path)}: {wrong[0]}", path)
        else:
            raise unlike(value, trail, "a number")


def _numeric(measurement: Measurement, trail: Trail, found: Findings) -> None:
    if measurement.get("value") is None:
        found.at((trail, "value"), MISSING, "error")
    operator = measurement.get("compOp")
    needed = _NEEDS.get(operator, _UNKNOWN) if type(operator) is str else _UNKNOWN
    if needed and (
        needed == _UNKNOWN
        or measurement.get("lowLimit") is None
        or (needed > 1 and measurement.get("highLimit") is None)
    ):
        _odd_limits(operator, measurement, trail, found)


def _odd_limits(operator: object, measurement: Measurement, trail: Trail, found: Findings) -> None:
    if operator is None:
        return
    needed = _NEEDS.get(operator.upper()) if isinstance(operator, str) else None
    low, high = measurement.get("lowLimit"), measurement.get("highLimit")
    if needed is None:
        found.at((trail, "compOp"), f"{shown(operator)} is no operator", "error")
    elif needed == 1 and low is None:
        found.at(trail, f"{operator} needs its limit in lowLimit")
    elif needed > 1 and (low is None or high is None):
        found.at(trail, f"{operator} needs lowLimit and highLimit")


def _string(measurement: Measurement, trail: Trail, found: Findings) -> None:
    operator = measurement.get("compOp")
    if operator is None:
        return
    name = operator.upper() if isinstance(operator, str) else ""
    if name not in limits.STRING_OPERATORS:
        found.at((trail, "compOp"), f"{shown(operator)} is no operator for texts", "error")
    elif name != "LOG" and measurement.get("limit") is None:
        found.at(trail, f"{operator} needs a limit")


def _boolean(measurement: Measurement, trail: Trail, found: Findings) -> None:
    if measurement.get("status") is None:
        found.at((trail, "status"), "missing: nothing else says what was found")


def _measurements(judge: Judge, rules: Mapping[str, Rule]) -> Rule:
    """A rule for the measurements of a step, all of one kind.

    It raises InvalidReport where they are no list of objects, and of values that mean nothing.
    """
    rules = {**rules, "status": Elsewhere(), "compOp": Elsewhere()}
    look = suspects(rules)

    def check(values: object, trail: Trail, found: Findings) -> None:
        if type(values) is not list:
            raise unlike(values, trail, "a list")
        for index, value in enumerate(values):
            here = (trail, index)
            if type(value) is not dict:
                raise unlike(value, here, "an object")
            for key in look(value):
                if (rule := rules.get(key)) is not None:
                    rule(value[key], (here, key), found)
            status = value.get("status")
            if status not in _LETTERS and status is not None:
                odd_letter(status, _LETTERS, (here, "status"), found)
            judge(value, here, found)
        if len(values) > 1:
            _names(values, trail, found)

    return check


def _names(values: list[dict[str, Any]], trail: Trail, found: Findings) -> None:
    names = [value.get("name") for value in values]
    if not all(isinstance(name, str) and name for name in names):
        found.at(trail, "several measurements, but not each has a name", "error")
    elif len({*names}) < len(names):
        found.at(trail, "two measurements have the same name", "error")


def odd_letter(value: object, among: tuple[str, ...], trail: Trail, found: Findings) -> None:
    """Tell of a status that is none here.

    Raises:
        InvalidReport: no step and no measurement can have it.
    """
    if isinstance(value, str) and value in limits.STEP_LETTERS:
        found.at(trail, f"{shown(value)} is none of {' '.join(among)}", "error")
        return
    path = path_of(trail)
    raise InvalidReport(
        f"{written(path)}: {shown(value)} is none of {' '.join(limits.STEP_STATUS)}", path
    )


def unlike(value: object, trail: Trail, expected: str) -> InvalidReport:
    """What to raise of a value that should be an object or a list."""
    path = path_of(trail)
    return InvalidReport(f'"{written(path)}" is {kind(value)}, {expected} is expected', path)


_NUMBERS: Final[Mapping[str, Rule]] = {
    **texts(limits.NUMERIC_LENGTHS),
    **each(_Measured(), "value", "lowLimit", "highLimit"),
    **each(Text(), "valueFormat", "lowLimitFormat", "highLimitFormat"),
}
NUMERIC: Final = _measurements(_numeric, _NUMBERS)
STRING: Final = _measurements(_string, texts(limits.STRING_LENGTHS))
BOOLEAN: Final = _measurements(_boolean, texts(limits.BOOLEAN_LENGTHS))
