"""Prefixes of units, and numbers that are moved from one to another without losing a digit."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import TYPE_CHECKING, Final

from pywats_trio.reports.numbers import Number

if TYPE_CHECKING:
    from pywats_trio.reports.operators import Value

POWERS: Final = {
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "\N{MICRO SIGN}": -6,
    "\N{GREEK SMALL LETTER MU}": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "K": 3,
    "M": 6,
    "G": 9,
    "T": 12,
}
"""The power of ten of each SI prefix. Formats with spellings of their own map them to these."""


def scaled(value: Value, power: int) -> Value:
    """`value` times 10 to `power`, digit by digit; what is not finite stays as it is.

    `scaled(value, POWERS[own] - POWERS[wanted])` is the same quantity with another prefix.
    """
    if not power:
        return value
    if isinstance(value, Number):
        exact = Context(prec=len(value.text) + 1, Emax=MAX_EMAX, Emin=MIN_EMIN)
        return Number(str(Decimal(value.text).scaleb(power, exact)))
    return float(Decimal(repr(value)).scaleb(power))
