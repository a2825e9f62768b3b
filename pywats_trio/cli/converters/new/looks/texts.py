"""Any other text: what stands behind labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pywats_trio.cli.converters.new import guess
from pywats_trio.cli.converters.new.draft import Constant, Draft
from pywats_trio.cli.converters.new.looks.tables import line_constants
from pywats_trio.cli.converters.new.sample import lines

if TYPE_CHECKING:
    from pywats_trio.cli.converters.new.guess import Cells
    from pywats_trio.cli.converters.new.sample import Sample

_LABELS: Final = re.compile(
    r"\b(?:serial\s?(?:number|num|no\.?|nr\.?)?|s/n|sn|seriennummer|barcode"
    r"|part\s?(?:number|num|no\.?|nr\.?)|p/n|pn|product|model"
    r"|start\s?(?:time|date)?|test\s?(?:date|time)|date|datum|time"
    r"|operator|user|tester|station|batch|lot"
    r"|(?:test\s|overall\s|final\s)?(?:result|status|verdict))\b",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"\s{2,}|[\t,;|]")
_LOOKED_AT: Final = 2000
"""Lines."""


def look(sample: Sample, text: str) -> Draft:
    """The labels that it has."""
    facts: Cells = {}
    for line in lines(text)[:_LOOKED_AT]:
        for match in _LABELS.finditer(line[:1000]):
            _before, _found, behind = line.partition(match[0])
            value = _BETWEEN.split(behind.lstrip(" \t:=#."))[0].strip()
            if value:
                facts.setdefault(match[0], value)
    draft = Draft(
        "text of which no more is known",
        "read_text",
        imports=("import re",),
        types=("from collections.abc import Iterable, Iterator, Mapping",),
        has_lines=True,
    )
    guess.header(draft.tables, [facts])
    draft.tables.steps = {}
    draft.marks = [name for name in draft.tables.header.values() if name][:2]
    draft.constants = [
        Constant(
            "BETWEEN",
            "",
            r're.compile(r"\s{2,}|[\t,;|]")',
            "What ends the text behind a label; the end of the line does, too.",
        ),
        *line_constants(sample, text),
    ]
    return draft
