"""The name of a converter, its module and its class."""

from __future__ import annotations

import keyword
import re
import sys
from typing import Final

from pywats_trio.errors import UsageError
from pywats_trio.text import printable

KEBAB: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST: Final = 40
"""Characters of a name."""


def words(name: str) -> dict[str, str]:
    """What the templates have blanks for.

    Raises:
        UsageError: it is no name, or one that something else has.
    """
    from pywats_trio.converters.registry import STANDARD  # noqa: PLC0415 - for `--help`

    if not KEBAB.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{printable(name)!r} is no name for a converter; write small letters, digits and "
            f"single hyphens between them, such as bench-log, at most {LONGEST} characters"
        )
    module = name.replace("-", "_")
    if name in STANDARD:
        raise UsageError(f"{name!r} is a standard converter; choose another name")
    if keyword.iskeyword(module) or module in {*sys.stdlib_module_names, "pywats_trio"}:
        raise UsageError(f"{module!r} is a word of Python's own; choose another name")
    return {"name": name, "module": module, "class": module.title().replace("_", "")}
