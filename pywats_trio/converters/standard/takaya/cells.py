"""The rows of an .ATD file: quoted cells in a fixed order, or columns that a line above names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.converters.common.reading import Line

_TOKEN: Final = re.compile(r'"([^"]*)"|([^\s"]+)')
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_QUOTED: Final = (
    *("number", "parts", "value", "comment", "high_pin", "low_pin", "nominal", "first", "second"),
    *("plus", "minus", "verdict", "mode", "range", "time", "probes"),
)
_BARE: Final = frozenset({"number", "high_pin", "low_pin", "plus", "minus"})
_COLUMNS: Final = {
    **{"step_number": "number", "parts": "parts", "value": "value", "comment": "comment"},
    **{"location": "location", "h-pin": "high_pin", "l-pin": "low_pin", "judgement": "verdict"},
    **{"ref._value_(char)": "nominal", "test_value_1_(char)": "first"},
    **{"test_value_2_(char)": "second", "tolerance_(+)%": "plus", "tolerance_(-)%": "minus"},
    **{"measuring_mode": "mode", "measuring_range": "range", "measuring_time": "time"},
    **{"access_probe": "probes", "function": "function"},
}
_OF_UNITS: Final = frozenset({"value", "nominal", "first", "second"})
"""Columns that may have one for their unit behind them."""
_NEEDED: Final = ("number", "parts", "nominal", "first", "verdict", "function")


@frozen
class Row:
    """The cells of one row by their names; a cell that the layout does not have is empty."""

    line: Line
    cells: Mapping[str, str]

    def get(self, name: str) -> str:
        """A cell without the blanks around it; empty, too, for the * that stands for nothing."""
        text = self.cells.get(name, "").strip()
        return "" if text == "*" else text

    @property
    def number(self) -> int | None:
        """Its place in the test program."""
        text = self.cells["number"]
        return int(text) if _NUMBER.fullmatch(text) else None


@define
class Table:
    """Reads the rows of a file, in the layout that they have."""

    _columns: list[str] = field(factory=list, init=False)
    """The names of the columns, `unit` behind the one whose unit it is; empty: quoted cells."""

    def heads(self, line: Line) -> bool:
        """Whether this line names the columns; then those of the rows after it.

        Raises:
            Reject: columns are missing without which there is no test.
        """
        names = [cell.strip().lower() for cell in line.text.split("\t")]
        if "step_number" not in names:
            return False
        columns = [_COLUMNS.get(name, name) for name in names]
        for at, name in enumerate(columns[1:], 1):
            if name == "unit" and columns[at - 1] in _OF_UNITS:
                columns[at] = f"{columns[at - 1]} unit"
        if missing := [name for name in _NEEDED if name not in columns]:
            raise line.refusal(f"the table has no column for the {missing[0]} of a test")
        self._columns = columns
        return True

    def row(self, line: Line) -> Row | None:
        """The row of this line, None where it is none.

        Raises:
            Reject: it is one, but cut off or damaged.
        """
        start = line.text.lstrip()[:1]
        if not ("0" <= start <= "9"):
            return None
        return self._named(line) if self._columns else _quoted(line)

    def _named(self, line: Line) -> Row:
        cells = line.text.split("\t")
        if len(cells) < len(self._columns):
            raise line.refusal(
                f"a row with {len(cells)} cells, {len(self._columns)} are expected",
                hint="The line is cut off; write the file anew.",
            )
        named: dict[str, str] = {}
        for name, cell in zip(self._columns, cells, strict=False):
            named.setdefault(name, cell.strip())
        for name in _OF_UNITS:
            if unit := named.get(f"{name} unit"):
                named[name] = f"{named[name]} {unit}"
        return Row(line, named)


def _quoted(line: Line) -> Row:
    tokens = list(_TOKEN.finditer(line.text))
    own, rest = tokens[: len(_QUOTED)], tokens[len(_QUOTED) :]
    as_expected = [
        (token[1] is None) == (name in _BARE) for token, name in zip(own, _QUOTED, strict=False)
    ]
    texts = [token[1].strip() for token in rest if token[1] is not None]
    if len(own) < len(_QUOTED) or not all(as_expected) or not texts or line.text.count('"') % 2:
        raise line.refusal(
            "a row with a cell missing or without its second quote",
            hint="The line is cut off or damaged; write the file anew.",
        )
    function, *more = texts
    guards = [token[2] for token in rest if token[2] not in (None, "0")]
    cells = {name: (token[1] or token[2] or "") for name, token in zip(_QUOTED, own, strict=True)}
    return Row(
        line, {**cells, "function": function, "guards": " ".join(guards), "more": " ".join(more)}
    )
