"""Which of the names in a file mean what, by their words and by what stands under them."""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.cli.converters.new import times, vocabulary
from pywats_trio.converters.common import decimals, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.reports.steps import Status

LONGEST_NAME: Final = 48
"""Characters of a name that goes into a table of the converter."""
LONGEST_VALUE: Final = 100
Cells = dict[str, str]
_LONGEST_UNIT: Final = 8
_MOST_NAMES: Final = 1000
"""Names that are looked at."""
_BLANKS: Final = frozenset({"-", "--", "---", "*", "N/A", "NA", "NONE", "NULL", "N.A."})
"""What testers write where there is no number."""
_NOT_FINITE: Final = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity"})
_UNIT_IN_NAME: Final = re.compile(r"[\[(]([^\])]{1,8})[\])]\s*$")


@define
class Tables:
    """What goes into the tables of the converter."""

    header: dict[str, str | None] = field(factory=lambda: dict.fromkeys(vocabulary.HEADER))
    row: dict[str, str | None] | None = None
    steps: dict[str, str] | None = None
    """Without rows: the names of the values, each with its unit."""
    time_format: str = ""
    decimal: Mark = "."
    statuses: dict[str, Status] = field(factory=dict)
    blanks: list[str] = field(factory=list)
    """Words that stand where there is no number."""
    notes: list[str] = field(factory=list)


@frozen
class _Column:
    name: str
    texts: tuple[str, ...]
    """Those that are not blank."""

    @property
    def is_numeric(self) -> bool:
        said = [text for text in self.texts if text.upper() not in _BLANKS]
        return bool(said) and all(map(_is_number, said))


def _is_number(text: str) -> bool:
    return decimals.looks_numeric(text) or text.lower() in _NOT_FINITE


def columns(records: Iterable[Mapping[str, str]]) -> list[_Column]:
    """What stands under each name, in the order in which the names appear."""
    texts: dict[str, list[str]] = {}
    for record in records:
        for name, text in record.items():
            if name not in texts and len(texts) >= _MOST_NAMES:
                continue
            under = texts.setdefault(name, [])
            if text.strip():
                under.append(text.strip())
    return [
        _Column(name, tuple(under))
        for name, under in texts.items()
        if under and is_usable(name) and all(len(text) <= LONGEST_VALUE for text in under)
    ]


def is_usable(name: str) -> bool:
    """Whether it can stand in a table."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def best(
    found: Sequence[_Column], spoken: Sequence[str], fits: Callable[[_Column], bool]
) -> str | None:
    """The column with the first of these words for a name whose content fits."""
    ranked = [
        (spoken.index(spelling), nearness, number, column)
        for number, column in enumerate(found)
        for nearness, spelling in enumerate(vocabulary.spellings(column.name))
        if spelling in spoken
    ]
    for _rank, _nearness, _number, column in sorted(ranked, key=lambda one: one[:3]):
        if fits(column):
            return column.name
    return None


def serial_number(records: Sequence[Mapping[str, str]]) -> str | None:
    """The name under which the serial number stands."""
    found = columns(records)
    spoken = vocabulary.HEADER["serial_number"]
    return best(found, spoken, lambda _column: True) or next(
        (column.name for column in found if "serial" in vocabulary.plain(column.name)), None
    )


def header(tables: Tables, units: Sequence[Mapping[str, str]], taken: Iterable[str] = ()) -> None:
    """Fill in the table HEADER from what is said of each unit."""
    found = [column for column in columns(units) if column.name not in {*taken}]
    _serial(tables, found, len(units), units)
    _start(tables, found)
    for what, fits in _FITTING.items():
        left = [column for column in found if column.name not in tables.header.values()]
        tables.header[what] = best(left, vocabulary.HEADER[what], fits)
    if result := tables.header["result"]:
        _learn(tables, [column for column in found if column.name == result])


def _serial(
    tables: Tables,
    found: Sequence[_Column],
    count: int,
    units: Sequence[Mapping[str, str]],
) -> None:
    tables.header["serial_number"] = name = serial_number(units)
    said = sum(len(column.texts) for column in found if column.name == name)
    if name is not None and said < count:
        tables.notes.append(f"{count - said} of {count} units have no {name}")


def _start(tables: Tables, found: Sequence[_Column]) -> None:
    texts = {column.name: column.texts for column in found}
    spoken = vocabulary.HEADER["start"]
    name = best(found, spoken, lambda column: times.look(column.texts) is not None)
    written = times.look(texts[name]) if name else None
    if name is None:
        name = best(found, spoken, lambda c: times.look(c.texts, days_alone=True) is not None)
        written = times.look(texts[name], days_alone=True) if name else None
        written = _with_hours(tables, found, name, texts) if name else written
    if name is None or written is None:
        return
    tables.header["start"], tables.time_format = name, written.format
    if written.other:
        tables.notes.append(
            f"the times fit {written.format} and {written.other}; correct TIME_FORMAT if the "
            "first is wrong"
        )


def _with_hours(
    tables: Tables, found: Sequence[_Column], day: str, texts: Mapping[str, tuple[str, ...]]
) -> times.Written | None:
    """The format of a day, with that of the hour if it stands under a name of its own."""

    def both(column: _Column) -> list[str]:
        pairs = zip(texts[day], column.texts, strict=False)
        return [f"{one} {other}" for one, other in pairs]

    others = [column for column in found if column.name != day]
    hour = best(
        others, vocabulary.HEADER["start_time"], lambda column: times.look(both(column)) is not None
    )
    if hour is None:
        tables.notes.append(f"{day} has no time of day: each test begins at midnight")
        return times.look(texts[day], days_alone=True)
    tables.header["start_time"] = hour
    return times.look(both(next(column for column in others if column.name == hour)))


def _is_words(column: _Column) -> bool:
    return all(vocabulary.status(text) is not None for text in column.texts)


def _is_result(column: _Column) -> bool:
    return all(vocabulary.status(text) in {"P", "F", "E", "T"} for text in column.texts)


def _is_code(column: _Column) -> bool:
    return all(len(t) <= 4 and t.isascii() and t.isdecimal() for t in column.texts)  # noqa: PLR2004


def _is_anything(_column: _Column) -> bool:
    return True


_FITTING: Final[dict[str, Callable[[_Column], bool]]] = {
    **dict.fromkeys(("part_number", "revision", "batch"), _is_anything),
    "seconds": lambda column: column.is_numeric,
    **dict.fromkeys(("operator", "station"), _is_anything),
    "process_code": _is_code,
    **dict.fromkeys(("program", "version"), _is_anything),
    "result": _is_result,
}


def row(records: Sequence[Mapping[str, str]], *, named: bool = True) -> dict[str, str | None]:
    """The table ROW for these; without names of their own, by content alone."""
    found = columns(records)
    table: dict[str, str | None] = dict.fromkeys(vocabulary.ROW)
    if named:
        _by_words(table, found, len(records))
        _check_limit(table, records)
    else:
        _by_content(table, found)
    return table


def is_row(table: Mapping[str, str | None]) -> bool:
    """Whether that is enough for a step."""
    return table["name"] is not None and (table["value"] or table["status"]) is not None


def _check_limit(table: dict[str, str | None], records: Sequence[Mapping[str, str]]) -> None:
    """An expected text stands where there are no limits; a nominal value beside them is none."""
    cells = [
        {what: record.get(name or "", "").strip() for what, name in table.items()}
        for record in records
    ]
    given = [one for one in cells if one["limit"]]
    if any(
        one["low"] or one["high"] or (_is_number(one["limit"]) and one["limit"] != one["value"])
        for one in given
    ):
        table["limit"] = None


def _by_words(table: dict[str, str | None], found: Sequence[_Column], count: int) -> None:
    own = [column for column in found if not column.name.startswith("../")]
    fitting: dict[str, Callable[[_Column], bool]] = {
        "status": _is_words,
        "low": lambda column: column.is_numeric,
        "high": lambda column: column.is_numeric,
        "unit": lambda column: not column.is_numeric,
        "name": lambda column: len(column.texts) == count,
        "value": _is_anything,
        "limit": _is_anything,
    }
    for what, fits in fitting.items():
        left = [column for column in own if column.name not in table.values()]
        table[what] = best(left, vocabulary.ROW[what], fits)
    text = [column for column in own if column.name == "." and not _is_words(column)]
    if table["value"] is None and text:
        table["value"] = "."
    around = [column for column in found if column.name.count("/") == 1 and ".." in column.name]
    names = (*vocabulary.ROW["group"], "name", "title", "id")
    left = [column for column in own if column.name not in table.values()]
    table["group"] = best(left, vocabulary.ROW["group"], _is_anything) or best(
        around, names, _is_anything
    )


def _by_content(table: dict[str, str | None], found: Sequence[_Column]) -> None:
    numeric = [column for column in found if column.is_numeric]
    texts = [column for column in found if not column.is_numeric]
    status = next((column for column in texts if _is_words(column)), None)
    others = [column for column in texts if column is not status]
    table["status"] = status.name if status else None
    table["name"] = others[0].name if others else None
    units = (c for c in others[1:] if all(len(text) <= _LONGEST_UNIT for text in c.texts))
    table["unit"] = next((column.name for column in units), None)
    if len(numeric) > 2:  # noqa: PLR2004 - a value and two limits
        value, low, high = max(permutations(numeric[-3:]), key=_order)
        table.update(value=value.name, low=low.name, high=high.name)
    elif numeric:
        table["value"] = numeric[0].name


def _order(three: Sequence[_Column]) -> tuple[int, int]:
    """How well they are a value and its limits, the low one first."""
    rows = [
        [decimals.value(text.replace(",", "."), ".") or 0.0 for text in texts]
        for texts in zip(*(column.texts for column in three), strict=False)
    ]
    numbers = [[float(number) for number in one] for one in rows]
    ordered = sum(low <= high for _value, low, high in numbers)
    return ordered, sum(low <= value <= high for value, low, high in numbers)


def learn(tables: Tables, records: Sequence[Mapping[str, str]]) -> None:
    """The words of the rows' statuses that nobody knows by themselves."""
    name = tables.row["status"] if tables.row else None
    _learn(tables, [column for column in columns(records) if column.name == name])


def _learn(tables: Tables, found: Iterable[_Column]) -> None:
    for column in found:
        for text in dict.fromkeys(column.texts):
            letter = vocabulary.status(text)
            if letter is not None and words.status(text) is None:
                tables.statuses[text] = letter


def steps(tables: Tables, units: Sequence[Mapping[str, str]]) -> None:
    """Without rows: what else is said of a unit and is a number or a verdict is a step."""
    used = {*tables.header.values()}
    tables.steps = {}
    for column in columns(units):
        texts = column.texts
        is_verdict = all(words.verdict(text) is not None for text in texts)
        if column.name not in used and (column.is_numeric or is_verdict):
            unit = _UNIT_IN_NAME.search(column.name)
            tables.steps[column.name] = unit[1] if unit else ""


def decimal(tables: Tables, records: Iterable[Mapping[str, str]]) -> None:
    """The decimal mark of the values and limits."""
    names = {tables.header["seconds"], *(tables.steps or {})}
    names |= {(tables.row or {}).get(what) for what in ("value", "low", "high")}
    seen: set[Mark] = set()
    for column in columns(records):
        if column.name in names:
            blank = [text for text in dict.fromkeys(column.texts) if text.upper() in _BLANKS]
            tables.blanks += [text for text in blank if text not in tables.blanks]
            seen |= {mark for text in column.texts if (mark := decimals.mark_in(text))}
    if seen == {","}:
        tables.decimal = ","
    elif len(seen) > 1:
        tables.notes.append("numbers have a decimal comma here and a point there; see DECIMAL")
