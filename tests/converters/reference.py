"""The reference page of the converters, made from their classes, their pages and their samples.

`python -m tests.converters.reference > docs/reference/converters.md`; a test compares the two.
"""

from __future__ import annotations

import inspect
import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.api import FolderConverter
from pywats_trio.converters.registry import STANDARD, SURE_ENOUGH
from pywats_trio.converters.standard.auto import standard
from tests.converters import confusion, examples, settings
from tests.converters.handwritten import FOLDER, Page, moved, page_of
from tests.converters.settings import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.api import Converter
    from tests.converters.confusion import Row
    from tests.samples import Sample

HEAD: Final = f"""\
# Converters

<!-- Made by `python -m tests.converters.reference`; change the classes, the pages in `formats` or \
the samples, not this page. -->

What comes with the package: `type` in `[[converters]]` is one of these, or `auto`, which asks them
all. `pywats-trio converters test FILE` tells which one is surest of a file and shows what becomes
of it; every loss or assumption is a finding there. `pywats-trio converters show TYPE` says what its
section here says. For a format of your own, [write a converter](../how-to/write-a-converter.md).

In the examples the service is that of the station {examples.STATION.name} in central Europe, and
sets no arguments but those that stand there. Ids of reports, and what a conversion took, are left
out; long files and answers are cut.

"""

COMMON: Final = """
## What files leave out

Testers do not write what is the same for all their files, or they write it somewhere else. These
arguments say it; what the file says comes first. Each converter below names those that it takes.

"""

CONFUSION: Final = f"""
## Who claims what

Every converter is asked about every sample in `tests/data/samples`: how sure is it, 0 to 1, that
it can read this file? `auto` gives a file to the surest, if it is sure by {SURE_ENOUGH} at least.
A row is about the samples of one format. In bold is the least that the right converter said of a
file that is to be converted, in the other cells the most that a wrong one said; an empty cell is 0.
The columns have the numbers of the rows.

"""

FILES: Final = """
File by file; *refused* are those that must not be converted, whoever is asked.

| samples | whose | sure of it | anybody else |
|---|---|---|---|
"""


def reference() -> str:
    """The whole page; the same on every machine."""
    rows = confusion.matrix(confusion.ours())
    known = {(row.folder, row.sample.path.name): row.sample for row in rows}
    text = [HEAD, *_overview(), COMMON, settings.HEAD, *settings.arguments(settings.SHARED)]
    with examples.clock():
        for name in STANDARD:
            text += _converter(name, known)
    return "".join([*text, CONFUSION, *_matrix(rows), FILES, *_files(rows)])


def _overview() -> Iterator[str]:
    yield "| tester, format | `type` | names of files | reports |\n|---|---|---|---|\n"
    for name in STANDARD:
        converter, page = standard(name), page_of(FOLDER / f"{name}.md")
        yield line(page.title, _link(name), _patterns(converter), _said(type(converter)))


def _link(name: str) -> str:
    """To the section of a converter; its anchor is made of its heading as GitHub makes it."""
    heading = _heading(name, page_of(FOLDER / f"{name}.md"))
    return f"[{name}](#{re.sub(r'[^a-z0-9 _-]', '', heading.lower()).replace(' ', '-')})"


def _heading(name: str, page: Page) -> str:
    return f"{name}: {page.title}"


def _converter(name: str, known: Mapping[tuple[str, str], Sample]) -> Iterator[str]:
    converter, page = standard(name), page_of(FOLDER / f"{name}.md")
    yield f"\n## {_heading(name, page)}\n\n{moved(page.intro)}\n\n"
    yield f"**Takes:** {_taken(converter)}, {_patterns(converter)}. "
    yield f"**Reports:** {_said(type(converter))} "
    yield f"**Recognized:** {_said(type(converter).detect)}\n"
    yield from settings.of(converter)
    yield f"\n{moved(page.sections)}" if page.sections else ""
    if page.example:
        sample = known[name, page.example]
        yield f"\n### Example\n\n{examples.taken(sample, converter)}\n"
        yield examples.answered(sample, converter)


def _taken(converter: Converter) -> str:
    if not isinstance(converter, FolderConverter):
        return "a file"
    return {"folder": "a folder", "file-and-folder": "a file and the folder beside it"}[
        converter.unit
    ]


def _patterns(converter: Converter) -> str:
    return " ".join(f"`{pattern}`" for pattern in converter.patterns)


def _said(of: object) -> str:
    """What the first paragraph of its docstring says."""
    return " ".join((inspect.getdoc(of) or "").partition("\n\n")[0].split())


def _matrix(rows: list[Row]) -> Iterator[str]:
    numbers = range(1, len(confusion.CONVERTERS) + 1)
    yield line("samples of", *map(str, numbers)) + f"|---|{len(numbers) * '---|'}\n"
    for number, owner in [*enumerate(confusion.CONVERTERS, 1), (0, None)]:
        of = [row for row in rows if row.owner == owner]
        cells = (_cell(of, owner, name) for name in confusion.CONVERTERS)
        yield line(f"{number} {_link(owner)}" if owner else "nobody", *cells)


def _cell(rows: list[Row], owner: str | None, name: str) -> str:
    if name == owner:
        certainties = [row.right for row in rows if not row.sample.refused]
        return f"**{_sure(min(certainties))}**" if certainties else ""
    return _sure(max((row.certainties[name] for row in rows), default=0))


def _files(rows: list[Row]) -> Iterator[str]:
    """Files that everybody says the same of stand together."""
    for (folder, *cells), same in groupby(sorted(rows, key=_like), _like):
        names = ", ".join(f"`{row.sample.path.name}`" for row in same)
        yield line(f"{folder}: {names}", *cells)


def _like(row: Row) -> tuple[str, ...]:
    refused = ", *refused*" if row.sample.refused else ""
    others = ", ".join(f"{name} {_sure(sure)}" for name, sure in row.others.items())
    return row.folder, f"{row.owner or 'nobody'}{refused}", _sure(row.right), others


def _sure(certainty: float) -> str:
    return f"{certainty:.2f}" if certainty > 0 else ""


if __name__ == "__main__":
    sys.stdout.write(reference())
