"""What the two tasks of one watch share; in memory and made anew by each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import trio
from attrs import field, frozen

from pywats_trio.bell import Bell
from pywats_trio.observe.board import Board

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.intake.ledger import Ledger
    from pywats_trio.intake.scan import Folder
    from pywats_trio.intake.settle import Settler

T = TypeVar("T")


@frozen
class FolderState:
    """One watch folder: its rules, what waits to settle, what was accepted and still lies there."""

    options: ConverterOptions
    folder: Folder
    settler: Settler
    ledger: Ledger
    limiter: trio.CapacityLimiter
    board: Board = field(factory=Board)
    bell: Bell = field(factory=Bell)
    """Rung when the settler has been told something."""

    async def in_thread(self, look: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
        """Look at the folder in its own thread; a look that hangs is left behind if cancelled."""
        return await trio.to_thread.run_sync(
            look, *arguments, limiter=self.limiter, abandon_on_cancel=True
        )
