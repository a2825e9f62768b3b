"""Opening a unit that is a folder: a look at it, a copy of it, and another look. All blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attrs import define

from pywats_trio import units
from pywats_trio.convert import spool
from pywats_trio.convert.location import (
    Cannot,
    Opened,
    admit,
    closed_on_error,
    failed,
    identified,
    too_large,
)
from pywats_trio.model import Form, Superseded
from pywats_trio.text import printable
from pywats_trio.units import Changed, Obstructed, Parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.convert.location import Location
    from pywats_trio.units import Held, Obstacle, Survey


def open_unit(location: Location, unwanted: Callable[[], bool]) -> Opened:
    """A copy of the unit as it is now; it is thrown away when it comes to be `unwanted`.

    Raises:
        Cannot: it cannot be converted, or not now.
        OSError: it is not there, or its file system is in trouble.
    """
    try:
        return _open(location, unwanted)
    except Obstructed as error:
        raise _hindered(location, error.obstacle) from error
    except Changed as error:
        raise Cannot(Superseded(str(error))) from error
    except spool.Unwritten as error:
        what = f"no copy of {printable(location.path)} below {printable(location.spool)}"
        raise Cannot(spool.put_off(what, error)) from error


def _open(location: Location, unwanted: Callable[[], bool]) -> Opened:
    parts = Parts.of(location.path, location.form)
    found = units.survey(parts)
    if found is None:
        raise _no_unit(location)
    _check_unit(location, parts, found)
    held = _hold(parts)
    try:
        for descriptor, path in ((held.header, parts.header), (held.folder, parts.folder)):
            if descriptor is not None:
                admit(location, descriptor, path)
        copied = spool.fill(held, found, location.spool, unwanted)
        with closed_on_error(copied.descriptor):
            _check_still(held, found)
    except BaseException:
        held.close()
        raise
    told = {"form": location.form.value, "index": copied.index}
    return Opened(copied.descriptor, found.identity, told, held)


def _check_still(held: Held, found: Survey) -> None:
    if held.survey().identity != found.identity:
        raise Changed


def _hold(parts: Parts) -> Held:
    try:
        return units.hold(parts)
    except OSError as error:
        if error.errno in units.GONE:
            raise Changed from error
        raise


def _no_unit(location: Location) -> Cannot:
    """What lies there is none, or nothing does: told as of a file that cannot be opened."""
    what = "not a folder" if location.form is Form.FOLDER else "not a regular file"
    if stat.S_ISLNK(os.lstat(location.path).st_mode):
        what = "a link; only what it leads to can be converted"
    return failed("unreadable", f"{printable(location.path)} is {what}")


def _check_unit(location: Location, parts: Parts, found: Survey) -> None:
    if location.expected is not None and found.identity != location.expected:
        raise Cannot(Superseded("it was changed while it waited"))
    if found.obstacle is not None:
        raise _hindered(location, found.obstacle)
    if not found.has_folder:
        folder = printable(os.path.basename(parts.folder))  # noqa: PTH119 - any bytes, as str
        raise failed(
            "incomplete",
            f"the data folder {folder!r} is not beside the header file",
            "Put it there, and drop both again.",
        )
    if not found.identity.size:
        raise failed("empty", "all of its files are empty", "Look whether the disk was full.")
    if found.identity.size > location.max_bytes:
        raise too_large("its files have", found.identity.size, location.max_bytes)


@define
class Look:
    """Another look at a file or a unit after its conversion, wherever it lies then.

    One that was deleted, or cannot be looked at now, was converted as it was.
    """

    opened: Opened
    changed: bool = False
    """Whether it is not what it was when it was opened."""

    def run(self) -> None:
        """In the folder's thread: on a share, even this may hang."""
        try:
            self.changed = self._is_another()
        except Obstructed:
            self.changed = True
        except OSError:
            self.changed = False

    def _is_another(self) -> bool:
        before, held = self.opened.identity, self.opened.held
        if held is None:
            return identified(os.fstat(self.opened.descriptor)) != before
        return held.survey().identity != before and not held.is_removed()


def _hindered(location: Location, obstacle: Obstacle) -> Cannot:
    return failed(obstacle.kind, f"{printable(location.path)} {obstacle.message}", obstacle.hint)
