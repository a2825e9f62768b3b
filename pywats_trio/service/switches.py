"""Which converters operators have turned off: remembered over restarts, and told of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.observe.board import Cause

if TYPE_CHECKING:
    from pywats_trio.config.options import Config
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store

DISABLED: Final = "disabled converters"
"""The setting by which they stay off over a restart."""


class Switches:
    """`off` has their names, and who turned each of them off."""

    def __init__(self, store: Store, board: Board) -> None:
        self._store = store
        self._board = board
        self.off: dict[str, str] = _read(store.remembered(DISABLED))

    async def turn(self, name: str, *, off_by: str | None, config: Config) -> None:
        """Off, by somebody, or on again (None). Converters that `config` does not have are left.

        Raises:
            StoreError: it cannot be remembered; nothing was changed.
        """
        configured = {options.name for options in config.converters}
        off = {one: who for one, who in self.off.items() if one in configured and one != name}
        if off_by is not None:
            off[name] = off_by
        await self._store.remember(DISABLED, json.dumps(off))
        self.off = off

    def names(self) -> frozenset[str]:
        """Those that are off, whether there are such or not."""
        return frozenset(self.off)

    def show(self, config: Config) -> None:
        """Put on the board which of `config` are off, and no others."""
        shown = {options.name for options in config.converters if options.enabled}
        for _cause, name in [key for key in self._board.conditions if key[0] is Cause.DISABLED]:
            if name not in shown & self.names():
                self._board.end(Cause.DISABLED, name)
        for name in sorted(shown & self.names()):
            message = f"the converter {name!r} was disabled by {self.off[name]}"
            hint = f"`pywats-trio converters enable {name}` lets its files go on"
            self._board.begin(Cause.DISABLED, name, message, hint)


def _read(text: str) -> dict[str, str]:
    off: Any = json.loads(text or "{}")
    return dict(off)
