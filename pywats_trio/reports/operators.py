"""Comparison operators: whether a value passes, and how limits that are not finite weaken them.

The table is the one of the WATS documentation of `compOp`; an operator with one limit has it in
`lowLimit`, LE and LT too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
from pywats_trio.reports.numbers import Number

_ONE: Final[dict[str, Callable[[float, float], bool]]] = {
    "EQ": lambda value, limit: value == limit,
    "NE": lambda value, limit: value != limit,
    "GT": lambda value, limit: value > limit,
    "GE": lambda value, limit: value >= limit,
    "LT": lambda value, limit: value < limit,
    "LE": lambda value, limit: value <= limit,
}
_INSIDE: Final = frozenset({"GELE", "GELT", "GTLE", "GTLT"})
_OUTSIDE: Final = frozenset({"LEGE", "LEGT", "LTGE", "LTGT"})
ONE_LIMIT: Final = frozenset(_ONE)
Value = float | Number
OPERATORS: Final = frozenset({"LOG", *_ONE, *_INSIDE, *_OUTSIDE})


def passes(value: Value, operator: str, low: Value | None, high: Value | None) -> bool:
    """Whether `value` is good. NaN is good only where nothing is compared (LOG).

    Raises:
        ValueError: no such operator, or a limit that it needs is missing.
    """
    if operator not in OPERATORS:
        raise ValueError(f"{operator} is no operator; known are {', '.join(sorted(OPERATORS))}")
    if operator == "LOG":
        return True
    if low is None or (high is None and operator not in _ONE):
        raise ValueError(f"{operator} needs {'its limit' if operator in _ONE else 'two limits'}")
    number, limit = _number(value), _number(low)
    if math.isnan(number):
        return False
    if operator in _ONE or high is None:
        return _ONE[operator](number, limit)
    first, second = _ONE[operator[:2]](number, limit), _ONE[operator[2:]](number, _number(high))
    return (first and second) if operator in _INSIDE else (first or second)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, Number) else value


def default(low: Value | None, high: Value | None) -> str:
    """The operator that limits alone mean: inside of both, GE or LE for one, LOG for none."""
    if low is not None and high is not None:
        return "GELE"
    if low is None and high is None:
        return "LOG"
    return "LE" if low is None else "GE"


def weakened(
    operator: str, low: Value | None, high: Value | None
) -> tuple[str, Value | None, Value | None]:
    """The same comparison without limits that are not finite, which WATS cannot store.

    A comparison with an infinite limit is that with the other one alone (GELE without a high
    limit is GE), or none at all (LOG). An outside operator keeps its parts the same way.
    """
    low = low if low is not None and math.isfinite(low) else None
    high = high if high is not None and math.isfinite(high) else None
    if operator == "LOG":
        return operator, None, None
    if operator in _ONE:
        return (operator, low, None) if low is not None else ("LOG", None, None)
    if low is not None and high is not None:
        return operator, low, high
    if low is not None:
        return operator[:2], low, None
    if high is not None:
        return operator[2:], high, None
    return "LOG", None, None
