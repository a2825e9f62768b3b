"""What can be set of a converter, as tables of the reference page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.common import unit
from pywats_trio.converters.registry import FORMATS, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.api import Argument, Converter

SHARED: Final = {
    **unit.ARGUMENTS,
    "timezone": unit.TIMEZONE,
    "encoding": unit.ENCODING,
    "decimal": unit.DECIMAL,
}
"""Arguments that mean the same wherever they are declared."""
HEAD: Final = "| argument | type | default | range | |\n|---|---|---|---|---|\n"


def line(*cells: str) -> str:
    """A row of a table on a page."""
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"


def of(converter: Converter) -> Iterator[str]:
    """The names of the shared ones that it takes, and a table of its own."""
    declared = converter.arguments
    shared = [name for name, one in SHARED.items() if declared.get(name) is one]
    own = {name: one for name, one in declared.items() if name not in shared}
    if shared:
        names = " ".join(f"`{name}`" for name in shared)
        yield f"\nArguments for [what files leave out](#what-files-leave-out): {names}.\n"
    if own:
        yield f"\n{HEAD}"
        yield from arguments(own)


def arguments(declared: Mapping[str, Argument]) -> Iterator[str]:
    """The rows of the table below `HEAD`; tables of other converters make one together."""
    tables = [name for name in declared if name in STANDARD]
    for name, one in declared.items():
        if name not in tables:
            yield line(f"`{name}`", one.type.__name__, _default(one), _range(one), one.help)
    if tables:
        names = " ".join(f"`{name}`" for name in tables)
        yield line(names, "dict", "", "", "a table of the arguments of that converter")


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    return "" if argument.default in (None, "", {}) else _literal(argument.default)


def _range(argument: Argument) -> str:
    if argument.choices == FORMATS:
        return "types on this page"
    if argument.choices:
        return " ".join(_literal(choice) for choice in argument.choices if choice != "")
    low, high = argument.minimum, argument.maximum
    if low is None and high is None:
        return f"matches `{argument.pattern}`" if argument.pattern else ""
    return f"{low:,} or more" if high is None else f"{low or 0:,} to {high:,}"


def _literal(value: Any) -> str:
    """As it stands in TOML."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"
