"""Where an export is made before it gets its name: the folder `<name>.part` beside it. All blocks.

What lies in it says how far it has come, so that the same command, given again after a kill, goes
on from there:

- `plan.json`: all reports are written and synced, and those that it names are being held;
- `manifest.json`: they are held, and only those that are stand in it; its name is all it lacks.

With neither, nothing was held, and it is begun anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, frozen

from pywats_trio import faultpoint
from pywats_trio.commands.queue.carry.cargo import opened
from pywats_trio.commands.queue.carry.manifest import LARGEST, NAME, Entry, Manifest, read, written
from pywats_trio.errors import InvalidInputError, PywatsTrioError, StoreError
from pywats_trio.intake.moves import sync_folder
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

PLAN: Final = "plan.json"
LOCK: Final = "export.lock"
"""Says that the folder is ours, and keeps a second export of the same name out."""
ZIP: Final = "export.zip"


@frozen
class Page:
    """A report on its way into a file."""

    entry: Entry
    body: bytes


@define
class Staging:
    """A folder in which an export is made. `path` is where it will be."""

    path: Path
    folder: Path
    _lock: int

    def plan(self) -> Manifest | None:
        """What a former run was about to hold."""
        return self._stored(PLAN)

    def manifest(self) -> Manifest | None:
        """What a former run has held."""
        return self._stored(NAME)

    def _stored(self, name: str) -> Manifest | None:
        path = self.folder / name
        if not path.exists():
            return None
        found = read(path.read_bytes(), printable(str(path)))
        return found if isinstance(found, Manifest) else None

    def write(self, pages: Sequence[Page]) -> list[int]:
        """Write reports, synced; the items of those that are not what was put into the queue."""
        damaged = []
        for page in pages:
            if hashlib.sha256(page.body).hexdigest() != page.entry.sha256:
                damaged.append(page.entry.item_id)
            else:
                with _told(self.path):
                    _write(self.folder / page.entry.file, page.body)
        return damaged

    def write_plan(self, plan: Manifest) -> None:
        """From now on the reports that it names may be held.

        Raises:
            InvalidInputError: the manifest would be too large to be read again.
        """
        content = written(plan)
        if len(content) > LARGEST:
            raise InvalidInputError(
                "the list of the reports would be too large; export fewer at a time, by a filter"
            )
        with _told(self.path):
            self._replace(PLAN, content)

    def write_manifest(self, plan: Manifest, held: Collection[int]) -> Manifest:
        """Those of the plan that are held, without the files of the others."""
        kept = tuple(entry for entry in plan.items if entry.item_id in held)
        manifest = evolve(plan, items=kept)
        with _told(self.path):
            for entry in plan.items:
                if entry.item_id not in held:
                    (self.folder / entry.file).unlink(missing_ok=True)
            self._replace(NAME, written(manifest))
            (self.folder / PLAN).unlink(missing_ok=True)
            sync_folder(str(self.folder))
        faultpoint.hit("export.listed")
        return manifest

    def _replace(self, name: str, content: bytes) -> None:
        part = self.folder / f"{name}.part"
        _write(part, content)
        part.replace(self.folder / name)
        sync_folder(str(self.folder))

    def finish(self, manifest: Manifest) -> None:
        """Give it its name."""
        with _told(self.path):
            if is_zip(self.path):
                packed = self.folder / ZIP
                self._pack(packed, manifest)
                packed.replace(self.path)
                sync_folder(str(self.path.parent))
                faultpoint.hit("export.packed")
                self.remove()
            else:
                (self.folder / LOCK).unlink(missing_ok=True)
                sync_folder(str(self.folder))
                self.folder.replace(self.path)
                sync_folder(str(self.path.parent))

    def _pack(self, target: Path, manifest: Manifest) -> None:
        with open(target, "wb") as file:  # noqa: PTH123
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in (NAME, *(entry.file for entry in manifest.items)):
                    archive.write(self.folder / name, name)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Leave nothing of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of it; what is in it stays, unless nothing was planned yet."""
        os.close(self._lock)


def is_zip(path: Path) -> bool:
    """Whether an export of this name is a zip."""
    return path.suffix.lower() == ".zip"


def begin(path: Path) -> Staging:
    """The staging of the export `path`; goes on with one that was cut off.

    Raises:
        InvalidInputError: something else is there already, or it is no place for an export.
        StoreError: it is being made by somebody else, or cannot be written.
    """
    told = printable(str(path))
    folder = path.with_name(f"{path.name}.part")
    if not path.parent.is_dir():
        raise InvalidInputError(f"{told}: there is no folder of that name; make it first")
    _refuse_strange(folder)
    if os.path.lexists(path) and not _is_made_of(path, folder):
        raise InvalidInputError(f"{told} is there already; choose another name")
    with _told(path):
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _told(path):
            _take(lock, told)
            staging = Staging(path, folder, lock)
            if staging.plan() is None and staging.manifest() is None:
                _empty(folder)
            sync_folder(str(path.parent))
    except BaseException:
        os.close(lock)
        raise
    return staging


def _refuse_strange(folder: Path) -> None:
    """Only what an export has left is emptied, and gone on with."""
    told = printable(str(folder))
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise InvalidInputError(f"{told} is in the way; move it away, or choose another name")
    names = set(os.listdir(folder)) if folder.exists() else set()  # noqa: PTH208
    if names and not names & {LOCK, PLAN, NAME}:
        raise InvalidInputError(f"{told} is in the way; move it away, or choose another name")


def _is_made_of(path: Path, folder: Path) -> bool:
    """Whether a former run made the zip at `path` of `folder`, and had yet to remove that."""
    ours = folder / NAME
    if not (is_zip(path) and ours.exists()):
        return False
    try:
        with opened(path) as cargo:
            return cargo.manifest() == ours.read_bytes()
    except PywatsTrioError:
        return False


def _take(lock: int, told: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(f"{told} is being exported already; wait for it") from error


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        if left.name != LOCK:
            left.unlink()


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """An error of the disk, as one sentence."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{printable(str(path))} cannot be written ({error.strerror}); see to the room and the "
            "rights there, and run the same command again"
        ) from error
