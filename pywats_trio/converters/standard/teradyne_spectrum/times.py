"""When a board was tested, and how long its steps took: a step lasts until the next one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from attrs import frozen

from pywats_trio.converters.common.local_times import Clock, seconds_between

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from pywats_trio.converters.standard.teradyne_spectrum.nodes import Node

_TIMES: Final = "%m/%d/%Y %H:%M:%S"
_FINE_TIMES: Final = "%m/%d/%Y %H:%M:%S:%f"
"""Of USER fields: `16:44:38:124`."""


@frozen
class Times:
    """The times of one board."""

    start: str | None
    """The first TIME; without steps what the USER fields say."""
    seconds: float | None
    """To EndTime, else to the last TIME."""
    _took: dict[int, float | None]
    """By the ids of the steps."""

    def took(self, step: Node) -> float | None:
        """How long a step took, in seconds; None where it is not known."""
        return self._took.get(id(step))

    @classmethod
    def of(
        cls, tests: Iterable[Node], *, zone: tzinfo | None, date: str, start: str, end: str
    ) -> Self:
        """The times of these steps; `date`, `start` and `end` are those of the USER fields.

        Raises:
            Reject: a TIME is none.
        """
        clock = Clock(_TIMES, zone)
        begun = [
            (node, time)
            for node in tests
            if (time := clock.instant(node.get("TIME"), "TIME", f"{node.key} (line {node.line})"))
        ]
        if not begun:
            first = _user_time(date, start, zone)
            return cls(first, seconds_between(first, _user_time(date, end, zone)), {})
        first, last = begun[0][1], begun[-1][1]
        ended = _user_time(begun[-1][0].get("TIME").split()[0], end, zone)
        took = {
            id(node): seconds_between(time, following)
            for (node, time), following in zip(
                begun, [*(time for _, time in begun[1:]), ended], strict=True
            )
        }
        if (seconds := seconds_between(first, ended)) is None:
            seconds = seconds_between(first, last)
        return cls(first, seconds, took)


def _user_time(date: str, time: str, zone: tzinfo | None) -> str | None:
    """A time that a test program printed; None where it is in no form that is known."""
    text = f"{date} {time}"
    return Clock(_FINE_TIMES, zone).read(text) or Clock(_TIMES, zone).read(text)
