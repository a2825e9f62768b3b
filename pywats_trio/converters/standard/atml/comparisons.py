"""What a TestResult is compared with: TestLimits and TestStand's extensions of them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.common import teststand
from pywats_trio.converters.standard.atml import values
from pywats_trio.reports import operators
from pywats_trio.reports.numbers import Number

if TYPE_CHECKING:
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.operators import Value

_PARTS: Final = {"PERCENTAGE": 100, "PPM": 1_000_000}
_LOWER: Final = frozenset({"GE", "GT"})
_UPPER: Final = frozenset({"LE", "LT"})
_TEXT_OPERATORS: Final = {"EQ": "CASESENSIT", "CIEQ": "IGNORECASE", "NE": "NE"}


@frozen
class Comparison:
    """An operator of WATS with its limits; LOG compares nothing."""

    operator: str = "LOG"
    low: Value | None = None
    high: Value | None = None


def is_measurement(result: Element) -> bool:
    """Whether a TestResult is one; all others are additional results."""
    return result.child("TestLimits") is not None or _is_log(result)


def numeric(result: Element, notes: Notes) -> Comparison:
    """What a number is compared with; limits that are not finite are none."""
    limits = result.find("TestLimits", "Limits")
    if limits is None or _is_log(result):
        return Comparison()
    found = _numeric(result, limits, notes)
    return Comparison(*operators.weakened(found.operator, found.low, found.high))


def text(result: Element, notes: Notes) -> tuple[str, str | None]:
    """Operator and limit of a text; the limit of a comparison that WATS has not stays, with LOG."""
    limits = result.find("TestLimits", "Limits")
    limit = limits and (limits.child("Expected") or limits.child("SingleLimit"))
    if limit is None or _is_log(result):
        return "LOG", None
    comparator = values.attribute(limit, "comparator")
    if (operator := _TEXT_OPERATORS.get(comparator)) is None:
        notes.add(f'WATS has no comparison "{comparator[:60]}" for texts; LOG is sent', limit.line)
    datum = limit.child("Datum")
    return operator or "LOG", values.text_of(datum) if datum is not None else ""


def _numeric(result: Element, limits: Element, notes: Notes) -> Comparison:
    for child in limits.children:
        if child.name == "LimitPair":
            return _thresholds(result, child, child.find("Nominal", "Datum")) or _pair(child, notes)
        if child.name == "SingleLimit":
            return _single(child, notes)
        if child.name == "Expected":
            datum = child.child("Datum")
            errors = datum.find("ErrorLimits", "LimitPair") if datum is not None else None
            if errors is None:
                return _single(child, notes)
            if (found := _thresholds(result, errors, datum)) is None:
                notes.add("error limits without a ThresholdType are not sent", errors.line)
                return _single(child, notes)
            return found
        if child.name not in ("Extension", "Description"):
            notes.add(f"limits of the form {child.name} are not sent", child.line)
    return Comparison()


def _single(limit: Element, notes: Notes) -> Comparison:
    operator = values.attribute(limit, "comparator")
    if operator not in operators.ONE_LIMIT:
        return _unknown(operator, limit, notes)
    return Comparison(operator, _number(limit.child("Datum")))


def _pair(pair: Element, notes: Notes) -> Comparison:
    """Two limits, in the order that WATS has them: the lower value first."""
    both = [
        (values.attribute(limit, "comparator"), _number(limit.child("Datum")))
        for limit in pair.named("Limit")
    ]
    if len(both) != 2:  # noqa: PLR2004 - a pair
        return _unknown(f"{len(both)} limits", pair, notes)
    joined_by = values.attribute(pair, "operator").upper()
    inside = joined_by == "AND" or (joined_by != "OR" and both[0][0] in _LOWER)
    if both[0][0] in (_UPPER if inside else _LOWER):
        both.reverse()
    (first, low), (second, high) = both
    if first in (_LOWER if inside else _UPPER) and second in (_UPPER if inside else _LOWER):
        return Comparison(first + second, low, high)
    return _unknown(f"{first} {second}".strip(), pair, notes)


def _unknown(comparison: str, limit: Element, notes: Notes) -> Comparison:
    """TestStand writes an empty comparator where a step was forced to fail."""
    notes.add(
        f'WATS has no comparison "{comparison[:60]}"; LOG is sent, without the limits', limit.line
    )
    return Comparison()


def _thresholds(result: Element, pair: Element, nominal: Element | None) -> Comparison | None:
    """A nominal value and how far off it may be (TestStand's EQT) as two limits.

    None where nothing says what the numbers of the pair mean: then they are limits themselves.
    """
    properties = _properties(result, "ThresholdType")
    if nominal is None or properties is None:
        return None
    raw = properties.child("RawLimits")
    if raw is not None and raw.child("ThresholdLow") and raw.child("ThresholdHigh"):
        return Comparison(
            "GELE", _number(raw.child("ThresholdLow")), _number(raw.child("ThresholdHigh"))
        )
    scale = values.own_text(properties.child("ThresholdType")).upper()
    offsets = [_number(limit.child("Datum")) for limit in pair.named("Limit")]
    middle = _number(nominal)
    if len(offsets) != 2 or middle is None or scale not in (*_PARTS, "DELTA"):  # noqa: PLR2004
        return None
    below, above = offsets
    return Comparison(
        "GELE",
        None if below is None else _off(middle, below, scale, -1, nominal),
        None if above is None else _off(middle, above, scale, +1, nominal),
    )


def _off(middle: Value, offset: Value, scale: str, sign: int, where: Element) -> Value:
    """A limit, digit by digit where both numbers are finite."""
    parts = _PARTS.get(scale)
    if not isinstance(middle, Number) or not isinstance(offset, Number):
        return float(middle) + sign * float(offset)  # not finite, whatever the scale
    nominal, distance = Decimal(middle.text), Decimal(offset.text)
    if parts is not None:
        distance = abs(nominal) * distance / parts
    found = str((nominal + sign * distance).normalize())
    if math.isinf(float(found)):
        raise where.refusal("the limits around this nominal value are too large")
    return Number(found)


def _number(datum: Element | None) -> Value | None:
    """A limit; None where it is missing."""
    if datum is None:
        return None
    text = values.text_of(datum).strip()
    if not text:
        return None
    if (read := teststand.number(text)) is None:
        raise datum.refusal(f'the limit "{text[:60]}" is not a number')
    return read


def _is_log(result: Element) -> bool:
    properties = _properties(result, "IsComparisonTypeLog")
    log = properties and properties.child("IsComparisonTypeLog")
    return log is not None and (log.get("value") or "true").strip() == "true"


def _properties(result: Element, holding: str) -> Element | None:
    """TestStand's TSLimitProperties with such a child: beside the limits (2.02), or in them."""
    for path in (
        ("Extension", "TSLimitProperties"),
        ("TestLimits", "Limits", "Extension", "TSLimitProperties"),
    ):
        found = result.find(*path)
        if found is not None and found.child(holding) is not None:
            return found
    return None
