"""Which items are meant: the filter of listings and of changes, and its form in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.model import State

if TYPE_CHECKING:
    from pywats_trio.model import Kind, Reason

FEW: Final = frozenset({State.FAILED, State.QUARANTINED, State.HELD})
"""States with an index of their own."""


@frozen
class Selection:
    """Every field that is not None must match."""

    ids: tuple[int, ...] | None = None
    """Empty: none of them, so that an empty list does not come to mean all."""
    kind: Kind | None = None
    states: tuple[State, ...] | None = None
    """In any of them; empty: in none."""
    reason: Reason | None = None
    converter: str | None = None
    error_class: str | None = None
    serial_number: str | None = None
    text: str | None = None
    """Part of the serial or part number, the source's path, the report's id or the last error;
    upper and lower case are the same in ASCII."""
    since: float | None = None
    """Came at this time or later; seconds since the epoch."""
    until: float | None = None
    """Came before this time."""
    killed_other_than: str | None = None
    """FILE: it killed workers of another version of its converter than this one."""


_EQUAL: Final = {
    "kind": "kind",
    "reason": "reason",
    "converter": "converter",
    "error_class": "error_kind",
    "serial_number": "serial_number",
}
"""Fields that must be equal, and their columns."""
_SEARCHED: Final = ("serial_number", "part_number", "source", "report_id", "last_error")


def where(selection: Selection) -> tuple[str, list[Any]]:
    """The condition in SQL, with ` AND ` before each part of it, and its values."""
    parts: list[str] = []
    values: list[Any] = []

    def add(part: str, *more: Any) -> None:  # noqa: ANN401 - values of a statement
        parts.append(part)
        values.extend(more)

    for name, column in _EQUAL.items():
        if (value := getattr(selection, name)) is not None:
            add(f"{column} = ?", getattr(value, "value", value))
    for column, several in (("id", selection.ids), ("state", selection.states)):
        if several is not None:
            marks = ",".join("?" * len(several))
            add(f"{column} IN ({marks})", *(getattr(one, "value", one) for one in several))
    if selection.since is not None:
        add("created_at >= ?", selection.since)
    if selection.until is not None:
        add("created_at < ?", selection.until)
    if selection.killed_other_than is not None:
        add("deaths > 0 AND code <> ?", selection.killed_other_than)
    if selection.text is not None:
        pattern = f"%{_escaped(selection.text)}%"
        found = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in _SEARCHED)
        add(f"({found})", *[pattern] * len(_SEARCHED))
    return "".join(f" AND {part}" for part in [*parts, *_of_indexes(selection)]), values


def _of_indexes(selection: Selection) -> list[str]:
    """What follows already, word for word as indexes of some rows ask for it."""
    few = selection.states and FEW.issuperset(selection.states)
    return [
        *(["state IN ('FAILED', 'QUARANTINED', 'HELD')"] if few else []),
        *(["serial_number <> ''"] if selection.serial_number else []),
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
