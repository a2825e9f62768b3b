"""What kind of file a sample is: one module for each kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pywats_trio.cli.converters.new.looks import jsons, keys, tables, texts, xmls

if TYPE_CHECKING:
    from pywats_trio.cli.converters.new.draft import Draft
    from pywats_trio.cli.converters.new.sample import Sample

_STRUCTURED: Final = (xmls.look, jsons.look)
_ALL: Final = (*_STRUCTURED, tables.look, keys.look)
_MARKUP: Final = re.compile(r"\s*(?:<[?!A-Za-z]|[{]|\[\s*[{])")
"""The beginning of what is XML or JSON, or was to be."""


def look(sample: Sample, text: str) -> Draft:
    """What it is; text of which nothing is known where nothing else fits."""
    is_markup = _MARKUP.match(text) is not None
    found = (one(sample, text) for one in (_STRUCTURED if is_markup else _ALL))
    draft = next((one for one in found if one is not None), None) or texts.look(sample, text)
    if is_markup and draft.reader == "read_text":
        draft.tables.notes.append("it begins as XML or JSON, but is none: is the sample whole?")
    return draft
