"""How commands print: one JSON document, or a plain table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
"""The `--json` of every command that shows something; the argument is `as_json: bool`."""


def print_json(document: object) -> None:
    """`document` as one JSON document on standard output.

    Fields come in the order in which they are declared, sets sorted. ASCII only, so that any
    locale and any file name will do.
    """
    click.echo(json.dumps(_plain(document), indent=2))


def print_listing(items: Iterable[object], following: object = None) -> None:
    """A page of a listing: `{"items": [...], "next": KEY or null}`."""
    print_json({"items": list(items), "next": following})


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns of text, as wide as they need to be; the heads are bold on a terminal."""
    head, *lines = table(heads, rows)
    click.echo(click.style(head, bold=True))
    for line in lines:
        click.echo(line)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of `print_table`, the heads first."""
    texts = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [_line(row, widths) for row in texts]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False) if value else ""
    return printable(str(value))


def _plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 - a case for each kind of value
    if hasattr(type(value), "__attrs_attrs__"):
        import attrs  # noqa: PLC0415 - `status` does without

        return {
            field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, Set):
        return sorted(_plain(held) for held in value)
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return printable(str(value))
    return value
