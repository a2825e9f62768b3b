"""Work on files, away from the event loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(step: Callable[..., T], *values: object) -> T:
    """Run `step` in a thread. Cancelled, it returns at once: a stick that hangs is left behind."""
    return await trio.to_thread.run_sync(partial(step, *values), abandon_on_cancel=True)
