"""The arguments by which commands say which items they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, frozen

from pywats_trio.commands.command import BadArguments, arg, nearest
from pywats_trio.model import Kind, Reason, State
from pywats_trio.queue.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.commands.host import OpenQueue
    from pywats_trio.model import Item

E = TypeVar("E", bound=StrEnum)

LONGEST_AGE = 100 * 366 * 86_400.0
"""Seconds."""
PAGE = 500
"""Items that are looked for at a time."""


@frozen
class Filter:
    """Which items; each argument that is given must match."""

    kind: str = arg("`file` or `report`", default="")
    states: tuple[str, ...] = arg("in any of these states", default=())
    reason: str = arg("of SUSPENDED: `retry`, `server` or `converter`", default="")
    converter: str = arg("its name in the configuration", default="")
    error_class: str = arg("of the last error, such as `rejected`", default="")
    serial_number: str = arg("the unit's, whole", default="")
    text: str = arg(
        "part of the serial or part number, the path, the report's id or the last error",
        default="",
    )
    older_than: float | None = arg(
        "came at least so many seconds ago", default=None, low=0, high=LONGEST_AGE
    )
    newer_than: float | None = arg(
        "came at most so many seconds ago", default=None, low=0, high=LONGEST_AGE
    )


def selection(asked: Filter, now: float) -> Selection:
    """What `asked` means at the time `now`, in seconds since the epoch.

    Raises:
        BadArguments: there is no such kind, state or reason.
    """
    states = tuple(_one_of(State, state.upper(), "state") for state in asked.states)
    return Selection(
        kind=_one_of(Kind, asked.kind.lower(), "kind") if asked.kind else None,
        states=states or None,
        reason=_one_of(Reason, asked.reason.lower(), "reason") if asked.reason else None,
        converter=asked.converter or None,
        error_class=asked.error_class or None,
        serial_number=asked.serial_number or None,
        text=asked.text or None,
        since=None if asked.newer_than is None else now - asked.newer_than,
        until=None if asked.older_than is None else now - asked.older_than,
    )


def _one_of(words: type[E], word: str, what: str) -> E:
    try:
        return words(word)
    except ValueError:
        known = ", ".join(words)
        raise BadArguments(
            f"there is no {what} {word[:80]!r}, there are {known}{nearest(word, list(words))}"
        ) from None


async def every(queue: OpenQueue, wanted: Selection) -> list[Item]:
    """All items that `wanted` means, in the order in which they came."""
    found: list[Item] = []
    after: int | None = None
    while True:
        page = await queue.desk.find(wanted, after=after, limit=PAGE, oldest_first=True)
        found += page.items
        if page.next is None:
            return found
        after = page.next


def narrowed(wanted: Selection, states: Iterable[State]) -> Selection:
    """`wanted`, but only items in `states`."""
    allowed = frozenset(states)
    if wanted.states is not None:
        allowed &= frozenset(wanted.states)
    return evolve(wanted, states=tuple(sorted(allowed)))
