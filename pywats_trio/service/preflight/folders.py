"""The folders of one converter: what they really are, and whether they can be used.

Everything here blocks, and may hang with the share that a folder lies on. Plain strings and `os`: a
hundred folders are looked at while a service starts.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.intake import filesystem
from pywats_trio.intake.trouble import to_do
from pywats_trio.service.preflight.finding import INVALID, Finding, error, warning
from pywats_trio.service.preflight.writing import try_writing
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.config.options import ConverterOptions

_USED: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("done_dir", "archive_dir", "error_dir"),  # as the converter says
    "move": ("done_dir", "error_dir"),
    "archive": ("archive_dir", "error_dir"),
    "delete": ("error_dir",),
    "keep": ("error_dir",),
}
"""Which target folders a post action needs: a file may be refused whatever it is."""


@frozen
class Seen:
    """What the folders of a converter are."""

    watch: str
    """With its links resolved."""
    targets: Mapping[str, str]
    """Those that its post action needs, by their key, with their links resolved."""
    hidden: tuple[str, ...]
    """Folders below `watch` that its intake does not enter."""
    notifies: bool
    """Whether it takes an instance of inotify."""
    findings: tuple[Finding, ...] = ()


class Folders:
    """Looks at folders; one for all, for what it remembers of file systems."""

    def __init__(self) -> None:
        self._notifies: dict[int, bool] = {}
        """By device: the table of mounts may be long."""

    def look(self, options: ConverterOptions, name: str) -> Seen:
        """Look at a converter's folders, and try to write there if there is a `name` to do it by.

        A target folder that is missing is made when the first file goes there: what is tried is
        the folder that it will be made in.
        """
        watch = os.path.realpath(options.watch)
        below = _targets(options, watch)
        return Seen(
            watch,
            {key: os.path.realpath(below[key]) for key in _USED[options.post_action]},
            tuple(below.values()),
            self._is_notified(watch),
            tuple(_problems(options, watch, below, name)) if name else (),
        )

    def _is_notified(self, folder: str) -> bool:
        try:
            device = os.stat(folder).st_dev  # noqa: PTH116
        except OSError:
            return True  # most probably, once it is there
        if device not in self._notifies:
            self._notifies[device] = filesystem.of(folder).notifies
        return self._notifies[device]


def _targets(options: ConverterOptions, watch: str) -> dict[str, str]:
    """Where the three target folders are, seen from `watch`; their own links as they are."""
    join, normpath = os.path.join, os.path.normpath
    return {
        "done_dir": normpath(join(watch, options.done_dir)),
        "error_dir": normpath(join(watch, options.error_dir)),
        "archive_dir": normpath(join(watch, options.archive_dir)),
    }


def _problems(
    options: ConverterOptions, watch: str, below: Mapping[str, str], name: str
) -> Iterator[Finding]:
    if (found := _of_watch(options, watch, name)) is not None:
        yield found
        return  # what lies below it is no better
    for key in _USED[options.post_action]:
        if (found := _of_target(options, key, watch, below[key], name)) is not None:
            yield found


def _of_watch(options: ConverterOptions, watch: str, name: str) -> Finding | None:
    shown = printable(os.fspath(options.watch))
    what = f"converters.{options.name}.watch"
    try:
        with os.scandir(watch) as entries:
            next(entries, None)
    except NotADirectoryError:
        return _no_folder(what, shown)
    except OSError as cause:
        return _unusable(what, shown, "cannot be read", cause)
    try:
        try_writing(watch, name)
    except OSError as cause:
        return _unusable(what, shown, _UNWRITABLE, cause)
    return None


def _of_target(
    options: ConverterOptions, key: str, watch: str, target: str, name: str
) -> Finding | None:
    try:
        folder = _nearest(target)
        if folder == watch:
            return None  # tried already
        if not os.path.isdir(folder):  # noqa: PTH112
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
        try_writing(folder, name)
    except OSError as cause:
        what = f"converters.{options.name}.{key}"
        return _unusable(what, printable(target), _UNWRITABLE, cause)
    return None


_UNWRITABLE: Final = "does not let files be made, renamed and removed"


def _nearest(target: str) -> str:
    """`target`, or the nearest above it that exists: what lies there, not where it links to."""
    while not os.path.lexists(target):
        target = os.path.dirname(target)  # noqa: PTH120
    return target


def _no_folder(what: str, folder: str) -> Finding:
    """An error: a share that is away looks like no folder or an empty one, never like a file."""
    message = f"{what}: {folder} is no folder, a file lies in its place"
    return error("folder", folder, message, "rename the file or correct the path", INVALID)


def _unusable(what: str, folder: str, how: str, cause: OSError) -> Finding:
    return warning("folder", folder, f"{what}: {folder} {how} ({cause.strerror})", to_do(cause))


def no_answer(options: ConverterOptions, seconds: float) -> Finding:
    """Of a converter one of whose folders hangs."""
    folder = printable(os.fspath(options.watch))
    message = f"converters.{options.name}.watch: {folder} does not answer within {seconds:g} s"
    return warning("folder", folder, message, "see to the share or disk that it lies on")
