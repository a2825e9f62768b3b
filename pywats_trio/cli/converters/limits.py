"""Measurements in the words of mathematics: `3.2 <= x <= 3.4`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE: Final = {"EQ": "==", "NE": "!=", "GT": ">", "GE": ">=", "LT": "<", "LE": "<="}
_MIRRORED: Final = {"GT": "<", "GE": "<=", "LT": ">", "LE": ">="}
_INSIDE: Final = frozenset({"GELE", "GELT", "GTLE", "GTLT"})
_OUTSIDE: Final = frozenset({"LEGE", "LEGT", "LTGE", "LTGT"})


def of_number(measurement: Mapping[str, Any]) -> str:
    """What a number must be; empty where it is only logged."""
    operator = str(measurement.get("compOp", "")).upper()
    low, high = measurement.get("lowLimit"), measurement.get("highLimit")
    if operator in {"", "LOG"} and low is None and high is None:
        return ""
    if operator in _ONE:
        return f"x {_ONE[operator]} {low}"
    first, second = operator[:2], operator[2:]
    if operator in _INSIDE:
        return f"{low} {_MIRRORED[first]} x {_ONE[second]} {high}"
    if operator in _OUTSIDE:
        return f"x {_ONE[first]} {low} or x {_ONE[second]} {high}"
    given = (word for word in (operator, low, high) if word is not None)
    return " ".join(map(str, given))


def of_text(measurement: Mapping[str, Any]) -> str:
    """What a text must be; empty where it is only logged."""
    operator = str(measurement.get("compOp", "")).upper()
    limit = measurement.get("limit")
    if limit is None:
        return ""
    if operator == "IGNORECASE":
        return f"x == {limit!r} in any case"
    return f"x {'!=' if operator == 'NE' else '=='} {limit!r}"
