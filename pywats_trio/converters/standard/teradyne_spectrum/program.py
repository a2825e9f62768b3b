"""The part number in the name of a program, found by the expression of the configuration."""

from __future__ import annotations

import re
from typing import Final

from pywats_trio.converters.api import Reject

PART_NUMBER: Final = "PartNumber"
"""The group of the expression."""

_GROUP: Final = re.compile(r"\\.|\(\?<(?=[A-Za-z_])", re.DOTALL)
"""The beginning of a named group as .NET spells it; what is escaped is none."""


def pattern(text: str) -> re.Pattern[str] | None:
    """The expression for the part number; a group may be named in .NET's spelling, too.

    Raises:
        Reject: it is none, or has no group PartNumber.
    """
    if not text:
        return None
    spelled = _GROUP.sub(lambda found: "(?P<" if found[0] == "(?<" else found[0], text)
    try:
        compiled = re.compile(spelled)
    except (re.error, RecursionError, OverflowError) as error:
        raise Reject(
            f'the argument program_name_pattern "{text}" is no regular expression: {error}'
        ) from None
    if PART_NUMBER not in compiled.groupindex:
        raise Reject(
            f'the argument program_name_pattern "{text}" has no group {PART_NUMBER}',
            hint=rf"Write one, such as (?<{PART_NUMBER}>\w+).",
        )
    return compiled


def part_number(name: str, expression: re.Pattern[str] | None) -> str | None:
    """Empty: the whole name; None: there is none in it."""
    if expression is None:
        return ""
    found = expression.search(name)
    return (found[PART_NUMBER] or "").strip() or None if found else None
