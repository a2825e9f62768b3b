"""What waits in a queue folder of pyWATS, in either of its two layouts. Blocks; changes nothing.

The one of its service (A) has a report in each file, and its state for an ending:

- `NAME.queued`, `.processing` or `.error`: not delivered; the oldest file comes first;
- `NAME.error.info`: why it failed; it stays behind when a later try has succeeded;
- `NAME.completed`: delivered, and never removed.

The one of its library (B) has two files for each item, a report and what is known of it:

- `ID.STATE.wsjf` and `ID.STATE.meta.json`, of the states in `_STATES`.

There an item that changes its state gets a new meta file while the report keeps its old name: so an
item is what all files of its id say together, and the last state that is reached among them counts.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import Factory, define, field, frozen

from pywats_trio.errors import InvalidInputError, NotFoundError
from pywats_trio.intake.scan import identity
from pywats_trio.intake.trouble import to_do
from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST
from pywats_trio.observe.status import iso
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.model import Identity

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_STATES: Final = "pending|processing|completed|failed|suspended"
_META: Final = re.compile(rf"(?P<name>.+)\.(?P<state>{_STATES})\.meta\.json", re.DOTALL)
_REPORT: Final = re.compile(rf"(?P<name>.+)\.(?P<state>{_STATES})\.wsjf", re.DOTALL)
_INFO: Final = re.compile(r"(?P<name>.+)\.error\.info", re.DOTALL)
_PLAIN: Final = re.compile(r"(?P<name>.+)\.(?P<state>queued|processing|error|completed)", re.DOTALL)
LARGEST_NOTE: Final = 1024 * 1024
"""Bytes of a meta file or an `.error.info`; what is larger is none."""
USUAL_PRIORITY: Final = 5
TOLD: Final = 1000
"""Characters of an error text."""


class Unreadable(Exception):
    """A report cannot be used; its text says why."""


@frozen
class Waiting:
    """A report that pyWATS has not delivered."""

    path: str
    name: str
    """The path without the state, so that it is the same whatever becomes of it there."""
    size: int
    """Bytes."""
    priority: int
    at: float
    """When it came to pyWATS, seconds since the epoch."""
    past: tuple[str, ...]
    """What happened to it there, a sentence each."""
    beside: tuple[str, ...] = ()
    """Files that tell of it."""


@define
class Survey:
    """A folder as it was found."""

    waiting: list[Waiting] = Factory(list)
    """In the order in which pyWATS would have sent them."""
    delivered: int = 0
    """Reports that pyWATS says it has delivered."""
    unusable: list[tuple[str, str]] = Factory(list)
    """Paths of what bears the name of a report and is no file, and why."""


def survey(folder: Path) -> Survey:
    """What lies in `folder` itself: neither folders in it nor links are followed.

    Raises:
        NotFoundError: there is no such folder.
        InvalidInputError: it is none, or cannot be read.
    """
    told = printable(str(folder))
    found = Survey()
    try:
        files = _Files(str(folder.resolve(strict=True)), found)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no folder {told}; give the one in which pyWATS keeps its queue"
        ) from error
    except OSError as error:
        raise InvalidInputError(
            f"{told} cannot be read ({error.strerror}); {to_do(error)}"
        ) from error
    for waiting in (*_plain(files, found), *_pairs(files, found)):
        found.waiting.append(waiting)
    found.waiting.sort(key=lambda one: (one.priority, one.at, one.path))
    return found


def read(path: str, limit: int) -> tuple[bytes, Identity]:
    """The bytes of a report, and which file they are from.

    Raises:
        Unreadable: it is no regular file any more, larger than `limit`, or cannot be read.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise Unreadable(f"it cannot be opened ({error.strerror})") from error
    with open(descriptor, "rb") as file:  # noqa: PTH123 - what is open already
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is no regular file")
        if status.st_size > limit:
            raise Unreadable(
                f"it has {status.st_size} bytes, more than the {limit} that are taken this way; "
                "put it into a watch folder of a wats-json converter"
            )
        try:
            return file.read(limit), identity(status)
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from error


_Found = tuple["re.Match[str]", os.stat_result]
"""What a name says, and its file."""


@define
class _Files:
    """The regular files of the folder, by what their names say."""

    folder: str
    found: Survey
    plain: list[_Found] = field(init=False, factory=list)
    reports: dict[str, list[_Found]] = field(init=False, factory=lambda: defaultdict(list))
    infos: dict[str, str] = field(init=False, factory=dict)
    metas: dict[str, list[re.Match[str]]] = field(init=False, factory=lambda: defaultdict(list))

    def __attrs_post_init__(self) -> None:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                self._sort(entry)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)  # noqa: PTH118 - any bytes, as str

    def _sort(self, entry: os.DirEntry[str]) -> None:
        """Where it belongs; what is no part of a queue is passed over."""
        if match := _META.fullmatch(entry.name):
            self.metas[match["name"]].append(match)
        elif match := _INFO.fullmatch(entry.name):
            self.infos[match["name"]] = entry.name
        elif match := _REPORT.fullmatch(entry.name) or _PLAIN.fullmatch(entry.name):
            kept = self.reports[match["name"]] if match.re is _REPORT else self.plain
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # pyWATS has given it another name meanwhile
                return
            if stat.S_ISREG(status.st_mode):
                kept.append((match, status))
            else:
                what = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
                self.found.unusable.append((entry.path, f"it is {what}"))


# A: one file for each report


def _plain(files: _Files, found: Survey) -> Iterator[Waiting]:
    failed = {match["name"] for match, _status in files.plain if match["state"] == "error"}
    for match, status in files.plain:
        name, state = match["name"], match["state"]
        if state == "completed":
            found.delivered += 1
            continue
        info = files.infos.get(name) if state == "error" or name not in failed else None
        yield Waiting(
            path=files.path(match[0]),
            name=files.path(name),
            size=status.st_size,
            priority=USUAL_PRIORITY,
            at=status.st_mtime,
            past=(
                _came(files.path(match[0]), state, status.st_mtime),
                *(_failure(files.path(info)) if info else ()),
            ),
            beside=(files.path(info),) if info else (),
        )


def _failure(path: str) -> tuple[str, ...]:
    """What an `.error.info` says; its count of attempts is 1, however often it was tried."""
    told = _note(path)
    if not (error := told.get("error")):
        return ()
    at = _time(told.get("timestamp"))
    when = "" if at is None else f", at{_when(at)}"
    return (f"pyWATS could not deliver it{when}: {_text(error)}",)


# B: a report and what is known of it


def _pairs(files: _Files, found: Survey) -> Iterator[Waiting]:
    for name, reports in files.reports.items():
        matches = files.metas.get(name, [])
        metas = [_note(files.path(match[0])) for match in matches]
        states = {match["state"] for match in (*matches, *(match for match, _ in reports))}
        states |= {str(meta.get("status")) for meta in metas}
        if "completed" in states:
            found.delivered += len(reports)
            continue
        known = max(metas, key=lambda meta: (_count(meta), _updated(meta)), default={})
        for match, status in reports:
            state = "failed" if "failed" in states else str(known.get("status", match["state"]))
            yield _pair(files, match, status, state, known)


def _pair(
    files: _Files, match: re.Match[str], status: os.stat_result, state: str, known: dict[str, Any]
) -> Waiting:
    path, at = files.path(match[0]), _time(known.get("created_at"))
    return Waiting(
        path=path,
        name=files.path(match["name"]),
        size=status.st_size,
        priority=_priority(known.get("priority")),
        at=status.st_mtime if at is None else at,
        past=(_came(path, state, status.st_mtime if at is None else at), *_tries(known)),
        beside=tuple(files.path(meta[0]) for meta in files.metas.get(match["name"], ())),
    )


def _tries(known: dict[str, Any]) -> tuple[str, ...]:
    count, error = _count(known), known.get("last_error")
    told = f"pyWATS tried it {count} time{'s' * (count != 1)}" if count else "pyWATS gave it up"
    if error:
        return (f"{told}; the last error: {_text(error)}",)
    return (told,) if count else ()


# What they say


def _came(path: str, state: str, at: float) -> str:
    told = shortened(printable(path), TOLD)
    return f"it was {shortened(state, 40)!r} in a queue of pyWATS, since{_when(at)}: {told}"


def _when(at: float) -> str:
    try:
        return f" {iso(at)}"
    except (ValueError, OverflowError, OSError):
        return " no time that there is"


def _note(path: str) -> dict[str, Any]:
    """A small JSON object; an empty one where there is none. It may say anything."""
    try:
        data, _ = read(path, LARGEST_NOTE)
        value = json.loads(data)
    except (Unreadable, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return shortened(value if isinstance(value, str) else json.dumps(value), TOLD)


def _count(meta: dict[str, Any]) -> int:
    value = meta.get("attempts")
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0


def _updated(meta: dict[str, Any]) -> float:
    at = _time(meta.get("updated_at"))
    return 0.0 if at is None else at


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return USUAL_PRIORITY
    return max(PRIORITY_FIRST, min(value, PRIORITY_LAST))


def _time(value: object) -> float | None:
    """Epoch seconds of ISO 8601; local time where it names no zone, as pyWATS writes it."""
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
