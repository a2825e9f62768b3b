"""From a draft to the text of a converter."""

from __future__ import annotations

import re
import textwrap
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Final

from pywats_trio.cli.converters.new import literals
from pywats_trio.cli.converters.new.draft import HEAD, Constant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.cli.converters.new.draft import Draft
    from pywats_trio.cli.converters.new.sample import Sample

_TOP: Final = '''"""Begun from $sample.

$explained

While you do, have each save tried at once (in one line):

    pywats-trio converters test samples/$sample --watch
        --converter $module.py:$class
"""

from __future__ import annotations

'''
_EXPLAINED: Final = (
    "Such a file is {}. The tables say what is what in it; correct them until the reports "
    "are right."
)
_HEADER: Final = {
    "serial_number": "not found; without it every file is refused",
    "part_number": "not found; the argument part_number says it, too",
    "start": "not found; the time when the file was written",
    "start_time": "the time of day, where it stands apart",
}
_ROW: Final = {
    "name": "not found; without it no row is read",
    "value": "not found",
    "limit": "the text that is expected of a value",
}
_PLAIN: Final = re.compile(r"[\w.+-]{1,30}", re.ASCII)


def template(name: str, words: Mapping[str, str]) -> str:
    """A template with its blanks filled in."""
    file = resources.files("pywats_trio.cli.converters.new") / "template" / f"{name}.txt"
    return Template(file.read_text("utf-8")).substitute(words)


def blanks(words: Mapping[str, str], sample: Sample, spoken: str) -> dict[str, str]:
    """What the templates have blanks for."""
    suffix = sample.path.suffix
    return {
        **words,
        "sample": sample.name if _PLAIN.fullmatch(sample.name) else "FILE",
        "sample_literal": literals.text(sample.name),
        "spoken": spoken,
        "pattern": f"*{suffix}" if re.fullmatch(r"\.[A-Za-z0-9]{1,12}", suffix) else "*",
    }


def converter(draft: Draft, words: Mapping[str, str], sample: Sample) -> str:
    """The converter."""
    known = {
        **blanks(words, sample, draft.spoken),
        "what": draft.what,
        "explained": textwrap.fill(_EXPLAINED.format(draft.spoken), 86),
        "rows": draft.rows,
    }
    parts = ["run.py", draft.reader + ".py"]
    parts += ["whole.py"] if draft.has_lines else []
    parts += ["report.py", "steps_flat.py" if draft.tables.row is None else "steps_rows.py"]
    return (
        Template(_TOP).substitute(known)
        + _imports(draft)
        + _tables(draft, sample)
        + "".join(template(part, known) for part in parts)
    )


def _imports(draft: Draft) -> str:
    has_rows = draft.tables.row is not None
    common = sorted(
        {"decimals", "local_times", "reading", "unit", "words", *draft.common}, key=str.lower
    )
    first = sorted(line for line in draft.imports if line.startswith("import "))
    then = sorted(
        [
            *(line for line in draft.imports if line.startswith("from ")),
            "from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple",
        ]
    )
    shared = f"from pywats_trio.converters.common import {', '.join(common)}"
    if len(shared) > 88:  # noqa: PLR2004 - the shorter of the two lengths of a line
        inner = "".join(f"    {name},\n" for name in common)
        shared = f"from pywats_trio.converters.common import (\n{inner})"
    ours = [
        "from pywats_trio.converters import Argument, Converter, Reject, Report",
        shared,
        *(["from pywats_trio.converters.common.sequences import Sequences"] if has_rows else []),
    ]
    return "\n".join([*first, *then, "", *ours, "", _for_types(draft, has_rows=has_rows)])


def _for_types(draft: Draft, *, has_rows: bool) -> str:
    builders = "ReportBuilder, Result" + (", SequenceBuilder" if has_rows else "")
    own = [line for line in draft.types if "pywats_trio" in line]
    lines = [
        "if TYPE_CHECKING:",
        *(f"    {line}" for line in draft.types if "pywats_trio" not in line),
        "",
        "    from pywats_trio.converters import Context, Source",
        "    from pywats_trio.converters.common.decimals import Mark",
        *(f"    {line}" for line in own),
        f"    from pywats_trio.reports.builder import {builders}",
        "    from pywats_trio.reports.steps import Status",
    ]
    return "\n".join(lines) + "\n"


def _tables(draft: Draft, sample: Sample) -> str:
    tables = draft.tables
    constants = [
        Constant(
            "HEADER",
            "dict[str, str | None]",
            _names(tables.header, _HEADER),
            "What the file calls what is said of a unit; None: it does not say it.",
        ),
        *_steps_or_row(draft),
        Constant("MISC", "tuple[str, ...]", "()", "What else of a unit is sent, as misc info."),
        Constant(
            "STATUSES",
            "dict[str, Status]",
            literals.table({word: literals.text(s) for word, s in tables.statuses.items()}),
            "What words for a status mean, beside PASS, FAIL and their like: P, F, S, E or T.",
        ),
        Constant(
            "TIME_FORMAT",
            "",
            literals.text(tables.time_format),
            "How a start is written, for strptime; blank: ISO 8601.",
        ),
        Constant(
            "BLANKS",
            "tuple[str, ...]",
            literals.several(tables.blanks),
            "What stands where there is no value or no limit.",
        ),
        Constant("DECIMAL", "Mark", literals.text(tables.decimal), "The decimal mark."),
        *draft.constants,
        Constant(
            "KNOWN_BY",
            "tuple[str, ...]",
            literals.several(_marks(draft, sample)),
            "What stands in the beginning of every such file.",
        ),
    ]
    written = "".join(_constant(one) for one in constants)
    return f"{written}\n{_FIXED}"


_FIXED: Final = """RESULTS: Final[dict[str, Result]] = {"P": "P", "F": "F", "E": "E", "T": "T"}
LONGEST_CODE: Final = 5
"""


def _constant(one: Constant) -> str:
    kind = f"Final[{one.type}]" if one.type else "Final"
    return f"\n# {one.comment}\n{one.name}: {kind} = {one.literal}\n"


def _steps_or_row(draft: Draft) -> list[Constant]:
    tables = draft.tables
    if tables.row is not None:
        comment = "What a row calls its parts; ../ is what stands around it."
        return [Constant("ROW", "dict[str, str | None]", _names(tables.row, _ROW), comment)]
    steps = {
        name: f"({literals.text(unit)}, None, None)" for name, unit in (tables.steps or {}).items()
    }
    return [
        Constant(
            "STEPS",
            "dict[str, tuple[str, float | None, float | None]]",
            literals.table(steps),
            "Which of the values are measurements: unit, low limit and high limit.",
        )
    ]


def _names(table: Mapping[str, str | None], comments: Mapping[str, str]) -> str:
    said = {what: comments[what] for what in comments if table.get(what) is None}
    return literals.table({what: literals.optional(name) for what, name in table.items()}, said)


def _marks(draft: Draft, sample: Sample) -> list[str]:
    """Those that `detect` will see."""
    head = (sample.text or "").encode("utf-8", "replace")[: HEAD // 4].decode("utf-8", "ignore")
    return [mark for mark in draft.marks if mark.isascii() and mark in head]
