"""Rows of figures, each beside its aim where there is one."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import apsw
from attrs import asdict, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


@frozen
class Row:
    """One figure."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    @property
    def aim(self) -> str:
        """The aim and what became of it, in words."""
        if self.met is None:
            return ""
        sign, aim = ("<=", self.at_most) if self.at_most is not None else (">=", self.at_least)
        return f"aim {sign} {aim:g}: {'met' if self.met else 'MISSED'}"


def show(title: str, rows: Iterable[Row]) -> None:
    """Print a question and its figures."""
    print(f"\n{title}")
    for row in rows:
        print(f"  {row.name:58} {_number(row.value):>11} {row.unit:9} {row.aim:26} {row.remark}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def as_json(answers: dict[str, list[Row]]) -> dict[str, Any]:
    """All figures for machines."""
    return {
        "machine": machine(),
        "questions": {
            title: [asdict(row) | {"met": row.met} for row in rows]
            for title, rows in answers.items()
        },
    }


def machine() -> str:
    """What the figures were measured on."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {apsw.sqlite_lib_version()}"
    )
