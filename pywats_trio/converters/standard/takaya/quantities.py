"""Numbers with units as the prober writes them, and limits from a nominal value and tolerances."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from attrs import frozen

from pywats_trio.converters.common import prefixes
from pywats_trio.reports.numbers import Number

_QUANTITY: Final = re.compile(r"([+-]?\d{1,15}(?:\.\d{0,15})?)\s*(\S{0,6})", re.ASCII)
_TOLERANCE: Final = re.compile(r"([+-]?\d{1,6}(?:\.\d{1,6})?)\s*%", re.ASCII)
_UNITS: Final = {"O": "Ohm", "F": "F", "H": "H", "V": "V", "A": "A", "S": "s"}
_POWERS: Final = {**prefixes.POWERS, "U": -6, "N": -9, "P": -12}
"""The prober writes micro, nano and pico in capital letters or small ones."""


@frozen
class Quantity:
    """A number in `unit`, without a prefix."""

    number: Number
    unit: str


def quantity(text: str) -> Quantity | None:
    """`4.30 KO` is 4300 Ohm; None where the text is no number with a unit.

    A unit that is not known stays as it is, with its prefix. M is mega of ohms only: of others the
    prober could mean milli, so it stays, too.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    written, symbol = match[1], match[2]
    prefix, unit = symbol[:-1], _UNITS.get(symbol[-1:].upper(), "")
    known = unit and prefix in _POWERS and (prefix != "M" or unit == "Ohm")
    power = _POWERS[prefix] if known else 0
    return Quantity(_number(Decimal(written).scaleb(power)), unit if known else symbol)


def tolerance(text: str) -> Decimal | None:
    """`+5%` is 5; None where the text is no percentage."""
    match = _TOLERANCE.fullmatch(text.strip())
    return Decimal(match[1]) if match else None


def window(nominal: Quantity, plus: Decimal, minus: Decimal) -> tuple[Number, Number]:
    """The lowest and the highest value within the tolerances (per cent; `minus` is negative)."""
    value = Decimal(nominal.number.text)
    ends = [value + abs(value) * percent / 100 for percent in (minus, plus)]
    return _number(min(ends)), _number(max(ends))


def _number(value: Decimal) -> Number:
    """All of its digits, without an exponent where it needs none."""
    text = str(value.normalize() if value else Decimal(0))
    return Number(text if "E-" in text else f"{Decimal(text):f}")
