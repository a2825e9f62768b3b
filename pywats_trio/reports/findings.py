"""Findings: what was noticed in a report that is sent all the same."""

from __future__ import annotations

from typing import Final, TypeAlias

from pywats_trio.reports.model import Finding, Path, Severity, written

MAX_FINDINGS: Final = 50
"""What more is found is only counted: nothing grows without a bound."""

Trail: TypeAlias = "tuple[()] | tuple[Trail, str | int]"
"""A path as a walk makes it, the last part outermost: `(((), "root"), "name")`. Each level is one
small tuple, and it becomes a path only where something is found."""


def path_of(trail: Trail) -> Path:
    """The same as keys and indexes from the report's object down."""
    parts: list[str | int] = []
    while trail:
        trail, part = trail
        parts.append(part)
    return tuple(reversed(parts))


class Findings:
    """A bounded list of findings, of which no warning keeps out an error."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._warnings = 0
        self._more = 0

    def add(self, path: Path, message: str, severity: Severity = "warning") -> None:
        """One more, at the value that `path` leads to."""
        if len(self._found) == MAX_FINDINGS:
            self._more += 1
            if severity == "warning" or not self._warnings:
                return
            self._drop_a_warning()
        self._warnings += severity == "warning"
        self._found.append(Finding(written(path), message, severity))

    def at(self, trail: Trail, message: str, severity: Severity = "warning") -> None:
        """The same by a trail."""
        self.add(path_of(trail), message, severity)

    def _drop_a_warning(self) -> None:
        last = max(i for i, one in enumerate(self._found) if one.severity == "warning")
        del self._found[last]
        self._warnings -= 1

    def all(self) -> tuple[Finding, ...]:
        """What was found, in order, with a last one that counts the rest."""
        rest = (Finding("", f"{self._more} more findings"),) if self._more else ()
        return (*self._found, *rest)
