"""The pages that somebody wrote about each format, as the reference page holds them."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from tests import pages

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = pages.ROOT / "docs" / "reference" / "formats"
"""A page for each converter, `ID.md`; the reference holds them all."""
ANCHOR: Final = re.compile(r"\]\(#([^)]+)\)")
"""A link to another section of its own page."""

_EXAMPLE: Final = re.compile(r"<!-- example: (?P<file>[^\n]+) -->\n+")
_TITLE: Final = re.compile(r"# (?P<id>[\w-]+): (?P<title>[^\n]+)\n+")
_HEADING: Final = re.compile(r"^(#+) ", re.MULTILINE)
_SECTION: Final = re.compile(r"^(?=## )", re.MULTILINE)
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
    example = _EXAMPLE.search(text)
    intro, *sections = _SECTION.split(_EXAMPLE.sub("", text[title.end() :]))
    return Page(
        title["title"], intro.strip(), "".join(sections), example["file"] if example else ""
    )


def moved(text: str) -> str:
    """Text of a page in `formats` as it stands on this one: a level deeper, links from here."""
    text = _HEADING.sub(r"#\1 ", text)
    return _LINK.sub(lambda m: f"]({posixpath.normpath(f'formats/{m[1]}')}", text)
