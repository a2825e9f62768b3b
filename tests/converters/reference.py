"""The reference page of the converters, made from their classes, their pages and their samples.

`python -m tests.converters.reference > docs/reference/converters.md`; a test compares the two.
"""

from __future__ import annotations

import inspect
import json
import posixpath
import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import Argument, FolderConverter
from pywats_trio.converters.common import unit
from pywats_trio.converters.registry import FORMATS, STANDARD, SURE_ENOUGH
from pywats_trio.converters.standard.auto import standard
from tests import pages
from tests.converters import confusion, examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pywats_trio.converters.api import Converter
    from tests.converters.confusion import Row
    from tests.samples import Sample

FOLDER: Final = pages.ROOT / "docs" / "reference" / "formats"
"""A page written by hand for each converter, `ID.md`; this one holds them all."""

SHARED: Final = {
    **unit.ARGUMENTS,
    "timezone": unit.TIMEZONE,
    "encoding": unit.ENCODING,
    "decimal": unit.DECIMAL,
}
"""Arguments that mean the same wherever they are declared."""

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

ARGUMENTS_HEAD: Final = "| argument | type | default | range | |\n|---|---|---|---|---|\n"
EXAMPLE: Final = re.compile(r"<!-- example: (?P<file>[^\n]+) -->\n+")
_TITLE: Final = re.compile(r"# (?P<id>[\w-]+): (?P<title>[^\n]+)\n+")
_HEADING: Final = re.compile(r"^(#+) ", re.MULTILINE)
_SECTION: Final = re.compile(r"^(?=## )", re.MULTILINE)
ANCHOR: Final = re.compile(r"\]\(#([^)]+)\)")
_LINK: Final = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@frozen
class Page:
    """What somebody wrote about a format."""

    title: str
    """Whose testers, what files."""
    intro: str
    sections: str
    """Everything from the first heading on."""
    example: str
    """The name of a sample; empty: none is named."""


def page_of(file: Path) -> Page:
    """The page in its parts.

    Raises:
        ValueError: it does not begin with `# id: title`, the id that of its file.
    """
    text = file.read_text("utf-8")
    title = _TITLE.match(text)
    if title is None or title["id"] != file.stem:
        raise ValueError(f"{file.name} does not begin with '# {file.stem}: …'")
    example = EXAMPLE.search(text)
    intro, *sections = _SECTION.split(EXAMPLE.sub("", text[title.end() :]))
    return Page(
        title["title"], intro.strip(), "".join(sections), example["file"] if example else ""
    )


def reference() -> str:
    """The whole page; the same on every machine."""
    rows = confusion.matrix(confusion.ours())
    known = {(row.folder, row.sample.path.name): row.sample for row in rows}
    text = [HEAD, *_overview(), COMMON, ARGUMENTS_HEAD, *_arguments(SHARED)]
    with examples.clock():
        for name in STANDARD:
            text += _converter(name, known)
    return "".join([*text, CONFUSION, *_matrix(rows), FILES, *_files(rows)])


def _overview() -> Iterator[str]:
    yield "| tester, format | `type` | names of files | reports |\n|---|---|---|---|\n"
    for name in STANDARD:
        converter, page = standard(name), page_of(FOLDER / f"{name}.md")
        yield _row(page.title, _link(name), _patterns(converter), _said(type(converter)))


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
    yield from _settings(converter)
    yield f"\n{moved(page.sections)}" if page.sections else ""
    if page.example:
        sample = known[name, page.example]
        yield f"\n### Example\n\n{examples.taken(sample, converter)}\n"
        yield examples.answered(sample, converter)


def moved(text: str) -> str:
    """Text of a page in `formats` as it stands on this one: a level deeper, links from here."""
    text = _HEADING.sub(r"#\1 ", text)
    return _LINK.sub(lambda m: f"]({posixpath.normpath(f'formats/{m[1]}')}", text)


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


def _settings(converter: Converter) -> Iterator[str]:
    declared = converter.arguments
    shared = [name for name, one in SHARED.items() if declared.get(name) is one]
    own = {name: one for name, one in declared.items() if name not in shared}
    if shared:
        names = " ".join(f"`{name}`" for name in shared)
        yield f"\nArguments for [what files leave out](#what-files-leave-out): {names}.\n"
    if own:
        yield f"\n{ARGUMENTS_HEAD}"
        yield from _arguments(own)


def _arguments(declared: Mapping[str, Argument]) -> Iterator[str]:
    tables = [name for name in declared if name in STANDARD]
    for name, one in declared.items():
        if name not in tables:
            yield _row(f"`{name}`", one.type.__name__, _default(one), _range(one), one.help)
    if tables:
        names = " ".join(f"`{name}`" for name in tables)
        yield _row(names, "dict", "", "", "a table of the arguments of that converter")


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    return "" if argument.default in (None, "", {}) else _literal(argument.default)


def _range(argument: Argument) -> str:
    if argument.choices == FORMATS:
        return "types on this page"
    if argument.choices:
        return " ".join(_literal(choice) for choice in argument.choices if choice != "")
    low, high = argument.minimum, argument.maximum
    if low is None and high is None:
        return f"matches `{argument.pattern}`" if argument.pattern else ""
    return f"{low:,} or more" if high is None else f"{low or 0:,} to {high:,}"


def _literal(value: Any) -> str:
    """As it stands in TOML."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _matrix(rows: list[Row]) -> Iterator[str]:
    numbers = range(1, len(confusion.CONVERTERS) + 1)
    yield _row("samples of", *map(str, numbers)) + f"|---|{len(numbers) * '---|'}\n"
    for number, owner in [*enumerate(confusion.CONVERTERS, 1), (0, None)]:
        of = [row for row in rows if row.owner == owner]
        cells = (_cell(of, owner, name) for name in confusion.CONVERTERS)
        yield _row(f"{number} {_link(owner)}" if owner else "nobody", *cells)


def _cell(rows: list[Row], owner: str | None, name: str) -> str:
    if name == owner:
        certainties = [row.right for row in rows if not row.sample.refused]
        return f"**{_sure(min(certainties))}**" if certainties else ""
    return _sure(max((row.certainties[name] for row in rows), default=0))


def _files(rows: list[Row]) -> Iterator[str]:
    """Files that everybody says the same of stand together."""
    for (folder, *cells), same in groupby(sorted(rows, key=_like), _like):
        names = ", ".join(f"`{row.sample.path.name}`" for row in same)
        yield _row(f"{folder}: {names}", *cells)


def _like(row: Row) -> tuple[str, ...]:
    refused = ", *refused*" if row.sample.refused else ""
    others = ", ".join(f"{name} {_sure(sure)}" for name, sure in row.others.items())
    return row.folder, f"{row.owner or 'nobody'}{refused}", _sure(row.right), others


def _sure(certainty: float) -> str:
    return f"{certainty:.2f}" if certainty > 0 else ""


def _row(*cells: str) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
