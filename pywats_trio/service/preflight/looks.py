"""Many short looks that block, in few threads, none of which waits for one that hangs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

PATIENCE: Final = 2.0
"""Seconds for all looks together: a share that has not answered by then hangs."""
FEW: Final = 2
"""Threads to begin with: hundreds of healthy local folders need no more."""
GROW_SECONDS: Final = 0.02
"""While something is not even begun after so long, there are twice as many threads."""


async def look(looks: Sequence[Callable[[], T]], patience: float) -> list[T | None]:
    """What each of `looks` returns; None if it did not within `patience` seconds.

    A look that hangs is left behind in its thread, and so are all of them if this is cancelled;
    what was not begun by then never is.
    """
    results: dict[int, T] = {}
    todo = deque(enumerate(looks))

    def work() -> None:
        while todo:
            try:
                number, one = todo.popleft()
            except IndexError:  # another thread was quicker
                return
            results[number] = one()

    try:
        with trio.move_on_after(patience):
            await _in_threads(work, todo)
    finally:
        todo.clear()
    return [results.get(number) for number in range(len(looks))]


async def _in_threads(work: Callable[[], None], todo: deque[tuple[int, Callable[[], T]]]) -> None:
    """Run `work` in as many threads as it takes to begin everything that is `todo`."""
    limiter = trio.CapacityLimiter(max(1, len(todo)))
    none_left = trio.Event()

    async def help_out() -> None:
        await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)
        none_left.set()

    async with trio.open_nursery() as nursery:
        threads, more = 0, FEW
        while todo:
            for _ in range(min(more, len(todo))):
                nursery.start_soon(help_out)
            threads += more
            more = threads
            with trio.move_on_after(GROW_SECONDS):
                await none_left.wait()
