"""A converter that is begun from a file of the tester."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.cli.converters.new import looks, render, trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.cli.converters.new.draft import Draft
    from pywats_trio.cli.converters.new.sample import Sample

_NAMED: Final = re.compile(r'HEADER\["(\w+)"\]')
_MAGIC: Final = 4
"""Bytes in the beginning by which a file that is no text is known."""


@frozen
class Begun:
    """What was made of a sample."""

    spoken: str
    """What kind of file it is."""
    files: dict[str, bytes]
    """What is to be written, by its path, without the sample itself."""
    guessed: list[tuple[str, str]]
    """What each thing was found under."""
    missing: list[str]
    notes: list[str]
    reports: int
    refused: str
    """Why the converter refuses the sample; blank where it converts it."""


def begin(words: Mapping[str, str], sample: Sample) -> Begun:
    """Look at the sample and write down a converter for it."""
    draft = None if sample.text is None else looks.look(sample, sample.text)
    if draft is None:
        spoken = _binary(sample.data)
        known = {**render.blanks(words, sample, spoken), "magic": sample.data[:_MAGIC].hex(" ")}
        code = render.template("binary.py", known)
    else:
        spoken = draft.spoken
        known = render.blanks(words, sample, spoken)
        code = render.converter(draft, words, sample)
    done = trial.run(code, words["class"], sample, has_start=_has_start(draft))
    while draft is not None and _gives_up(draft, done.refused):
        code = render.converter(draft, words, sample)
        done = trial.run(code, words["class"], sample, has_start=_has_start(draft))
    test = render.template("test_sample.py", known)
    if done.cut is not None:
        test += render.template("test_cut.py", {**known, "cut": str(done.cut)})
    notes = [] if draft is None else [*draft.tables.notes]
    if draft is not None and not _judges(draft):
        notes.append("neither limits nor a status nor a result were found: all will have passed")
    if not done.sees_last:
        notes.append("a file that is cut off is not noticed; see LAST")
    return Begun(
        spoken=spoken,
        files={
            f"{words['module']}.py": code.encode(),
            f"test_{words['module']}.py": test.encode(),
            f"samples/{sample.name}.expected.json": trial.as_text(done.expected).encode(),
        },
        guessed=_guessed(draft),
        missing=_missing(draft),
        notes=notes,
        reports=done.reports,
        refused=done.refused,
    )


def _gives_up(draft: Draft, why: str) -> bool:
    """Take out of HEADER what does not hold for the whole sample, so that the rest is shown."""
    found = _NAMED.search(why)
    header = draft.tables.header
    if found is None or found[1] == "serial_number" or header.get(found[1]) is None:
        return False
    draft.tables.notes.append(f'{header[found[1]]} was taken out of HEADER["{found[1]}"]: {why}')
    header[found[1]] = None
    return True


def _judges(draft: Draft) -> bool:
    """Whether anything in the table can make a report fail."""
    row = draft.tables.row or {}
    return any((draft.tables.header["result"], *map(row.get, ("low", "high", "limit", "status"))))


def _has_start(draft: Draft | None) -> bool:
    return draft is not None and draft.tables.header["start"] is not None


def _binary(data: bytes) -> str:
    if not data.startswith(b"PK\x03\x04"):
        return "no text"
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return f"a zip with {len(archive.namelist())} files in it"
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "a damaged zip"


def _tables(draft: Draft | None) -> dict[str, dict[str, str | None]]:
    if draft is None:
        return {}
    tables: dict[str, dict[str, Any]] = {"HEADER": draft.tables.header}
    if draft.tables.row is not None:
        tables["ROW"] = draft.tables.row
    return tables


def _guessed(draft: Draft | None) -> list[tuple[str, str]]:
    found = [
        (f"{table}: {what}", name)
        for table, names in _tables(draft).items()
        for what, name in names.items()
        if name is not None
    ]
    steps = (draft.tables.steps or {}) if draft is not None else {}
    return [*found, *(("STEPS", name) for name in steps)]


def _missing(draft: Draft | None) -> list[str]:
    return [
        f"{table}: {what}"
        for table, names in _tables(draft).items()
        for what, name in names.items()
        if name is None
    ]
