"""Moving and removing a unit that is a folder, whole, without ever losing another. All blocks.

Two parts cannot be moved in one step. The header goes first; cut off behind it, the next try finds
each part where it lies, for what tells the unit from others (`units.survey`) does not depend on
that. As in `moves`, nothing is overwritten, and what was renamed is looked at again: if it is
another unit, it goes back.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from pywats_trio import faultpoint, units
from pywats_trio.intake import moves
from pywats_trio.intake.moves import NotThatFile
from pywats_trio.intake.scan import TEMPORARY
from pywats_trio.units import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pywats_trio.model import Identity

_EFFECTIVE: Final = os.access in os.supports_effective_ids


class NotOurs(PermissionError):
    """A folder of a unit that is to be moved or deleted may not be written; `filename` names it."""


def _check_rights(folder: str) -> None:
    """Before anything is touched: to move a folder is to write its `..`, to delete it its entries.

    The kernel names no folder, and the one whose rights lack is not the one it is moved to. What is
    mounted read-only is left to the kernel, too: there, no right would help.

    Raises:
        NotOurs: this user may not write into `folder`.
    """
    if os.access(folder, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
        return
    if not os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise NotOurs(errno.EACCES, os.strerror(errno.EACCES), folder)


def is_unit(parts: Parts, expected: Identity) -> bool:
    """Whether the very unit `expected` lies there."""
    found = units.survey(parts)
    return found is not None and found.identity == expected


def whereabouts(source: Parts, target: Parts, expected: Identity) -> Parts | None:
    """Where the parts of the unit lie: still here, there already, or only the header there."""
    between = [Parts(source.folder, target.header)] if source.header else []
    for parts in (source, *between, target):
        if is_unit(parts, expected):
            return parts
    return None


def is_free(target: Parts, *, of: int | None = None) -> bool:
    """Whether nothing lies under either name, or nothing on the device `of`."""
    found = [status for path in target.each() if (status := moves.status_of(path)) is not None]
    return not any(of is None or status.st_dev == of for status in found)


def move(source: Parts, target: Parts, expected: Identity) -> None:
    """Move the very unit `expected` within one file system, or what is left to move of it.

    Raises:
        NotThatFile: another unit lies at `source`, or none.
        FileExistsError: something else lies at `target`.
        NotOurs: this user may not write into its folder.
        OSError: it cannot be moved; EXDEV: `target` is on another file system.
    """
    lies = whereabouts(source, target, expected)
    if lies is None:
        raise NotThatFile(source.main)
    if lies != target:
        _check_rights(lies.folder)
    with _given_back_on_error(source, target, lies) as moved:
        for old, new in zip(lies.each(), target.each(), strict=True):
            if old != new:
                moves.rename_exclusively(old, new)
                moved.append(new)
                faultpoint.hit("putaway.linked")
        if not is_unit(target, expected):
            raise NotThatFile(source.main)


@contextmanager
def _given_back_on_error(source: Parts, target: Parts, lies: Parts) -> Iterator[list[str]]:
    moved = [path for path in lies.each() if path in target.each()]
    try:
        yield moved
    except (OSError, NotThatFile):
        back = dict(zip(target.each(), source.each(), strict=True))
        for path in reversed(moved):
            moves.give_back(path, back[path])
        raise


def remove(source: Parts, expected: Identity, item_id: int) -> None:
    """Delete the very unit `expected`, by way of names of our own beside it.

    Raises:
        NotThatFile: another unit lies at `source`, or none.
        NotOurs: this user may not write into its folder, or one below that.
        OSError: it cannot be deleted, or not all of it.
    """
    taken = _temporary(source, os.path.dirname(source.main), item_id)  # noqa: PTH120
    # Only what was looked at under our own names gets this one.
    doomed = f"{taken.folder.removesuffix(TEMPORARY)}.gone{TEMPORARY}"
    if not os.path.lexists(doomed):
        if is_unit(source, expected):
            for folder, folders, files in os.walk(source.folder):
                if folders or files:
                    _check_rights(folder)
        move(source, taken, expected)
        os.rename(taken.folder, doomed)  # noqa: PTH104 - any bytes, as str
    faultpoint.hit("putaway.linked")
    if taken.header:
        with suppress(FileNotFoundError):
            os.unlink(taken.header)  # noqa: PTH108
    shutil.rmtree(doomed)


def _temporary(parts: Parts, folder: str, item_id: int) -> Parts:
    """Names of our own in `folder`."""
    ours = os.path.join(folder, f".{item_id}")  # noqa: PTH118
    return Parts(f"{ours}.unit{TEMPORARY}", parts.header and f"{ours}{TEMPORARY}")


def copy_across(
    source: Parts, target: Parts, expected: Identity, item_id: int, check: Callable[[], None]
) -> None:
    """Bring the very unit `expected` to `target` on another file system and delete it here.

    Copied to names of our own, synced, read back and compared before it gets its name; only then is
    the source deleted. `check` is called between pieces and may raise to give up.

    Raises:
        NotThatFile: another unit lies at `source`, or it changed while it was copied.
        FileExistsError: something else lies at `target`.
        OSError: it cannot be copied; nothing was changed.
    """
    ours = _temporary(source, os.path.dirname(target.main), item_id)  # noqa: PTH120
    wanted = [
        (old, temporary, new)
        for old, temporary, new in zip(source.each(), ours.each(), target.each(), strict=True)
        if not _is_copy(new, old)
    ]
    try:
        for old, temporary, new in wanted:
            if os.path.lexists(new):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
            _discard(temporary)
            _copy(old, temporary, check)
        if not is_unit(source, expected):
            raise NotThatFile(source.main)
        for _old, temporary, new in wanted:
            moves.rename_exclusively(temporary, new)
            faultpoint.hit("putaway.linked")
    finally:
        for path in ours.each():
            _discard(path)
    moves.sync_folder(os.path.dirname(target.main))  # noqa: PTH120
    remove(source, expected, item_id)


def _copy(source: str, ours: str, check: Callable[[], None]) -> None:
    """A file, or a folder with all that is in it; what is no file, folder or link is left out."""
    if not os.path.isdir(source):  # noqa: PTH112 - never a link: it was found by `survey`
        moves.copy(source, ours, check)
        return
    os.mkdir(ours)  # noqa: PTH102
    with os.scandir(source) as entries:
        for entry in entries:
            below = os.path.join(ours, entry.name)  # noqa: PTH118
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), below)  # noqa: PTH115, PTH211
            elif entry.is_dir() or entry.is_file():
                _copy(entry.path, below, check)
    shutil.copystat(source, ours)
    moves.sync_folder(ours)


def _is_copy(target: str, source: str) -> bool:
    """Whether a former try, cut off before the source was deleted, made `target`."""
    if not os.path.isdir(source):  # noqa: PTH112
        return moves.is_copy(target, source)
    there, here = units.survey(Parts(target)), units.survey(Parts(source))
    if there is None or here is None:
        return False
    if [member[:3] for member in there.members] != [member[:3] for member in here.members]:
        return False
    pairs = [(f"{target}/{one.path}", f"{source}/{one.path}") for one in here.members]
    return all(moves.content_digest(new) == moves.content_digest(old) for new, old in pairs)


def _discard(ours: str) -> None:
    """What is left of a copy of ours."""
    with suppress(FileNotFoundError):
        if os.path.isdir(ours):  # noqa: PTH112
            shutil.rmtree(ours)
        else:
            os.unlink(ours)  # noqa: PTH108


def is_moved(target: Parts, expected: Identity) -> bool:
    """Whether a former try brought the unit to `target`."""
    found = units.survey(target)
    if found is None or found.obstacle is not None or not found.has_folder:
        return False
    now = found.identity
    same = (now.size, now.mtime_ns) == (expected.size, expected.mtime_ns)
    return same and (now.inode == expected.inode or now.device != expected.device)


def finish_removal(source: Parts, expected: Identity, item_id: int) -> None:
    """Remove what is left of it here; another unit is left alone."""
    with suppress(NotThatFile):
        remove(source, expected, item_id)
