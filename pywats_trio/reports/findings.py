"""Findings: what was noticed in a report that is sent all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.reports.model import Finding, Path, Severity, written

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FINDINGS: Final = 50
"""What more is found is only counted: nothing grows without a bound."""


class Findings:
    """A bounded list of findings."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._more = 0

    def add(self, path: Path, message: str, severity: Severity = "warning") -> None:
        """One more, at the value that `path` leads to."""
        if len(self._found) < MAX_FINDINGS:
            self._found.append(Finding(written(path), message, severity))
        else:
            self._more += 1

    def all(self) -> tuple[Finding, ...]:
        """What was found, in order, with a last one that counts the rest."""
        rest = (Finding("", f"{self._more} more findings"),) if self._more else ()
        return (*self._found, *rest)


def check_lengths(
    holder: Mapping[str, Any], lengths: Mapping[str, int], path: Path, found: Findings
) -> None:
    """Find the texts that are longer than the server's columns (key to characters)."""
    for key, limit in lengths.items():
        value = holder.get(key)
        if value is not None and type(value) is str and len(value) > limit:
            found.add((*path, key), f"{len(value)} characters, WATS keeps {limit}", "error")
