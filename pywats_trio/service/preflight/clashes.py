"""Converters that get into each other's way by what their folders really are. Pure.

`config.check` compares paths as they are written; here they are compared with their links resolved,
and with the names that a converter's author says it takes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pywats_trio.config.check import common_name
from pywats_trio.intake.scan import within
from pywats_trio.service.preflight.finding import CONFIG, Finding, error, warning
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.service.preflight.folders import Seen

WATCH: Final = "watch"


@frozen(eq=False)
class Line:
    """One converter and what its folders are."""

    options: ConverterOptions
    seen: Seen
    changed: bool = True
    """Whether it is looked at for its own sake, and not for those that are."""

    @property
    def name(self) -> str:
        """Of the converter."""
        return self.options.name


@frozen
class Meeting:
    """Files in the folder `key` of `first` are in a place where `second` takes files."""

    first: Line
    key: str
    second: Line


class Lines:
    """All lines, quick to search by folder."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._order = {line: number for number, line in enumerate(lines)}
        self._recursive = [line for line in lines if line.options.recursive]
        self._watching: defaultdict[str, list[Line]] = defaultdict(list)
        for line in lines:
            self._watching[line.seen.watch].append(line)

    def takers(self, folder: str) -> Iterator[Line]:
        """Who takes files from `folder`, a path without links."""
        yield from self._watching.get(folder, ())
        for line in self._recursive:
            below = folder != line.seen.watch and within(folder, line.seen.watch)
            if below and not any(within(folder, hidden) for hidden in line.seen.hidden):
                yield line

    def meetings(self) -> Iterator[Meeting]:
        """Where converters meet, if one of the two has changed."""
        for line in self._order:
            for key, folder in ((WATCH, line.seen.watch), *line.seen.targets.items()):
                for other in self.takers(folder):
                    told = key == WATCH and self._is_told(line, other)
                    if not told and (line.changed or other.changed):
                        yield Meeting(line, key, other)

    def _is_told(self, line: Line, other: Line) -> bool:
        """Two on one folder meet twice, and each of them itself."""
        one_folder = line.seen.watch == other.seen.watch
        return one_folder and self._order[other] >= self._order[line]

    def in_own_folders(self, folders: Sequence[str]) -> Iterator[Finding]:
        """Who takes files from one of the service's own `folders`; once each."""
        takers = {line: folder for folder in folders for line in self.takers(folder)}
        for line, folder in takers.items():
            if line.changed:
                key = f"converters.{line.name}.watch"
                message = f"{key}: it takes files from {printable(folder)}, which is the service's"
                hint = "watch a folder outside data_dir, and one that does not contain it"
                yield error("clash", line.name, message, hint, CONFIG)


def nameless(meetings: Sequence[Meeting]) -> list[ConverterOptions]:
    """Those whose file names decide whether a meeting is a clash, and are not configured."""
    lines = {line: None for meeting in meetings for line in (meeting.first, meeting.second)}
    return [line.options for line in lines if not line.options.patterns]


def judge(
    meetings: Iterable[Meeting], patterns: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    """The meetings that are clashes; of two converters that share files already, no more.

    `patterns` are the authors', by the converter's name.
    """
    sharing: set[frozenset[str]] = set()
    for meeting in sorted(meetings, key=lambda meeting: meeting.key != WATCH):
        pair = frozenset({meeting.first.name, meeting.second.name})
        found = None if pair in sharing else _clash(meeting, patterns)
        if found is not None:
            yield found
            if meeting.key == WATCH:
                sharing.add(pair)


def _clash(meeting: Meeting, patterns: Mapping[str, tuple[str, ...]]) -> Finding | None:
    """What is wrong with a meeting, if one file name is known that both take."""
    first, second = (
        evolve(line.options, patterns=line.options.patterns or patterns.get(line.name, ()))
        for line in (meeting.first, meeting.second)
    )
    name = common_name(first, second)
    if name is None:
        return None
    if meeting.key == WATCH:
        return _both_take(meeting, name)
    return _takes_again(meeting, name)


def _both_take(meeting: Meeting, name: str) -> Finding:
    folder = printable(meeting.first.seen.watch)
    message = (
        f"converters.{meeting.first.name}.watch: {meeting.first.name!r} and "
        f"{meeting.second.name!r} would both take a file such as {name!r} in {folder}"
    )
    hint = "give them different folders or patterns"
    return error("clash", meeting.first.name, message, hint, CONFIG)


def _takes_again(meeting: Meeting, name: str) -> Finding:
    """A refused file that another converter tries may be meant so; one that was sent is not."""
    folder = printable(meeting.first.seen.targets[meeting.key])
    message = (
        f"converters.{meeting.first.name}.{meeting.key}: {meeting.second.name!r} would take a file "
        f"such as {name!r} from {folder} again"
    )
    hint = f"choose another {meeting.key}, or different patterns"
    if meeting.key == "error_dir" and meeting.second is not meeting.first:
        return warning("clash", meeting.first.name, message, hint)
    return error("clash", meeting.first.name, message, hint, CONFIG)
