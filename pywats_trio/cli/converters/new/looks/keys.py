"""Lines KEY=VALUE, with rows of measurements or without."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.cli.converters.new import guess, literals, vocabulary
from pywats_trio.cli.converters.new.draft import Constant, Draft
from pywats_trio.cli.converters.new.looks.tables import DELIMITERS, line_constants
from pywats_trio.cli.converters.new.sample import lines
from pywats_trio.converters.common import decimals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.cli.converters.new.guess import Cells
    from pywats_trio.cli.converters.new.sample import Sample

_SEPARATORS: Final = ("=", ":", "\t", ";", ",", "|")
_FEWEST: Final = 3
"""Cells of a row."""
_MOST_IGNORED: Final = 12
_MOST_ABOVE: Final = 200
"""Lines above a header row, and below it that are looked at to know it."""
_MOST_MARKS: Final = 20
_MOST_KEYS: Final = 1000
_END: Final = re.compile(r"[\W_]*(?:end|eof|done|finished|fin)\b", re.IGNORECASE)
_COMMENTS: Final = {
    "SEPARATOR": "Between a key and its value. In a section [a] the key b is called a/b.",
    "VALUE_ENDS": "What is taken off both ends of a value.",
    "BEGINS": "The key whose line begins another unit, where a file has several.",
    "IGNORED": "How lines begin that say nothing.",
    "ROW_MARK": "How the line of a row begins.",
    "CELL": "Between the cells of a row.",
    "COLUMNS": "What the cells of a row are called.",
    "HAS_HEADER_ROW": "Whether a line with these names stands above the rows.",
}


@frozen
class _Rows:
    """How the lines of rows are told from the others."""

    mark: str = ""
    cell: str = ";"
    columns: tuple[str, ...] = ()
    has_header: bool = False

    def cells(self, text: str) -> tuple[str, ...]:
        cells = [cell.strip() for cell in text.removeprefix(self.mark).split(self.cell)]
        while len(cells) > len(self.columns) and not cells[-1]:
            cells.pop()
        return tuple(cells)

    def is_row(self, text: str) -> bool:
        is_marked = bool(self.columns) and text.startswith(self.mark)
        return is_marked and len(self.cells(text)) == len(self.columns)


@define
class _Reading:
    """The sample as the converter that is written will read it."""

    rows: _Rows
    separator: str
    pairs: list[tuple[str, str]] = field(factory=list)
    records: list[Cells] = field(factory=list)
    ignored: list[str] = field(factory=list)


def look(sample: Sample, text: str) -> Draft | None:
    """None where it is none."""
    shown = [line.strip() for line in lines(text) if line.strip()]
    rows = _header_row(shown) or _marked(shown) or _unmarked(shown) or _Rows()
    readings = [_read(shown, rows, separator) for separator in _SEPARATORS]
    reading = max(readings, key=lambda one: (len(_known(one)), -len(one.ignored), len(one.pairs)))
    if not _known(reading) or len(reading.ignored) > _MOST_IGNORED:
        return None
    draft = Draft(
        f"lines KEY{reading.separator.replace(chr(9), ' TAB ')}VALUE"
        + (" and rows of measurements" if reading.records else ""),
        "read_keys",
        types=("from collections.abc import Iterable, Iterator, Mapping",),
        has_lines=True,
    )
    begins = _fill(draft, reading)
    draft.marks = [name.rpartition("/")[2] for name in _named(draft)][:2]
    draft.constants = [
        *_constants(reading, begins),
        *line_constants(sample, text, _last(draft, reading, shown)),
    ]
    return draft


def _named(draft: Draft) -> list[str]:
    return [name for name in draft.tables.header.values() if name]


def _known(reading: _Reading) -> set[str]:
    """The keys that are words for what a unit is."""
    known = {word for spoken in vocabulary.HEADER.values() for word in spoken}
    keys = [*dict.fromkeys(key for key, _value in reading.pairs)][:_MOST_KEYS]
    return {key for key in keys if not known.isdisjoint(vocabulary.spellings(key))}


def _header_row(shown: Sequence[str]) -> _Rows | None:
    """Rows below a line with the names of their columns."""
    for number, line in enumerate(shown[:_MOST_ABOVE]):
        for cell in DELIMITERS:
            names = tuple(name.strip() for name in line.rstrip(cell).split(cell))
            is_usable = all(map(guess.is_usable, names)) and len({*names}) == len(names)
            if len(names) < _FEWEST or not is_usable:
                continue
            rows = _Rows(cell=cell, columns=names, has_header=True)
            below = [line for line in shown[number + 1 :][:_MOST_ABOVE] if rows.is_row(line)]
            if below and guess.is_row(guess.row([_by_name(rows, line) for line in below])):
                return rows
    return None


def _by_name(rows: _Rows, line: str) -> Cells:
    return dict(zip(rows.columns, rows.cells(line), strict=True))


def _marked(shown: Sequence[str]) -> _Rows | None:
    """Rows that begin with a word of their own, such as measure=."""
    marks = Counter(
        match[0] for line in shown if (match := re.match(r"[A-Za-z_]{1,24}\s*[=:\t;,|]\s*", line))
    )
    for mark, times in marks.most_common(_MOST_MARKS):
        behind = [line.removeprefix(mark) for line in shown if line.startswith(mark)]
        if times > 1 and (rows := _regular(behind, mark)):
            return rows
    return None


def _unmarked(shown: Sequence[str]) -> _Rows | None:
    """Rows that are known by the number of their cells alone."""
    for cell in DELIMITERS:
        counts = Counter(line.rstrip(cell).count(cell) + 1 for line in shown)
        for count, times in counts.most_common(_MOST_MARKS):
            if times > 1 and count >= _FEWEST:
                same = [line for line in shown if line.rstrip(cell).count(cell) + 1 == count]
                if rows := _regular(same, "", (cell,)):
                    return rows
    return None


def _regular(
    lines_: Sequence[str], mark: str, delimiters: Sequence[str] = tuple(DELIMITERS)
) -> _Rows | None:
    """Rows of equally many cells, of which one is a number; named after what they look like."""
    for cell in delimiters:
        counts = {len(line.rstrip(cell).split(cell)) for line in lines_}
        if len(counts) != 1 or (count := counts.pop()) < _FEWEST:
            continue
        numbered = _Rows(mark, cell, tuple(f"cell {number + 1}" for number in range(count)))
        records = [
            _by_name(numbered, mark + line) for line in lines_ if numbered.is_row(mark + line)
        ]
        table = guess.row(records, named=False)
        texts = [record.get(table["value"] or "", "") for record in records]
        if guess.is_row(table) and any(map(decimals.looks_numeric, texts)):
            return _Rows(mark, cell, _names(numbered, table))
    return None


def _names(rows: _Rows, table: dict[str, str | None]) -> tuple[str, ...]:
    called = {name: what for what, name in table.items() if name}
    return tuple(called.get(name, name) for name in rows.columns)


def _read(shown: Sequence[str], rows: _Rows, separator: str) -> _Reading:
    reading = _Reading(rows, separator)
    section, in_rows = "", not rows.has_header
    for text in shown:
        key, found, value = text.partition(separator)
        if text.startswith("[") and text.endswith("]"):
            section, in_rows = text[1:-1].strip(), not rows.has_header
        elif rows.has_header and rows.cells(text) == rows.columns:
            in_rows = True
        elif in_rows and rows.is_row(text):
            group = {"section": section} if section else {}
            reading.records.append({**group, **_by_name(rows, text)})
        elif text.startswith(("#", "//")) or not found or not key.strip():
            _ignore(reading, text)
        else:
            name = key.strip()
            ends = f" \t{separator}"
            reading.pairs.append((f"{section}/{name}" if section else name, value.strip(ends)))
    return reading


def _ignore(reading: _Reading, text: str) -> None:
    """Lines that say nothing, by how they begin."""
    if len(reading.ignored) > _MOST_IGNORED:
        return  # they are no lines of keys
    beginning = next((mark for mark in ("#", "//") if text.startswith(mark)), "")
    if re.fullmatch(r"[\W_]+", text):
        beginning = text[:3]
    beginning = beginning or text[: guess.LONGEST_NAME].strip()
    if beginning not in reading.ignored:
        reading.ignored.append(beginning)


def _fill(draft: Draft, reading: _Reading) -> str | None:
    tables = draft.tables
    serial = guess.serial_number([dict(reversed(reading.pairs))])
    units, begins = _units(reading.pairs, serial)
    guess.header(tables, units)
    if reading.records:
        named = reading.rows.has_header
        tables.row = guess.row(reading.records)
        if not named:
            tables.row = {
                what: what if what in reading.rows.columns else None for what in tables.row
            }
        if any("section" in record for record in reading.records) and not tables.row["group"]:
            tables.row["group"] = "section"
        guess.learn(tables, reading.records)
    else:
        guess.steps(tables, units)
    guess.decimal(tables, [*reading.records, *units])
    return begins


def _units(pairs: Sequence[tuple[str, str]], serial: str | None) -> tuple[list[Cells], str | None]:
    """What is said of each unit, and the key with which one begins."""
    counts = Counter(key for key, _value in pairs)
    begins = None
    if serial is not None and counts[serial] > 1:
        begins = next(key for key, _value in pairs if counts[key] == counts[serial])
    units: list[Cells] = [{}]
    for key, value in pairs:
        if key == begins and key in units[-1]:
            units.append({})
        units[-1].setdefault(key, value)
    said: dict[str, set[str]] = {}
    for key, value in pairs:
        said.setdefault(key, set()).add(value)
    ambiguous = {key for key in said if counts[key] > len(units) and len(said[key]) > 1}
    return [{k: v for k, v in unit.items() if k not in ambiguous} for unit in units], begins


def _last(draft: Draft, reading: _Reading, shown: Sequence[str]) -> str:
    """How the last line of a whole file begins, if that can be seen."""
    last = shown[-1]
    if _END.match(last):
        return last[: guess.LONGEST_NAME].strip()
    key = last.partition(reading.separator)[0]
    is_result = key.strip() == (draft.tables.header["result"] or "").rpartition("/")[2]
    return key + reading.separator.strip() if key.strip() and is_result else ""


def _constants(reading: _Reading, begins: str | None) -> list[Constant]:
    rows = reading.rows
    literal = {
        "SEPARATOR": ("", literals.text(reading.separator)),
        "VALUE_ENDS": ("", literals.text(f" \t{reading.separator}")),
        "BEGINS": ("str | None", literals.optional(begins)),
        "IGNORED": ("tuple[str, ...]", literals.several(reading.ignored)),
        "ROW_MARK": ("", literals.text(rows.mark)),
        "CELL": ("", literals.text(rows.cell)),
        "COLUMNS": ("tuple[str, ...]", literals.several(rows.columns)),
        "HAS_HEADER_ROW": ("", str(rows.has_header)),
    }
    return [
        Constant(name, type_, value, _COMMENTS[name]) for name, (type_, value) in literal.items()
    ]
