"""The columns of a CSV table: which are known, and what becomes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.standard.csv.names import KNOWN, MISC, REQUIRED, UNIT, normal
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHOWN: Final = 500
"""Characters of a header that a message repeats."""


@frozen
class Columns:
    """Where what is found in a row."""

    width: int
    """Cells of a row in the file."""
    constants: tuple[str, ...]
    """Further cells that every row gets at its end."""
    index: Mapping[str, int]
    """The known columns."""
    unit: tuple[tuple[int, str], ...]
    """Those of them that are about the unit."""
    misc: tuple[tuple[int, str], ...]
    """Columns `misc:NAME` with NAME."""
    others: tuple[tuple[int, str], ...]
    """Columns that nobody knows, with their names as written."""

    @classmethod
    def of(
        cls,
        header: Sequence[str],
        line: int,
        renames: Mapping[str, Any],
        constants: Mapping[str, Any],
    ) -> Columns:
        """The columns of a header in `line`, with new names and constants (see `csv_arguments`).

        Raises:
            Reject: a name stands twice or a required column is missing.
        """
        new_names = {normal(name): target.strip() for name, target in renames.items()}
        names = [new_names.get(normal(n), n.strip()) for n in header]
        names = [name or f"column {number}" for number, name in enumerate(names, 1)]
        there = _unique(names, line)
        added = {
            name.strip(): str(value)
            for name, value in constants.items()
            if normal(name) not in there
        }
        _unique([*names, *added], line)
        columns = _sorted([*names, *added], len(header), tuple(added.values()))
        if missing := [name for name in REQUIRED if name not in columns.index]:
            raise _missing(missing, names, line)
        return columns


def _sorted(names: Sequence[str], width: int, constants: tuple[str, ...]) -> Columns:
    index, misc, others = {}, [], []
    for number, name in enumerate(names):
        if (known := normal(name)) in KNOWN:
            index[known] = number
        elif known.startswith(MISC):
            misc.append((number, name[len(MISC) :].strip()))
        else:
            others.append((number, name))
    unit = tuple((index[column], column) for column in UNIT if column in index)
    return Columns(width, constants, index, unit, tuple(misc), tuple(others))


def _unique(names: Iterable[str], line: int) -> set[str]:
    seen: set[str] = set()
    for name in names:
        key = normal(name)
        if key in seen:
            raise Reject(
                f'the column "{key}" stands twice in line {line}',
                hint="Rename one of them with the argument columns.",
            )
        if key == MISC:
            raise Reject(f'the column "{name}" in line {line} has no name after the colon')
        seen.add(key)
    return seen


def _missing(missing: Sequence[str], names: Sequence[str], line: int) -> Reject:
    quoted = " and ".join(f'"{name}"' for name in missing)
    return Reject(
        f"no column {quoted} in line {line} (columns: {shortened(', '.join(names), _SHOWN)})",
        hint=f'Name it in the argument columns, such as {{ "Name" = "{missing[0]}" }}, or give it '
        "in constants.",
    )
