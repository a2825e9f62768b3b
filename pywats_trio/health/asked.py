"""The filter and the page that the address of a listing asks for: the arguments of `get_queue`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from attrs import fields

from pywats_trio.commands.command import BadArguments, nearest
from pywats_trio.commands.queue.filters import LONGEST_AGE
from pywats_trio.commands.queue.look import MOST, GetQueue
from pywats_trio.errors import InvalidInputError
from pywats_trio.health.numbers import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.datastructures import MultiDict

SEVERAL: Final = "states"
"""May be given several times; all others once."""


def listing(asked: MultiDict[str, str]) -> GetQueue:
    """The parameters of an address as arguments; nothing is passed over.

    Raises:
        InvalidInputError: one is unknown, given twice, empty, or not what it should be.
    """
    known = [field.name for field in fields(GetQueue)]
    values: dict[str, Any] = {}
    for name, given in asked.lists():
        if name not in known:
            raise BadArguments(f"there is no parameter {name[:80]!r}{nearest(name, known)}")
        if "" in given:
            raise BadArguments(f"{name} is empty; leave it out, or give it a value")
        if name == SEVERAL:
            values[name] = tuple(given)
        elif len(given) > 1:
            raise BadArguments(f"{name} is given {len(given)} times; give it once")
        else:
            values[name] = _READ.get(name, _text)(name, given[0])
    return GetQueue(**values)


def _text(_name: str, text: str) -> str:
    return text


def _limit(name: str, text: str) -> int:
    return whole(name, text, low=1, high=MOST)


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_AGE:
        raise InvalidInputError(f"{name} must be a number of seconds from 0 to {LONGEST_AGE:.0f}")
    return seconds


def _yes_or_no(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise InvalidInputError(f"{name} must be true or false")
    return text == "true"


_READ: Final[dict[str, Callable[[str, str], Any]]] = {
    "limit": _limit,
    "after": whole,
    "older_than": _seconds,
    "newer_than": _seconds,
    "oldest_first": _yes_or_no,
}
"""How each parameter is read that is no text."""
