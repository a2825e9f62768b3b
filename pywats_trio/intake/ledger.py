"""What was accepted from one folder and still lies there; the store's `seen` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywats_trio.intake.scan import Known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.intake.settle import Look
    from pywats_trio.model import Identity


class Ledger:
    """Path to identity of accepted files, and the paths that the store has to forget."""

    def __init__(self, seen: Mapping[str, Identity]) -> None:
        self._known = {path: Known(identity, None) for path, identity in seen.items()}
        self._gone: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def snapshot(self) -> dict[str, Known]:
        """A copy that a thread may read."""
        return self._known.copy()

    def knows(self, path: str, look: Look) -> bool:
        """Whether `look` saw the very file that was accepted under this path."""
        known = self._known.get(path)
        return known is not None and known.is_still(look)

    def add(self, path: str, look: Look) -> Known:
        """`path` is being accepted."""
        known = self._known[path] = Known(look.identity, look.ctime_ns)
        return known

    def take_back(self, path: str, known: Known) -> None:
        """It was not accepted after all, as far as is known."""
        if self._known.get(path) is known:
            del self._known[path]

    def adopt(self, path: str, before: Known, look: Look) -> None:
        """A scan saw an unchanged file from before this start."""
        if before.ctime_ns is None and self._known.get(path) is before:
            self._known[path] = Known(before.identity, look.ctime_ns)

    def gone(self, path: str, known: Known | None = None) -> None:
        """Nothing lies under `path` any more (`known`: if it is still that entry)."""
        if path in self._known and known in {None, self._known[path]}:
            del self._known[path]
            self._gone[path] = None

    def many_gone(self, many: int) -> bool:
        """Whether the store has to forget at least `many` paths."""
        return len(self._gone) >= many

    def take_gone(self) -> list[str]:
        """The paths that the store has to forget; the caller sees to it."""
        gone, self._gone = list(self._gone), {}
        return gone

    def put_back_gone(self, paths: list[str]) -> None:
        """The store could not forget them yet."""
        self._gone = dict.fromkeys(paths) | self._gone
