"""Numbers as NI TestStand writes them, in its own XML and in ATML."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import decimals
from pywats_trio.reports.numbers import Number

if TYPE_CHECKING:
    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.reports.operators import Value

_RADIX: Final = re.compile(
    r"(?P<sign>[+-]?)0(?:[xX](?P<hex>[0-9a-fA-F]{1,64})|[bB](?P<bin>[01]{1,256})"
    r"|[cCoO](?P<oct>[0-7]{1,86}))",
    re.ASCII,
)
"""What the numeric formats %x, %b and %o write."""
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8}
_WORDS: Final = {
    "positiveinfinity": "inf",
    "negativeinfinity": "-inf",
    **dict.fromkeys(("ind", "+ind", "-ind"), "nan"),
}
"""Of TestStand and .NET, for what is not finite."""


@lru_cache(maxsize=4096)  # limits come back with every unit: one object for all of them
def number(text: str, mark: Mark = ".") -> Value | None:
    """A number, None where the text is none; hexadecimal ones in decimal digits.

    A station that writes decimal commas still writes points where a number is none of its own.
    """
    text = text.strip()
    if (match := _RADIX.fullmatch(text)) is not None:
        base = str(match.lastgroup)
        return Number(str(int(match["sign"] + match[base], _BASES[base])))
    text = _WORDS.get(text.lower(), text)
    read = decimals.value(text, mark)
    return decimals.value(text, ".") if read is None and mark != "." else read
