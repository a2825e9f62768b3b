"""When a failure of an item's own is tried again: exponential backoff with full jitter.

Full jitter spreads the stations of a factory that all lost the same server; the floor of a tenth
keeps a lucky draw from hammering it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.model import Failed, Problem, Reason, Wait

if TYPE_CHECKING:
    from random import Random

    from pywats_trio.config.options import RetryOptions
    from pywats_trio.model import Item

FLOOR: Final = 0.1
"""The shortest interval, as a share of the longest that the draw could give."""


def backoff(attempt: int, options: RetryOptions, random: Random) -> float:
    """Seconds to wait after the `attempt`-th failure in a row (1 is the first).

    Drawn evenly between a tenth of and the whole of `base_seconds * 2 ** (attempt - 1)`, which
    never grows beyond `max_seconds`.
    """
    # The exponent is capped so that a counter that ran for years does not overflow a float.
    longest = min(options.max_seconds, options.base_seconds * 2.0 ** min(attempt - 1, 64))
    return random.uniform(FLOOR * longest, longest)


def after_failure(
    item: Item, problem: Problem, options: RetryOptions, random: Random, *, died: bool = False
) -> Wait | Failed:
    """What a failure of the item's own leads to: another attempt, or the end."""
    if item.attempts + 1 >= item.max_attempts:
        return Failed(problem, died=died)
    delay = backoff(item.attempts + 1, options, random)
    return Wait(delay, Reason.RETRY, problem, counts=True, died=died)
