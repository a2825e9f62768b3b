"""The limits of numbers in TestStand: low and high, or a nominal value and how far from it."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from pywats_trio.reports import operators
from pywats_trio.reports.numbers import Number
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.properties import Prop
    from pywats_trio.reports.operators import Value

Limits: TypeAlias = "tuple[str, Value | None, Value | None]"
"""Operator, low, high."""

NOT_COMPARED: Final = frozenset({"LOG", "NONE"})
_PARTS: Final = {"PERCENTAGE": -2, "PPM": -6}
"""Powers of ten of the nominal value."""
_EXACT: Final = Context(prec=40, traps=[])


def limits(holder: Prop, document: Document) -> Limits:
    """How a number is compared; what cannot be is told, and the file's status stands.

    Raises:
        Reject: a limit is no number.
    """
    said = holder.text("Comp")
    operator = said.upper()
    if operator == "EQT":
        return _around_nominal(holder, document)
    if operator in NOT_COMPARED:
        return "LOG", None, None
    low, high = (holder.number(document.mark, "Limits", name) for name in ("Low", "High"))
    operator = operator or operators.default(low, high)
    if operator == "LOG":
        return operator, None, None
    if operator not in operators.OPERATORS:
        note(f'the comparison "{shortened(said, 40)}" is unknown to WATS', holder, document)
        return "LOG", None, None
    if low is None or high is None:
        missing = low is None and high is None
        if missing or operator not in operators.ONE_LIMIT:
            note(f"{operator} lacks a limit", holder, document)
    return _settled(operator, low, high)


def _settled(operator: str, low: Value | None, high: Value | None) -> Limits:
    """An operator with one limit has it as the low one, whichever the file has."""
    if operator in operators.ONE_LIMIT:
        low, high = (high if low is None else low), None
    return operators.weakened(operator, low, high)


def _around_nominal(holder: Prop, document: Document) -> Limits:
    """EQT: a nominal value and how far from it, in percent, parts per million, or as it is."""
    raw = holder.at("RawLimits")
    if raw is None or raw.at("Nominal") is None:
        raw = holder.at("Limits")
    kind = holder.text("Limits", "ThresholdType") or holder.text("RawLimits", "ThresholdType")
    nominal, below, above = (
        raw.number(document.mark, name) if raw is not None else None
        for name in ("Nominal", "Low", "High")
    )
    if nominal is None or kind.upper() not in (*_PARTS, "DELTA"):
        note("EQT without a nominal value or a known type of thresholds", holder, document)
        return "LOG", None, None
    low = _away(nominal, below, kind.upper(), -1)
    high = _away(nominal, above, kind.upper(), 1)
    return _settled(operators.default(low, high), low, high)


def _away(nominal: Value, distance: Value | None, kind: str, sign: int) -> Value | None:
    """The limit that lies `distance` from the nominal value; None where that is no number."""
    if distance is None:
        return None
    center, step = (Decimal(str(_digits(value))) for value in (nominal, distance))
    if kind in _PARTS:
        part = Decimal(1).scaleb(_PARTS[kind])
        step = _EXACT.multiply(_EXACT.multiply(center.copy_abs(), step), part)
    limit = _EXACT.add(center, step.copy_negate() if sign < 0 else step)
    if not limit.is_finite():
        return None
    return Number(f"{limit.normalize(_EXACT):f}" if abs(limit.adjusted()) < 20 else str(limit))  # noqa: PLR2004


def _digits(value: Value) -> str:
    return value.text if isinstance(value, Number) else repr(value)


def note(message: str, holder: Prop, document: Document) -> None:
    """Tell of a comparison that the report does not have."""
    document.notes.add(f"{message}: the status stands without it", holder.line)
