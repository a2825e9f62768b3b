"""The arguments by which commands say which items they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import evolve, frozen

from pywats_trio.commands.command import BadArguments, arg, nearest
from pywats_trio.model import Kind, Reason, State
from pywats_trio.queue.selection import Selection
from pywats_trio.text import storable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from pywats_trio.commands.host import OpenQueue
    from pywats_trio.model import Item

E = TypeVar("E", bound=StrEnum)

LARGEST_ID: Final = 2**63 - 1
"""What the queue's numbers fit into."""
LONGEST_AGE: Final = 100 * 366 * 86_400.0
"""Seconds."""
LONGEST_TEXT: Final = 1000
"""Characters of a text that is searched for."""
PAGE: Final = 100
"""Items that are looked for, and changed in one transaction: a commit that others wait for takes
some 10 ms then, also where they are removed."""


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
        "came more than so many seconds ago", default=None, low=0, high=LONGEST_AGE
    )
    newer_than: float | None = arg(
        "came at most so many seconds ago", default=None, low=0, high=LONGEST_AGE
    )


def selection(asked: Filter, now: float) -> Selection:
    """What `asked` means at the time `now`, in seconds since the epoch.

    Raises:
        BadArguments: there is no such kind, state or reason, or a text cannot be searched for.
    """
    states = dict.fromkeys(_one_of(State, state.upper(), "state") for state in asked.states)
    return Selection(
        kind=_one_of(Kind, asked.kind.lower(), "kind") if asked.kind else None,
        states=tuple(states) or None,
        reason=_one_of(Reason, asked.reason.lower(), "reason") if asked.reason else None,
        converter=_text(asked, "converter"),
        error_class=_text(asked, "error_class"),
        serial_number=_text(asked, "serial_number"),
        text=_text(asked, "text"),
        since=None if asked.newer_than is None else now - asked.newer_than,
        until=None if asked.older_than is None else now - asked.older_than,
    )


def _one_of(words: type[E], word: str, what: str) -> E:
    try:
        return words(word)
    except ValueError:
        known = [one.value for one in words]
        raise BadArguments(
            f"there is no {what} {word[:80]!r}, there are {', '.join(known)}{nearest(word, known)}"
        ) from None


def _text(asked: Filter, name: str) -> str | None:
    """As it would be stored."""
    text: str = getattr(asked, name)
    if len(text) > LONGEST_TEXT:
        raise BadArguments(f"{name} has {len(text)} characters; give {LONGEST_TEXT} at most")
    if "\0" in text:
        raise BadArguments(f"{name} has a NUL character, and no item is found by that")
    return storable(text) or None


async def each_page(
    queue: OpenQueue, wanted: Selection, do: Callable[[Sequence[Item]], Awaitable[None]]
) -> None:
    """Call `do` with all items that `wanted` means, the oldest first, some at a time.

    Pages go by key: what `do` changes makes no item come twice, and none be passed over.
    """
    after: int | None = None
    while True:
        page = await queue.desk.find(wanted, after=after, limit=PAGE, oldest_first=True)
        if page.items:
            await do(page.items)
        if page.next is None:
            return
        after = page.next


def narrowed(wanted: Selection, states: Iterable[State]) -> Selection:
    """`wanted`, but only items in `states`."""
    allowed = frozenset(states)
    if wanted.states is not None:
        allowed &= frozenset(wanted.states)
    return evolve(wanted, states=tuple(sorted(allowed)))
