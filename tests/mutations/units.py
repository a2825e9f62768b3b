"""What a converter is given: a file, an archive, or a header with its folder; and how each is
broken."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from tests.mutations import changes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_ZIP: Final = b"PK\x03\x04"
_THEN: Final = (2026, 1, 30, 10, 0, 0)
_DEEPEST: Final = 2
"""Archives in archives that are looked into."""


@frozen
class Unit:
    """One unit of work as it lies in a watch folder."""

    name: str
    """Of the file, or of the header."""
    content: bytes = field(repr=False)
    folder: Mapping[str, bytes] | None = field(default=None, repr=False)
    """The files beside the header by their paths; None: there is a file alone."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.content) + sum(map(len, (self.folder or {}).values()))


def mutated(random: Random, unit: Unit) -> Unit:
    """The unit, broken somewhere."""
    if unit.folder and random.random() < 0.7:
        return evolve(unit, folder=_folder(random, dict(unit.folder)))
    return evolve(unit, content=content(random, unit.content))


def content(random: Random, data: bytes, depth: int = 0) -> bytes:
    """A file, broken; of an archive most often what is in it."""
    if depth < _DEEPEST and data.startswith(_ZIP) and random.random() < 0.7:
        try:
            members = _members(data)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
            members = {}
        if members:
            return _archive(_folder(random, members, depth + 1), random)
    return changes.broken(random, data)


def _folder(random: Random, files: dict[str, bytes], depth: int = 0) -> dict[str, bytes]:
    """Files, of which one is broken, lost, renamed, or another's."""
    one, other = random.choice(sorted(files)), random.choice(sorted(files))
    kind = random.random()
    if kind < 0.6:
        files[one] = content(random, files[one], depth)
    elif kind < 0.7:
        del files[one]
    elif kind < 0.8:
        files[_renamed(random, one)] = files.pop(one)
    elif kind < 0.85:
        files[one], files[other] = files[other], files[one]
    elif kind < 0.9:
        files[_renamed(random, one)] = files[one]
    else:
        files[one] = random.choice((b"", b"\n", files[other]))
    return files


def _renamed(random: Random, name: str) -> str:
    """Another name; always one that a folder can hold."""
    place, _, base = name.rpartition("/")
    new = random.choice(
        (
            *(base.upper(), base.lower(), base + ".bak", "copy of " + base, base[::-1], base[1:]),
            *(base.replace(".", "", 1), "1" + base, "\u00e5\u6f22" + base, base.split(".")[0]),
        )
    )
    return f"{place}/{new}".lstrip("/") if new.strip(". ") else f"odd {base}"


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}


def _archive(files: Mapping[str, bytes], random: Random) -> bytes:
    written = io.BytesIO()
    method = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, _THEN)
            member.compress_type = method
            archive.writestr(member, data)
    return written.getvalue()
