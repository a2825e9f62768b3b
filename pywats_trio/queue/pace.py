"""How much the keeper does at once: little enough that nobody's commit waits long for it."""

from __future__ import annotations

from typing import Final

import trio
from attrs import define, field

STEP_SECONDS: Final = 0.01
"""What a step may take of the writer's time, about."""
LEAST: Final = 10
LONGEST_REST: Final = 1.0
"""Seconds."""


@define
class Pace:
    """Steps of the size that the disk allows, each followed by a rest as long as it took.

    So at most half of the writer's time is taken. That is enough to keep up: to remove an item
    costs less than its life before.
    """

    most: int
    """Rows, or pages, of one step."""
    size: int = field(init=False)
    """Of the next step."""
    _begun: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self.size = self.most

    def begin(self) -> int:
        """A step begins; how large it is to be."""
        self._begun = trio.current_time()
        return self.size

    async def rest(self, seconds: float) -> None:
        """The step took `seconds` of the writer's time, and longer with the wait for it."""
        if seconds > STEP_SECONDS:
            self.size = max(LEAST, self.size // 2)
        elif seconds < STEP_SECONDS / 4:
            self.size = min(self.most, self.size * 2)
        await trio.sleep(min(trio.current_time() - self._begun, LONGEST_REST))
