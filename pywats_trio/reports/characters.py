"""Characters that XML 1.0 cannot hold, and a WATS server therefore neither."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.reports.findings import Findings, Trail

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_RAW: Final = ("\ufffe", "\uffff")
_ESCAPED: Final = re.compile(
    r"\\(?:(?P<forbidden>[bf]|u(?:00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F])|[fF]{3}[eEfF]))|.)", re.DOTALL
)


def may_hold_forbidden(text: str) -> bool:
    """Whether there can be such a character in a JSON text, be it as an escape.

    As itself, JSON forbids all of them but the last two.
    """
    if any(character in text for character in _RAW):
        return True
    # `C:\\bin` holds no backspace, so escapes are read from the left. Most texts have none.
    return "\\" in text and any(match["forbidden"] for match in _ESCAPED.finditer(text))


def find_forbidden(report: Mapping[str, Any], found: Findings) -> None:
    """Find the texts of a report that hold one, wherever they stand."""
    pending: list[tuple[Trail, Any]] = [((), report)]
    while pending:
        trail, holder = pending.pop()
        inner = []
        for key, value in holder.items() if type(holder) is dict else enumerate(holder):
            type_ = type(value)
            if type_ is dict or type_ is list:
                inner.append(((trail, key), value))
            elif type_ is str and not value.isprintable() and (bad := _FORBIDDEN.search(value)):
                found.at((trail, key), _said(bad[0]))
        pending += reversed(inner)  # in the order of the text


def _said(character: str) -> str:
    return f"holds U+{ord(character):04X}, which XML cannot: WATS may drop it"
