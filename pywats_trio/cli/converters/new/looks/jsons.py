"""JSON: an object, a list of them, or one a line."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.cli.converters.new import guess, literals
from pywats_trio.cli.converters.new.draft import Constant, Draft

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from pywats_trio.cli.converters.new.guess import Cells
    from pywats_trio.cli.converters.new.sample import Sample

_UNITS: Final = (
    "The key of the list of units in the outermost object. A name in HEADER that\n"
    "# begins with / stands outside of it."
)
_ROWS: Final = "The keys of the lists that hold the rows, wherever they stand."
_LINES: Final = "Whether each line is an object of its own."
_DEEPEST: Final = 64


def look(_sample: Sample, text: str) -> Draft | None:
    """None where it is none."""
    read = _read(text)
    if read is None:
        return None
    spoken, top, is_lines = read
    if not isinstance(top, dict | list) or _depth(top) > _DEEPEST:
        return None
    rows = _row_keys(top)
    units_key = _units_key(top, rows)
    inner = top.get(units_key) if isinstance(top, dict) and units_key else top
    items = inner if isinstance(inner, list) else [inner]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    draft = Draft(
        spoken if units_key is None else f"{spoken} with a list {units_key} of units",
        "read_json",
        imports=("import json",),
        types=("from collections.abc import Iterable, Iterator, Mapping",),
        what="Each object is one test of one unit.",
    )
    ignored = {*rows, *([units_key] if units_key else [])}
    around = {f"/{name}": said for name, said in cells(top, ignored).items()} if units_key else {}
    units = [{**cells(item, ignored), **around} for item in items]
    tables = draft.tables
    guess.header(tables, units)
    records = [record for item in items for record in _records(item, rows, ignored, {})]
    if records:
        tables.row = guess.row(records)
        guess.learn(tables, records)
    else:
        guess.steps(tables, units)
    guess.decimal(tables, [*records, *units])
    keys = [f'"{name.rpartition("/")[2]}"' for name in tables.header.values() if name]
    draft.marks = keys[:2]
    draft.constants = [
        Constant("UNITS", "str | None", literals.optional(units_key), _UNITS),
        Constant("ROWS", "frozenset[str]", literals.frozenset_of(rows), _ROWS),
        Constant("LINES", "bool", str(is_lines), _LINES),
    ]
    return draft


def _read(text: str) -> tuple[str, Any, bool] | None:
    try:
        top = _loads(text)
    except (ValueError, RecursionError):
        return _read_lines(text)
    return ("JSON, a list of objects" if isinstance(top, list) else "JSON, one object"), top, False


def _read_lines(text: str) -> tuple[str, Any, bool] | None:
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not lines[0].lstrip().startswith("{"):
        return None
    try:
        return "JSON, an object a line", [_loads(line) for line in lines], True
    except (ValueError, RecursionError):
        return None


def _loads(text: str) -> Any:  # noqa: ANN401
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _depth(top: object) -> int:
    """How deep it is nested, as far as that matters."""
    level, depth = [top], 0
    while level and depth <= _DEEPEST:
        inner = [item for item in level if isinstance(item, dict | list)]
        level = [x for item in inner for x in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return depth


def cells(item: object, skipped: Set[str], path: str = "") -> Cells:
    """As the converter that is written sees an object: see `_cells` in the template."""
    if isinstance(item, dict):
        pairs = [(key, inner) for key, inner in item.items() if key not in skipped]
    elif isinstance(item, list):
        pairs = [(str(number), inner) for number, inner in enumerate(item, 1)]
    else:
        return {path[:-1]: "" if item is None else str(item)}
    found: Cells = {}
    for key, inner in pairs:
        found.update(cells(inner, skipped, f"{path}{key}/"))
    return found


def _lists(item: object) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every list of objects with its key, the innermost first."""
    if isinstance(item, list):
        for inner in item:
            yield from _lists(inner)
    if isinstance(item, dict):
        for key, value in item.items():
            yield from _lists(value)
            if isinstance(value, list) and value and all(isinstance(x, dict) for x in value):
                yield key, value


def _row_keys(top: object) -> set[str]:
    """The keys of the lists of rows: each row has a name, and a value or a status."""
    found: set[str] = set()
    for key, items in _lists(top):
        own = [cells(item, found | {key}) for item in items if found.isdisjoint(item)]
        if (
            own
            and guess.is_usable(key)
            and guess.is_row(guess.row(own))
            and guess.serial_number(own) is None
        ):
            found.add(key)
    return _alike(top, found)


def _alike(top: object, keys: set[str]) -> set[str]:
    """Of these lists those whose objects have the same key for a name, the most frequent."""
    called: dict[str, str | None] = {}
    times: Counter[str | None] = Counter()
    for key in keys:
        records = [*_records(top, {key}, keys, {})]
        called[key] = guess.row(records)["name"] if records else None
        times[called[key]] += len(records)
    usual = max(times, key=times.__getitem__, default=None)
    alike = {key for key, name in called.items() if name == usual}
    return alike if guess.is_row(guess.row([*_records(top, alike, alike, {})])) else set()


def _units_key(top: object, rows: Set[str]) -> str | None:
    """The key of a list in the outermost object whose objects have serial numbers."""
    if not isinstance(top, dict) or guess.serial_number([cells(top, {*rows, *_lists_in(top)})]):
        return None
    for key in _lists_in(top):
        if (
            key not in rows
            and guess.is_usable(key)
            and guess.serial_number([cells(item, rows) for item in top[key]])
        ):
            return key
    return None


def _lists_in(top: dict[str, Any]) -> list[str]:
    return [
        key
        for key, value in top.items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    ]


def _records(item: object, rows: Set[str], skipped: Set[str], above: Cells) -> Iterator[Cells]:
    if isinstance(item, list):
        for inner in item:
            yield from _records(inner, rows, skipped, above)
    if not isinstance(item, dict):
        return
    here = {f"../{name}": said for name, said in cells(item, skipped).items()}
    for key, value in item.items():
        several = value if key in rows and isinstance(value, list) else []
        for row in several:
            if isinstance(row, dict) and rows.isdisjoint(row):
                yield {**here, **cells(row, skipped)}
            else:
                yield from _records(row, rows, skipped, here)
        if not several:
            yield from _records(value, rows, skipped, here)
