"""The file to begin with, made from the options themselves: every key with what it means.

Three values have to be filled in; every other line is a comment that shows the default, so that
taking its `#` away changes nothing yet.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from pywats_trio.config import options, tables
from pywats_trio.config.reference import TABLES
from pywats_trio.config.values import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEAD: Final = """\
# Configuration of pywats-trio.
#
# Fill in three values: server.url, server.token, and watch of the converter at the end.
# `pywats-trio config check` then says whether all is well, `pywats-trio run` runs the service.
# Every line that begins with # and a key shows its default.
"""
ACTIVE: Final[Mapping[str, Mapping[str, object]]] = {
    "": {"schema_version": options.SCHEMA_VERSION},
    "[server]": {"url": "", "token": ""},
    "[[converters]]": {"name": "line-1", "type": "wats-json", "watch": ""},
}
"""The lines that are no comments: a table's title, its keys and their values."""


def starter() -> str:
    """The whole file, TOML."""
    last = "[[converters]]"  # so that another one can be written below it
    tables = sorted(TABLES, key=lambda table: table[0] == last)
    return HEAD + "".join(line for title, kind in tables for line in _table(title, kind))


def _table(title: str, kind: type[attrs.AttrsInstance]) -> Iterator[str]:
    active = ACTIVE.get(title, {})
    yield f"\n{title}\n" if title else "\n"
    for field in tables.options(kind).values():
        if field.metadata["built"] and not _is_tables(field, title):
            yield f"# {_meaning(field.metadata)}\n"
            value = active.get(field.name, _default(field))
            yield f"{'' if field.name in active else '#'}{field.name} = {value_text(value)}\n"


def _is_tables(field: attrs.Attribute[Any], title: str) -> bool:
    """At the top: whether it is a table, or the list of them, which stands further down."""
    return not title and (isinstance(field.default, attrs.Factory) or field.default == ())  # type: ignore[arg-type]


def _default(field: attrs.Attribute[Any]) -> object:
    """As it is written; empty text stands for a default that depends on the machine."""
    value: Any = field.default
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return {} if value.factory is dict else ""
    if isinstance(value, Path) or value is None:
        return ""
    return size_text(value) if field.metadata["unit"] == "bytes" else value


def value_text(value: object) -> str:
    """A value as TOML writes it: what a default can be, which JSON writes the same way."""
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(value, ensure_ascii=False)


def _meaning(metadata: Mapping[str, Any]) -> str:
    choices: tuple[str, ...] = metadata["choices"]
    text: str = metadata["doc"]
    if choices and not all(choice in text for choice in choices):
        text += f" ({', '.join(choices)})"
    low, high, unit = metadata["low"], metadata["high"], metadata["unit"]
    if low is not None and low != high:
        show = size_text if unit == "bytes" else "{:,}".format
        text += f" ({show(low)} to {show(high)}{' seconds' if unit == 'seconds' else ''})"
    return text
