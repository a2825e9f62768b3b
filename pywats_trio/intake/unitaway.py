"""Putting a unit that is a folder away, whole and under one name. Everything here blocks.

Done again after it was cut off at any point, it goes on from there.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from pywats_trio import faultpoint
from pywats_trio.intake import errorfile, moves, names, unitmoves
from pywats_trio.model import Form, State
from pywats_trio.units import Parts

if TYPE_CHECKING:
    from pywats_trio.model import Identity, Item


def remove(item: Item, expected: Identity) -> None:
    """Delete it.

    Raises:
        NotThatFile: another unit lies under its path, or none.
        OSError: it cannot be deleted.
    """
    faultpoint.hit("putaway.named")
    unitmoves.remove(Parts.of(item.source, item.form), expected, item.id)


def move(item: Item, expected: Identity, folder: str) -> str:
    """Move it under the first free name in `folder`; the path that it is known under there.

    Raises:
        NotThatFile: it is neither at its path nor there.
        OSError: it cannot be moved.
    """
    source = Parts.of(item.source, item.form)
    moves.make_folder(folder)
    name = os.path.basename(item.source)  # noqa: PTH119 - any bytes, as str
    for candidate in names.candidates(name, whole=item.form is Form.FOLDER):
        target = Parts.of(os.path.join(folder, candidate), item.form)  # noqa: PTH118
        lies = unitmoves.whereabouts(source, target, expected)
        if target == source and lies:
            _explain(item, target)
            return target.main
        if lies in {None, target} and unitmoves.is_moved(target, expected):
            unitmoves.finish_removal(source, expected, item.id)
            return target.main
        if lies is None and unitmoves.is_free(target):
            raise moves.NotThatFile(item.source)
        if lies is None or (lies == source and not unitmoves.is_free(target, of=expected.device)):
            continue
        with suppress(FileExistsError):
            if _bring(item, source, target, expected):
                return target.main
    raise AssertionError("names have no end")


def _bring(item: Item, source: Parts, target: Parts, expected: Identity) -> bool:
    """False if the name of its explanation is another item's."""
    if not _explain(item, target):
        return False
    errorfile.take_back(item)
    try:
        try:
            unitmoves.move(source, target, expected)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            check = trio.from_thread.check_cancelled
            unitmoves.copy_across(source, target, expected, item.id, check)
    except (OSError, moves.NotThatFile):
        if item.state is not State.COMPLETED:
            errorfile.withdraw(target.main)
        raise
    return True


def _explain(item: Item, target: Parts) -> bool:
    """Write the `.error.json` of a refused unit; False if that name is taken."""
    explained = item.state is State.COMPLETED or errorfile.write(item, target.main)
    faultpoint.hit("putaway.named")
    return explained
