"""From tables of raw values to the classes of `options`; what is wrong is noted, not raised."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from pywats_trio.config import values
from pywats_trio.config.mistakes import BadValue, KeyPath, Mistake, dotted
from pywats_trio.config.options import UNBUILT_TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

T = TypeVar("T")


def options(table: type[Any]) -> dict[str, attrs.Attribute[Any]]:
    """The keys of a table of options, with their types resolved; other fields say nothing."""
    fields = attrs.fields(attrs.resolve_types(table))
    return {attribute.name: attribute for attribute in fields if attribute.metadata}


def element(kind: object) -> Any:  # noqa: ANN401 - a class of options, or None
    """What an array of tables holds: for `tuple[ConverterOptions, ...]` the class."""
    held = next(iter(getattr(kind, "__args__", ())), None)
    return held if isinstance(held, type) and attrs.has(held) else None


class TableReader:
    """Reads tables into their classes. What is wrong is noted, and its default stands in.

    So one pass finds every mistake, and there is always a whole `Config` to look at further.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is where relative paths start."""
        self.mistakes: list[Mistake] = []
        self.folder = folder

    def read(self, table: type[T], raw: Mapping[str, object], path: KeyPath = ()) -> T:
        """`raw` as an instance of `table`, which stands at `path`."""
        known = options(table)
        self.mistakes += [_unknown((*path, key), known) for key in raw if key not in known]
        given: dict[str, object] = {}
        for key, attribute in known.items():
            # A table that is left out may still miss a key that has to be there.
            value = raw.get(key, {} if _is_table(attribute) else None)
            if key in raw or value is not None:
                given |= self._argument(attribute, value, (*path, key))
            elif attribute.metadata["required"]:
                self.wrong((*path, key), f"missing; give {attribute.metadata['doc']}")
        return table(**given)

    def wrong(self, path: KeyPath, message: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(path, message))

    def _argument(
        self, attribute: attrs.Attribute[Any], raw: object, path: KeyPath
    ) -> dict[str, object]:
        """The argument for the class, or nothing where the default has to stand in."""
        try:
            return {attribute.name: self._value(attribute, raw, path)}
        except BadValue as error:
            self.wrong(path, str(error))
            return {}

    def _value(self, attribute: attrs.Attribute[Any], raw: object, path: KeyPath) -> object:
        kind: Any = attribute.type
        if _is_table(attribute):
            if isinstance(raw, dict):
                return self.read(kind, raw, path)
            raise BadValue(f"this must be a table; write [{dotted(path)}]")
        if held := element(kind):
            if isinstance(raw, list) and all(isinstance(table, dict) for table in raw):
                return tuple(self.read(held, table, (*path, i)) for i, table in enumerate(raw))
            raise BadValue(f"this must be a list of tables; write [[{dotted(path)}]]")
        return values.read(attribute, raw, self.folder)


def _is_table(attribute: attrs.Attribute[Any]) -> bool:
    return isinstance(attribute.type, type) and attrs.has(attribute.type)


def _unknown(path: KeyPath, known: Collection[str]) -> Mistake:
    key = str(path[-1])
    if len(path) == 1 and key in UNBUILT_TABLES:
        return Mistake(path, f"not built yet ({UNBUILT_TABLES[key]}); remove the table")
    near = get_close_matches(key.lower(), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
    return Mistake(path, f"there is no such key; {hint}")
