"""A watch folder whose units of work are folders (see `units`). What looks at it blocks.

The rules of `scan` hold for the names of the units: the folders that lie in the watch folder, or
the header files there. What belongs to a unit is not asked for its name. A folder that is a link is
left alone, and so is a folder in which one of the target folders lies.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import evolve

from pywats_trio import units
from pywats_trio.intake import filesystem
from pywats_trio.intake.scan import TEMPORARY, Folder, Listing, oldest_first, sort_in, within
from pywats_trio.intake.settle import Look
from pywats_trio.model import Form
from pywats_trio.text import printable
from pywats_trio.units import Obstructed, Parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.intake.scan import Known
    from pywats_trio.model import Unit
    from pywats_trio.units import Survey


def configured(unit: Unit, options: ConverterOptions) -> Unit:
    """What the author says, but for what the configuration says."""
    return evolve(
        unit,
        marker=options.marker or unit.marker,
        minimum_files=options.minimum_files or unit.minimum_files,
        quiet_seconds=options.quiet_seconds or unit.quiet_seconds,
    )


class UnitFolder(Folder):
    """One watch folder with its rules, for the converter of `unit`."""

    def __init__(self, options: ConverterOptions, patterns: Sequence[str], unit: Unit) -> None:
        # What happens inside has to be heard; the configuration has neither key for folders.
        super().__init__(evolve(options, settle="quiet", recursive=True), patterns)
        self.form = unit.form
        self._unit = unit
        self._headers: dict[str, str] = {}
        """Of pairs, a folder's path to its header's."""

    def fits(self, name: str) -> bool:
        """Whether a unit of this name may be taken."""
        has_ending = bool(os.path.splitext(name)[1])  # noqa: PTH122 - any bytes, as str
        return super().fits(name) and (has_ending or self.form is Form.FOLDER)

    def enters(self, directory: str) -> bool:
        """Whether what happens in `directory`, below the watch folder, is of interest."""
        inside = directory[len(self.root) :].strip(os.sep)
        if inside.count(os.sep) > units.MAX_DEPTH or inside.endswith(TEMPORARY):
            return False
        return super().enters(directory)

    # Which unit something belongs to.

    def at(self, name: str) -> str | None:
        """The unit that a new file or folder of this name in the watch folder would be."""
        path = os.path.join(self.root, name)  # noqa: PTH118 - any bytes, as str
        if not self.fits(name) or any(within(target, path) for target in self.targets):
            return None
        if self.form is Form.PAIR:
            self._headers[Parts.of(path, self.form).folder] = path
        return path

    def around(self, directory: str) -> str | None:
        """The unit that `directory`, below the watch folder, is or lies in, if it is known."""
        first = directory[len(self.root) :].strip(os.sep).partition(os.sep)[0]
        folder = os.path.join(self.root, first)  # noqa: PTH118
        return self.at(first) if self.form is Form.FOLDER else self._headers.get(folder)

    def forget(self, header: str) -> None:
        """There is no such header any more."""
        self._headers.pop(Parts.of(header, self.form).folder, None)

    # In the folder's thread.

    def _list_everything(self, known: Mapping[str, Known], into: Listing) -> None:
        paths = set(self._units())
        for path in paths:
            self._list_one(path, known, into)
        for header in list(self._headers.values()):
            if header not in paths and not os.path.lexists(header):
                self.forget(header)

    def _units(self) -> Iterator[str]:
        with os.scandir(self.root) as entries:
            for entry in entries:
                wanted = entry.is_dir if self.form is Form.FOLDER else entry.is_file
                if wanted(follow_symlinks=False) and (path := self.at(entry.name)) is not None:
                    yield path

    def _list_one(self, path: str, known: Mapping[str, Known], into: Listing) -> None:
        try:
            found = units.survey(Parts.of(path, self.form))
        except OSError:
            if (before := known.get(path)) is not None:  # it is in trouble, and not gone
                into.present[path] = Look(before.identity, before.ctime_ns or 0)
            return
        if found is not None:
            sort_in(path, self._seen(path, found), known, into)

    def list_below(self, directory: str, known: Mapping[str, Known]) -> Listing:
        """The unit that `directory` belongs to, a new folder below the watch folder."""
        listing = Listing(0, 0)
        if (path := self.around(directory)) is not None:
            self._list_one(path, known, listing)
        return oldest_first(listing)

    def _look(self, path: str) -> Look | None:
        parts = Parts.of(path, self.form)
        found = units.survey(parts)
        if found is None:
            return None
        look = self._seen(path, found)
        if look.lacks or self._unit.marker or found.obstacle:
            return look
        return evolve(look, writing=_written_to(parts))

    def _seen(self, path: str, found: Survey) -> Look:
        # Where there is a marker nothing else is asked: the writer said that it is complete.
        return Look(found.identity, found.ctime_ns, lacks=self._lacks(path, found), writing=False)

    def _lacks(self, path: str, found: Survey) -> str:
        """What it waits for. One that cannot be read whole is taken: the conversion says why."""
        marker, least = self._unit.marker, self._unit.minimum_files
        if not found.has_folder:
            return "waits for its folder"
        folder = Parts.of(path, self.form).folder
        if marker and not os.path.lexists(os.path.join(folder, marker)):  # noqa: PTH118
            return f"waits for {printable(marker)}"
        if found.obstacle is not None:
            return ""
        inside = [member.path for member in found.members if member.path]
        count = sum(name != marker for name in inside)
        return f"{count} of {least} files" if count < least else ""


def _written_to(parts: Parts) -> bool:
    """Whether somebody has one of its files open for writing, as far as that can be known."""
    try:
        if parts.header and _is_written(parts.header, None):
            return True
        with units.opened_folder(parts.folder) as root:
            return any(_is_written(one.name, one.directory) for one in units.walk(root))
    except Obstructed:
        return False
    except OSError as error:
        if error.errno not in units.GONE:
            raise
        return False  # what was announced of that is judged before this look


def _is_written(name: str, directory: int | None) -> bool:
    try:
        descriptor = os.open(name, units.OPEN_FILE, dir_fd=directory)
    except OSError:
        return False  # not ours to read, perhaps; the conversion says what is wrong
    try:
        return bool(filesystem.written_to(descriptor))
    finally:
        os.close(descriptor)
