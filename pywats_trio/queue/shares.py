"""Lines that get less of a claim than their turn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Shares:
    """Of the lines of one kind, each named by its converter; what is not named gets its turn."""

    shut: frozenset[str] = frozenset()
    """Lines of which nothing is claimed."""
    single: frozenset[str] = frozenset()
    """Lines of which one item at a time is tried: one that was never claimed, else the one whose
    last claim is longest ago. So a bad file at the head of a line is not tried again and again."""
    change_in: float = math.inf
    """Seconds until they change by themselves; what changes them sooner rings the stage's bell."""

    def left(self, in_hand: Mapping[str, int]) -> Shares:
        """What may be claimed while so many items of each line are in hand."""
        busy = {name for name in self.single if in_hand.get(name)}
        return evolve(self, shut=self.shut | busy, single=self.single - busy) if busy else self


ALL: Final = Shares()
"""Every line gets its turn."""
