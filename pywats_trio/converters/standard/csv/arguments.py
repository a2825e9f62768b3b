"""The arguments of the CSV converter, checked before a file comes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pywats_trio.converters.api import Argument, Reject
from pywats_trio.converters.arguments import Table
from pywats_trio.converters.common import local_times, reading
from pywats_trio.converters.standard.csv.names import KNOWN, MISC, normal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEARLY: Final = 0.8
"""From here on two words are one word and a slip of the pen (1.0: equal)."""


@frozen
class Names(Table):
    """An argument that is a table with names of columns, each of which `config check` looks at."""

    declared: Callable[[], Mapping[str, Argument]] = field(default=dict, kw_only=True)
    check: Callable[[Mapping[str, Any]], dict[str, str]] = field(kw_only=True)

    def wrong(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with its entries, by their keys."""
        return self.check(given)


def wrong_renames(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the argument `columns`, by the name in the file."""
    found: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, target in given.items():
        first = seen.setdefault(normal(name), name)
        if not isinstance(target, str) or not target.strip():
            found[name] = f"write the name of a column, not {target!r}"
        elif why := _misspelt(target):
            found[name] = why
        elif first != name:
            found[name] = (
                f"it is the same name as {first!r}: case, blanks and hyphens do not matter"
            )
    return found


def wrong_constants(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the argument `constants`, by the column."""
    found: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            found[name] = f"write a text or a number, not {value!r}"
        elif why := _misspelt(name):
            found[name] = why
    return found


def _misspelt(name: str) -> str:
    """Any name will do, but limits under a misspelt one would be none: all would pass."""
    if (key := normal(name)) in KNOWN or key.startswith(MISC):
        return ""
    near = difflib.get_close_matches(key, KNOWN, n=1, cutoff=_NEARLY)
    if not near:
        return ""
    return f"there is no column {name!r}; write {near[0]!r}, or '{MISC}{name}' for a misc info"


ARGUMENTS: Final[Mapping[str, Argument]] = {
    "columns": Names(
        dict,
        default={},
        check=wrong_renames,
        help='new names of columns, such as { "SerialNumber" = "serial" }',
    ),
    "constants": Names(
        dict,
        default={},
        check=wrong_constants,
        help='columns that are not there, such as { process_code = "20" }',
    ),
    "delimiter": Argument(
        str,
        default="",
        choices=("", ",", ";", "\t", "|", ":", "~", "^", " "),
        help="between the cells; empty: comma, semicolon or tab, by the header",
    ),
    "decimal": Argument(
        str, default="auto", choices=("auto", ".", ","), help="decimal mark of the numbers"
    ),
    "encoding": Argument(
        str,
        default="cp1252",
        help="of files that have no byte order mark and are not UTF-8",
        check=reading.check_encoding,
    ),
    "skip_lines": Argument(
        int,
        default=0,
        minimum=0,
        maximum=1000,
        help="lines above the header, besides blank ones and those that begin with #",
    ),
    "date_format": Argument(
        str, default="", help="of start, as strptime knows it; empty: ISO 8601"
    ),
    "timezone": Argument(
        str,
        default="",
        help="IANA name, for starts without an offset; empty: this machine's",
        check=local_times.zone,
    ),
    "sequence": Argument(str, default="MainSequence Callback", help="name of the root step"),
}


def check(arguments: Mapping[str, Any]) -> None:
    """Look at those that are tables once more: not everybody asks `config check`.

    Raises:
        Reject: an entry is wrong.
    """
    for argument, wrong in (("columns", wrong_renames), ("constants", wrong_constants)):
        for name, why in wrong(arguments[argument]).items():
            raise Reject(f"the argument {argument}, {name!r}: {why}")
