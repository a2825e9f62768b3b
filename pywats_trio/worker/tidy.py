"""Removes what a converter wrote, whatever it is.

`shutil.rmtree` recurses, holds a descriptor open for each level and gives up at a folder that it
may not list; a converter can nest folders deeper than any of that bears. Here folders are lifted to
the top before they are removed, so that three descriptors do for any depth. No link is followed.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OURS: Final = 0o700


def remove(folder: str) -> bool:
    """Remove `folder` with all that is in it; False if something resists."""
    try:
        emptied = empty(folder)
        os.rmdir(folder)  # noqa: PTH106 - any bytes, as str
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return emptied


def empty(folder: str) -> bool:
    """Remove all that is in `folder`; False if something resists.

    Raises:
        OSError: it is not there, or is no folder.
    """
    with _opened(folder) as top:
        lift = _Lift(top)
        while (found := _remove_some(top, lift)) is not None:
            if not found:
                return False
    return True


class _Lift:
    """Moves folders to the top, each under a name that nobody could foresee."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._prefix = os.urandom(8).hex()
        self._count = 0

    def up(self, name: str, parent: int) -> None:
        """Raises OSError: it cannot be moved, perhaps because we may not write to it."""
        self._count += 1
        new = f"{self._prefix}-{self._count}"
        try:
            os.rename(name, new, src_dir_fd=parent, dst_dir_fd=self._top)
        except PermissionError:  # its `..` is in it, so it has to be writable itself
            os.chmod(name, _OURS, dir_fd=parent)
            os.rename(name, new, src_dir_fd=parent, dst_dir_fd=self._top)


def _remove_some(top: int, lift: _Lift) -> bool | None:
    """Remove what can be removed at once; whether there was any, None if there is nothing left."""
    worked: bool | None = None
    for name, is_folder in _entries(top):
        worked = bool(worked)
        with contextlib.suppress(OSError):
            if is_folder:
                _hollow(name, top, lift)
                os.rmdir(name, dir_fd=top)
            else:
                os.unlink(name, dir_fd=top)
            worked = True
    return worked


def _hollow(name: str, top: int, lift: _Lift) -> None:
    """Remove the files of a folder and lift its folders."""
    with _opened(name, top) as folder:
        for entry, is_folder in _entries(folder):
            if is_folder:
                lift.up(entry, folder)
            else:
                os.unlink(entry, dir_fd=folder)


@contextlib.contextmanager
def _opened(name: str, parent: int | None = None) -> Iterator[int]:
    """A folder that is ours to list and to change, even if it was not."""
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, _OURS, dir_fd=parent)
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        if os.fstat(descriptor).st_mode & _OURS != _OURS:
            with contextlib.suppress(PermissionError):
                os.fchmod(descriptor, _OURS)
        yield descriptor
    finally:
        os.close(descriptor)


def _entries(folder: int) -> Iterator[tuple[str, bool]]:
    """Names, and whether each is a folder; they may be removed while this goes on."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)
