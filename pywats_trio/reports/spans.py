"""Places in a JSON text: where a member stands, on which line, and new members spliced in.

Nothing here is on the fast path: a report that goes out as it came is never looked at this way.
The texts have been read once already, so they are sound up to where reading them failed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.reports.model import Path

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_DECODER: Final = json.JSONDecoder()


@frozen
class Member:
    """A key of an object; where it stands in the text, and where its value does."""

    key: str
    key_start: int
    start: int
    end: int


def skip_blank(text: str, position: int) -> int:
    """The first position from here on that holds no white space."""
    match = _BLANK.match(text, position)
    return match.end() if match else position


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Both counted from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def members(text: str, position: int) -> Iterator[Member]:
    """The members of the object that begins at `position`."""
    position = skip_blank(text, position + 1)
    while text[position] == '"':
        key_start = position
        key, position = _DECODER.raw_decode(text, position)
        start = skip_blank(text, skip_blank(text, position) + 1)
        end = _end(text, start)
        yield Member(key, key_start, start, end)
        position = skip_blank(text, end)
        if text[position] != ",":
            return
        position = skip_blank(text, position + 1)


def elements(text: str, position: int) -> Iterator[int]:
    """Where the elements of the list that begins at `position` begin."""
    position = skip_blank(text, position + 1)
    while text[position] != "]":
        yield position
        position = skip_blank(text, _end(text, position))
        if text[position] != ",":
            return
        position = skip_blank(text, position + 1)


def _end(text: str, position: int) -> int:
    _value, end = _DECODER.raw_decode(text, position)
    return end


def find(text: str, path: Path) -> int:
    """Where the value at `path` begins, or its nearest parent if the value is missing."""
    position = skip_blank(text, 0)
    for part in path:
        child = _child(text, position, part)
        if child is None:
            break
        position = child
    return position


def _child(text: str, position: int, part: str | int) -> int | None:
    if isinstance(part, str) and text[position] == "{":
        return next((m.start for m in members(text, position) if m.key == part), None)
    if isinstance(part, int) and text[position] == "[":
        return next((at for i, at in enumerate(elements(text, position)) if i == part), None)
    return None


def token(text: str, key: str) -> str:
    """The value of a member of the report as it is written; the member is there."""
    found = [text[m.start : m.end] for m in members(text, skip_blank(text, 0)) if m.key == key]
    return found[-1]


def spliced(text: str, changes: Mapping[str, str]) -> str:
    """`text`, one object, with the members in `changes` (key to JSON text) set.

    A key that is there gets the new value in its place, one that is missing comes first; every
    other character stays.
    """
    position = skip_blank(text, 0)
    present = list(members(text, position))
    keys = {member.key for member in present}
    added = ",".join(f"{json.dumps(key)}:{new}" for key, new in changes.items() if key not in keys)
    parts = [text[: position + 1], added, "," if added and present else ""]
    last = position + 1
    for member in present:
        if member.key in changes:
            parts += [text[last : member.start], changes[member.key]]
            last = member.end
    return "".join([*parts, text[last:]])


def repeated(text: str, position: int) -> tuple[Member, Member] | None:
    """The first key below `position` that stands twice in one object with different values."""
    try:
        return next(_repeated(text, position), None)
    except RecursionError:  # nested deeper than anything that is accepted
        return None


def _repeated(text: str, position: int) -> Iterator[tuple[Member, Member]]:
    try:
        if text[position] == "{":
            yield from _repeated_here(text, position)
            inner = [member.start for member in members(text, position)]
        else:
            inner = list(elements(text, position))
    except (json.JSONDecodeError, IndexError):  # the text is broken further down
        return
    for child in inner:
        if text[child] in "{[":
            yield from _repeated(text, child)


def _repeated_here(text: str, position: int) -> Iterator[tuple[Member, Member]]:
    seen: dict[str, Member] = {}
    for member in members(text, position):
        other = seen.setdefault(member.key, member)
        if _differ(text, other, member):
            yield other, member


def _differ(text: str, one: Member, other: Member) -> bool:
    def value(member: Member) -> str:
        return repr(_DECODER.raw_decode(text, member.start)[0])

    return one is not other and value(one) != value(other)
