"""Whole numbers that clients write into addresses and headers."""

from __future__ import annotations

from typing import Final

from pywats_trio.errors import InvalidInputError

LARGEST: Final = 2**63 - 1
"""Of the queue's numbers."""
_DIGITS: Final = 19


def whole(name: str, text: str, *, low: int = 0, high: int = LARGEST) -> int:
    """`text` as a number from `low` to `high`.

    Raises:
        InvalidInputError: it is none; the sentence says what `name` may be.
    """
    digits = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    if not digits or not low <= int(text) <= high:
        raise InvalidInputError(f"{name} must be a whole number from {low} to {high}")
    return int(text)
